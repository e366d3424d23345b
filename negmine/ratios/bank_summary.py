"""What the check of a ratio needs from a bank, read at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from negmine.bank.bank import Bank
from negmine.bank.filters import ReviewState
from negmine.bank.records import Negative, Variant
from negmine.trainable import trainable, waiting_images

_DOUBTS = ("rejected", "target")


@dataclass(frozen=True, slots=True)
class BankSummary:
    """The negatives of a bank that an export would write, and what the bank knows about other images.

    Attributes:
        negatives: those that may be trained on, hardest first.
        variants: variants of those negatives.
        hashes: perceptual hash of each of those negatives, by the sha256 of its file.
        doubted: the review of each negative that a reviewer rejected or saw a target in, by the sha256 of its file; and
            `target` for each image with a target that is not labelled yet.
        fired: the highest score of a false positive in each scanned image, by the sha256 of its file.
        scanned: number of images that were scanned.
    """

    negatives: tuple[Negative, ...]
    variants: tuple[Variant, ...]
    hashes: Mapping[str, int]
    doubted: Mapping[str, ReviewState]
    fired: Mapping[str, float]
    scanned: int

    @classmethod
    def empty(cls) -> BankSummary:
        """The summary without a bank."""
        return cls((), (), {}, {}, {}, 0)

    @property
    def contents(self) -> frozenset[str]:
        """The sha256 of every file that an export would write."""
        return frozenset([each.sha256 for each in self.negatives] + [each.sha256 for each in self.variants])


def read_bank(folder: str | Path) -> BankSummary:
    """Read a bank.

    Raises:
        BankError: if the folder is not a bank.
    """
    with Bank(folder) as bank:
        usable, variants = trainable(bank)
        hashes = bank.perceptual_hashes()
        doubted = {negative.sha256: negative.review for negative in bank.negatives() if negative.review in _DOUBTS}
        return BankSummary(
            negatives=tuple(usable),
            variants=tuple(variants),
            hashes={negative.sha256: hashes[negative.id] for negative in usable},
            doubted={**dict.fromkeys(waiting_images(bank), "target"), **doubted},
            fired=bank.background_scores(),
            scanned=bank.scanned_count(),
        )
