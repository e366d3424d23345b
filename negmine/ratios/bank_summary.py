"""What the check of a ratio needs from a bank, read at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from negmine.bank.bank import Bank
from negmine.bank.filters import ReviewState
from negmine.bank.records import Negative, Variant
from negmine.bank.unlabelled_targets import marked_images
from negmine.datasets.labelled import labelled_images
from negmine.datasets.open import Dataset
from negmine.errors import LabelError
from negmine.structures import FloatArray
from negmine.trainable import trainable, waiting_images
from negmine.videos.contents import read_contents

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
        class_names: that its detectors know.
    """

    negatives: tuple[Negative, ...]
    variants: tuple[Variant, ...]
    hashes: Mapping[str, int]
    doubted: Mapping[str, ReviewState]
    fired: Mapping[str, float]
    scanned: int
    class_names: tuple[str, ...] = ()

    @classmethod
    def empty(cls) -> BankSummary:
        """The summary without a bank."""
        return cls((), (), {}, {}, {}, 0)

    @property
    def contents(self) -> frozenset[str]:
        """The sha256 of every file that an export would write."""
        return frozenset([each.sha256 for each in self.negatives] + [each.sha256 for each in self.variants])


def read_bank(folder: str | Path, datasets: Sequence[Dataset] = ()) -> BankSummary:
    """Read a bank.

    Args:
        folder: of the bank.
        datasets: that it is trained on with; their labels end the waiting of images with a target, as in an export.

    Raises:
        BankError: if the folder is not a bank.
    """
    with Bank(folder) as bank:
        objects = objects_that_wait(bank, datasets)
        usable, variants = trainable(bank, objects)
        hashes = bank.perceptual_hashes()
        doubted = {negative.sha256: negative.review for negative in bank.negatives() if negative.review in _DOUBTS}
        return BankSummary(
            negatives=tuple(usable),
            variants=tuple(variants),
            hashes={negative.sha256: hashes[negative.id] for negative in usable},
            doubted={**dict.fromkeys(waiting_images(bank, objects), "target"), **doubted},
            fired=bank.background_scores(),
            scanned=bank.scanned_count(),
            class_names=bank.class_names(),
        )


def objects_that_wait(bank: Bank, datasets: Sequence[Dataset]) -> dict[str, FloatArray]:
    """The objects that data sets have in the images whose target the bank knows no label of.

    Files are compared by their bytes, and read only where there are such images.

    Args:
        bank: open.
        datasets: to look in.

    Returns:
        Boxes [N, 4] by the sha256 of the image, xyxy pixels.
    """
    waiting = waiting_images(bank) if datasets else frozenset()
    if not waiting:
        return {}
    sizes = {each.sha256: each.size_wh for each in marked_images(bank)}
    truths = {dataset.path: dataset.truth for dataset in datasets}
    images = [image for image in labelled_images(datasets) if image.names]
    sha256 = read_contents(list(dict.fromkeys(image.path for image in images)), pixels=False).sha256
    boxes: dict[str, list[FloatArray]] = {}
    for image in images:
        if (found := sha256.get(image.path)) in waiting and found is not None:
            with suppress(LabelError):  # the ratio names it as broken
                if (truth := truths[image.dataset].read(image.path, sizes[found])) is not None:
                    boxes.setdefault(found, []).append(truth.boxes_xyxy)
    return {found: np.concatenate(each) for found, each in boxes.items()}
