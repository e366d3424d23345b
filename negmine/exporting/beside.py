"""The negatives of a bank that may be trained on beside a data set, whether they are merged with it or added to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from negmine.bank.bank import Bank
from negmine.exporting.config import ExportConfig
from negmine.exporting.data_images import DataImages
from negmine.exporting.negatives import BankNegatives, Withholding, known_images
from negmine.trainable import BankHashes, waiting_images


@dataclass(frozen=True, slots=True)
class Beside:
    """What of a bank goes with a data set.

    Attributes:
        read: the negatives of the bank that nothing but the data set speaks against.
        free: those that nothing speaks against.
        withheld: how many negatives and variants the data set speaks against, by reason.
        waiting: sha256 of images with a target that is not labelled yet, which are not trained on.
    """

    read: BankNegatives
    free: BankNegatives
    withheld: Mapping[str, int]
    waiting: frozenset[str]

    @classmethod
    def none(cls) -> Beside:
        """Without a bank."""
        return cls(BankNegatives.none(), BankNegatives.none(), {}, frozenset())

    @classmethod
    def of(cls, data: DataImages, bank: str | Path, config: ExportConfig, *, replaces: bool = False) -> Beside:
        """Ask the one rule of what may be trained on.

        Near-duplicates are compared where the data set has a split that is not trained on.

        Args:
            data: the data set.
            bank: its folder.
            config: whether variants and flickers are wanted.
            replaces: whether negatives of the bank that the data set has among its empty images stand for these.

        Raises:
            BankError: where the folder is not a bank.
        """
        known = known_images(data.images)
        with Bank(bank) as opened:
            waiting = waiting_images(opened, known.objects)
            hashes = _hashes(opened, data) if known.held_out.hashes else None
        read = BankNegatives.read(
            bank, variants=config.variants, objects=known.objects, accept_flicker=config.accept_flicker
        )
        others = data.without_empties(read.contents) if replaces else data
        free, withheld = read.without(Withholding(others.images, known, hashes))
        return cls(read, free, withheld, waiting)


def _hashes(bank: Bank, data: DataImages) -> BankHashes:
    """The perceptual hashes of a bank; those of images of the data set are known."""
    read = {each.sha256: each.phash for each in data.images if each.sha256 is not None and each.phash is not None}
    return BankHashes.read(bank, read)
