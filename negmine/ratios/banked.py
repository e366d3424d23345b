"""What a ratio needs to know of a bank, read at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from negmine.bank.bank import Bank
from negmine.bank.records import Negative, ReviewState, Variant
from negmine.trainable import is_refused, trainable


@dataclass(frozen=True, slots=True)
class Banked:
    """The negatives of a bank that an export would write, and what the bank says of other images.

    Attributes:
        negatives: those that no person rejected or saw a target in, hardest first.
        variants: of those.
        hashes: perceptual hash of each of the negatives, by the sha256 of its file.
        doubted: what a person said of each negative that is not usable, by the sha256 of its file.
        fired: the highest score of a false positive in each scanned image, by the sha256 of its file.
        scanned: images that were scanned.
    """

    negatives: tuple[Negative, ...]
    variants: tuple[Variant, ...]
    hashes: Mapping[str, int]
    doubted: Mapping[str, ReviewState]
    fired: Mapping[str, float]
    scanned: int

    @classmethod
    def none(cls) -> Banked:
        """Where there is no bank."""
        return cls((), (), {}, {}, {}, 0)

    @property
    def contents(self) -> frozenset[str]:
        """The sha256 of every file that an export would write."""
        return frozenset([each.sha256 for each in self.negatives] + [each.sha256 for each in self.variants])


def read_banked(folder: str | Path) -> Banked:
    """Read a bank.

    Raises:
        BankError: where the folder is no bank.
    """
    with Bank(folder) as bank:
        usable, variants = trainable(bank)
        hashes = bank.perceptual_hashes()
        return Banked(
            negatives=tuple(usable),
            variants=tuple(variants),
            hashes={negative.sha256: hashes[negative.id] for negative in usable},
            doubted={negative.sha256: negative.review for negative in bank.negatives() if is_refused(negative)},
            fired=bank.background_scores(),
            scanned=bank.scanned_count(),
        )
