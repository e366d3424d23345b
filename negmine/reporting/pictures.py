"""Pictures in a report: small, with the box drawn in, as data URIs, and no more of them than a mail can carry.

An image outside of the bank is shown only where its bytes are those that were measured on: the path of a folder that
somebody else made may name any file of the user.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from negmine.bank.bank import Bank
from negmine.bank.browsing import findings, in_crop
from negmine.bank.negative_files import read_negative
from negmine.bank.records import Negative
from negmine.boxes import Box, Rect
from negmine.errors import ImageError
from negmine.files import reason_of
from negmine.images import decode_image
from negmine.images.drawing import Colour, draw_box
from negmine.images.thumbnails import data_uri
from negmine.structures import Image
from negmine.videos.reading import read_source

BUDGET = 4_400_000  # characters of all pictures together, so that a report stays under 5 MB

_SIDE = 240  # pixels of the longer side
_QUALITY = 82
_CONTEXT = 3.0  # sides of the box that are shown of an image
_LEAST_SIDE = 96  # pixels of an image that are shown at least
_LARGEST = 4.0  # how far a small crop is enlarged at most

FALSE: Colour = (40, 90, 240)  # BGR: a false positive is orange
OBJECT: Colour = (110, 190, 40)  # an object is green


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of a report.

    Attributes:
        uri: `data:image/jpeg;base64,...`; None where there is none, and `missing` says why.
        size_wh: pixels.
        alt: what it shows, for those who do not see it.
        missing: why there is no picture.
    """

    uri: str | None
    size_wh: tuple[int, int]
    alt: str
    missing: str | None = None


class Pictures:
    """Makes pictures until the budget is spent.

    Args:
        budget: characters of all of them together.
    """

    def __init__(self, budget: int = BUDGET) -> None:
        self._left = budget
        self.left_out = 0
        self._path: Path | None = None
        self._image: Image | None = None

    def of_negative(self, bank: Bank, negative: Negative, alt: str) -> Picture:
        """A negative, with the boxes of the false positives that it was cut around."""
        here = (found.box_xyxy for found in findings(bank, negative) if found.is_here)
        boxes = [in_crop(box, negative.rect, negative.size_wh) for box in here]
        try:
            image = decode_image(read_negative(bank.folder, negative.sha256))
        except ImageError as error:
            return Picture(None, (1, 1), alt, f"this negative cannot be shown: {error}")
        return self._picture(image, [(box, FALSE) for box in boxes if box is not None], alt)

    def of_image(self, path: Path, sha256: str, box_xyxy: Box, colour: Colour, alt: str) -> Picture:
        """A part of an image, around a box.

        Args:
            path: of the file.
            sha256: of its bytes, as it was when the image was measured on.
            box_xyxy: pixels of the upright image.
            colour: of the box.
            alt: what it shows.
        """
        try:
            image = self._read(path, sha256)
        except (ImageError, OSError, ValueError) as error:
            return _missing(alt, error)
        rect = around(box_xyxy, (image.shape[1], image.shape[0]))
        part = image[rect.y1 : rect.y2, rect.x1 : rect.x2]
        x1, y1, x2, y2 = box_xyxy
        return self._picture(part, [((x1 - rect.x1, y1 - rect.y1, x2 - rect.x1, y2 - rect.y1), colour)], alt)

    def _read(self, path: Path, sha256: str) -> Image:
        """The image; the last one is kept, since several boxes of one image follow each other."""
        if path != self._path or self._image is None:
            source = read_source(path)
            if source.sha256 != sha256:
                raise ImageError("it has changed since it was measured on")
            self._path, self._image = path, source.decode()
        return self._image

    def _picture(self, image: Image, boxes: Sequence[tuple[Box, Colour]], alt: str) -> Picture:
        if self._left <= 0:
            self.left_out += 1
            return Picture(None, (1, 1), alt, "left out to keep this file small")
        small = _drawn(image, boxes)
        uri = data_uri(small, quality=_QUALITY)
        self._left -= len(uri)
        return Picture(uri, (small.shape[1], small.shape[0]), alt)


def around(box_xyxy: Box, size_wh: tuple[int, int]) -> Rect:
    """A square part of an image around a box, moved inside the image; the box is clipped to it."""
    width, height = size_wh
    x1, y1, x2, y2 = box_xyxy
    side = max(_CONTEXT * max(x2 - x1, y2 - y1), _LEAST_SIDE)
    wide, high = round(min(side, width)), round(min(side, height))
    left = min(max(round((x1 + x2 - wide) / 2), 0), width - wide)
    top = min(max(round((y1 + y2 - high) / 2), 0), height - high)
    return Rect(left, top, left + max(wide, 1), top + max(high, 1))


def _drawn(image: Image, boxes: Sequence[tuple[Box, Colour]]) -> Image:
    """The image, small, with the boxes."""
    height, width = image.shape[:2]
    scale = min(_SIDE / max(width, height), _LARGEST)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = np.ascontiguousarray(cv2.resize(image, size, interpolation=method), dtype=np.uint8)
    for box, colour in boxes:
        x1, y1, x2, y2 = (value * scale for value in box)
        draw_box(small, (x1, y1, x2, y2), colour)
    return small


def _missing(alt: str, error: ImageError | OSError | ValueError) -> Picture:
    if isinstance(error, FileNotFoundError):
        return Picture(None, (1, 1), alt, "the image is gone")
    reason = str(error) if isinstance(error, ImageError) else reason_of(error)
    return Picture(None, (1, 1), alt, f"the image cannot be shown: {reason}")
