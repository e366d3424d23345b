"""The negatives of a bank that may be exported, and their variants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from negmine.bank.bank import Bank
from negmine.bank.records import Cut, Negative, Variant
from negmine.exporting.names import negative_name, variant_name
from negmine.exporting.withhold import Withholding
from negmine.labels.plan import ExportImage, StoredFile
from negmine.trainable import trainable


@dataclass(frozen=True, slots=True)
class BankNegatives:
    """The negatives of a bank and their variants.

    Attributes:
        negatives: that may be trained on, hardest first.
        variants: of these.
        in_bank: how many negatives the bank holds.
        class_names: that its detectors know, those of the first run first.
        cuts: what each negative was cut from, by its number.
    """

    negatives: Sequence[Negative]
    variants: Sequence[Variant]
    in_bank: int
    class_names: tuple[str, ...]
    cuts: Mapping[int, Sequence[Cut]]

    @classmethod
    def read(cls, bank: str | Path, *, variants: bool) -> BankNegatives:
        """Read a bank.

        Raises:
            BankError: where the folder is not a bank.
        """
        with Bank(bank) as opened:
            negatives, made = trainable(opened)
            return cls(
                negatives, made if variants else [], opened.negative_count(), opened.class_names(), opened.cuts()
            )

    def without(self, withholding: Withholding) -> tuple[BankNegatives, Mapping[str, int]]:
        """The negatives that may be merged into a data set, and how many images may not, by reason.

        A variant is left out with its negative.
        """
        reasons = {
            negative.id: withholding.of_negative(negative, self.cuts[negative.id]) for negative in self.negatives
        }
        of_variants = [reasons[each.negative_id] or withholding.of_variant(each) for each in self.variants]
        every = [reason for reason in (*reasons.values(), *of_variants) if reason is not None]
        kept = replace(
            self,
            negatives=[negative for negative in self.negatives if reasons[negative.id] is None],
            variants=[each for each, reason in zip(self.variants, of_variants, strict=True) if reason is None],
        )
        return kept, {reason: every.count(reason) for reason in sorted(set(every))}

    def images(self) -> list[ExportImage]:
        """Each of them, negatives first."""
        by_id = {negative.id: negative for negative in self.negatives}
        negatives = [
            ExportImage(negative_name(n), StoredFile(n.path, n.sha256), n.size_wh, n.review == "accepted")
            for n in self.negatives
        ]
        return negatives + [
            ExportImage(variant_name(n, v), StoredFile(v.path, v.sha256), v.size_wh, n.review == "accepted")
            for v in self.variants
            for n in (by_id[v.negative_id],)
        ]
