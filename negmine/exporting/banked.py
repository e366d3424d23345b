"""What a bank has to export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from negmine.bank.bank import Bank
from negmine.bank.records import Cut, Negative, Variant
from negmine.exporting.names import negative_name, variant_name
from negmine.exporting.plan import Picture, StoredFile
from negmine.exporting.withhold import Withholding
from negmine.trainable import trainable


@dataclass(frozen=True, slots=True)
class Banked:
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
    def read(cls, bank: str | Path, *, variants: bool) -> Banked:
        """Read a bank.

        Raises:
            BankError: where the folder is no bank.
        """
        with Bank(bank) as opened:
            negatives, made = trainable(opened)
            return cls(
                negatives, made if variants else [], opened.negative_count(), opened.class_names(), opened.cuts()
            )

    def without(self, withholding: Withholding) -> tuple[Banked, Mapping[str, int]]:
        """What may be mixed into a data set, and how many pictures may not, by reason.

        A variant goes where its negative goes.
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

    def pictures(self) -> list[Picture]:
        """Each of them, negatives first."""
        by_id = {negative.id: negative for negative in self.negatives}
        negatives = [
            Picture(negative_name(n), StoredFile(n.path, n.sha256), n.size_wh, n.review == "accepted")
            for n in self.negatives
        ]
        return negatives + [
            Picture(variant_name(n, v), StoredFile(v.path, v.sha256), v.size_wh, n.review == "accepted")
            for v in self.variants
            for n in (by_id[v.negative_id],)
        ]
