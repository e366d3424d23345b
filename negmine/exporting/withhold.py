"""Which negatives must not be mixed into a data set, since it knows better what they show, or measures on them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from negmine.bank.records import Cut, Negative, Variant
from negmine.boxes import Rect, box_intersection
from negmine.exporting.merge import DataImage
from negmine.structures import FloatArray

HELD_OUT = "they are, or were cut from, images of a split that is not trained on"
TARGET = "the data set has an object there"
UNCLEAR = "the data set has a label there that cannot be read"
PRESENT = "they are in the data set already"


class Withholding:
    """Decides it by the hashes of files, whatever they are called.

    Args:
        images: of the data set; all of them, those that are not exported too.
    """

    def __init__(self, images: Iterable[DataImage]) -> None:
        self._held_out: set[str] = set()
        self._unclear: set[str] = set()
        self._empty: set[str] = set()
        self._objects: dict[str, list[FloatArray]] = defaultdict(list)
        for image in (image for image in images if image.sha256 is not None):
            self._add(image, str(image.sha256))

    def _add(self, image: DataImage, sha256: str) -> None:
        if image.is_held_out:
            self._held_out.add(sha256)
        if image.problem is not None:
            self._unclear.add(sha256)
        elif image.truth is not None and len(image.truth):
            self._objects[sha256].append(image.truth.boxes_xyxy)
        elif image.truth is not None and image.splits:
            self._empty.add(sha256)

    def of_negative(self, negative: Negative, cuts: Sequence[Cut]) -> str | None:
        """Why a negative is left out, None where it is not.

        Args:
            negative: of a bank.
            cuts: all that it was cut from.
        """
        any_of = {negative.sha256, *(cut.sha256 for cut in cuts)}
        if any_of & self._held_out:
            return HELD_OUT
        if negative.sha256 in self._objects or any(self._touches(cut.sha256, cut.rect) for cut in cuts):
            return TARGET
        if any_of & self._unclear:
            return UNCLEAR
        return PRESENT if negative.sha256 in self._empty else None

    def of_variant(self, variant: Variant) -> str | None:
        """The same for the file of a variant, whose negative may be exported."""
        for hashes, reason in (
            (self._held_out, HELD_OUT),
            (self._objects, TARGET),
            (self._unclear, UNCLEAR),
            (self._empty, PRESENT),
        ):
            if variant.sha256 in hashes:
                return reason
        return None

    def _touches(self, sha256: str, rect: Rect) -> bool:
        """Whether an object of a picture is in a part of it."""
        part = np.array([rect], dtype=np.float64)
        return any(bool(box_intersection(part, boxes).any()) for boxes in self._objects.get(sha256, ()))
