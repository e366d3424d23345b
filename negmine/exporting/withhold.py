"""Which negatives of a bank an export leaves out because of the data set that it mixes them into."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from negmine.bank.records import Cut, Negative, Variant
from negmine.exporting.merge import DataImage
from negmine.held_out import HeldOut
from negmine.structures import FloatArray
from negmine.trainable import KnownImages, TrainingRule

PRESENT = "they are in the data set already"


class Withholding:
    """The rule of what may be trained on, and that no image is written twice. Files are compared by their bytes.

    Args:
        images: of the data set; all of them, those that are not exported too.
    """

    def __init__(self, images: Sequence[DataImage]) -> None:
        self._rule = TrainingRule(known_images(images))
        self._empty = {
            image.sha256 for image in images if image.truth is not None and not len(image.truth) and image.splits
        }

    def of_negative(self, negative: Negative, cuts: Sequence[Cut]) -> str | None:
        """Why a negative is left out, None where it is not.

        Args:
            negative: of a bank.
            cuts: all that it was cut from.
        """
        return self._rule.refusal(negative, cuts) or self._present(negative.sha256)

    def of_variant(self, variant: Variant) -> str | None:
        """The same for the file of a variant, whose negative may be exported."""
        return self._rule.refusal_of_variant(variant) or self._present(variant.sha256)

    def _present(self, sha256: str) -> str | None:
        return PRESENT if sha256 in self._empty else None


def known_images(images: Sequence[DataImage]) -> KnownImages:
    """What a data set says of its images; what is only in splits that are not trained on is held out."""
    boxes: dict[str, list[FloatArray]] = defaultdict(list)
    for image in images:
        if image.sha256 is not None and image.problem is None and image.truth is not None:
            boxes[image.sha256].append(image.truth.boxes_xyxy)
    read = [image for image in images if image.sha256 is not None]
    return KnownImages(
        held_out=HeldOut(frozenset(str(image.sha256) for image in read if image.is_held_out)),
        objects={sha256: np.concatenate(each) for sha256, each in boxes.items()},  # files may share their bytes
        unclear=frozenset(str(image.sha256) for image in read if image.problem is not None),
    )
