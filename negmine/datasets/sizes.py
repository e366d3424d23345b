"""How large the labelled objects of images are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from negmine.detectors.tiling.auto import ObjectSizes
from negmine.errors import ImageError, LabelError
from negmine.images.windows import upright_size
from negmine.labels.base import Truth
from negmine.structures import GroundTruth

LOOKED_AT = 1000  # images whose headers are read; they are spread over all
SizeOf = Callable[[Path], tuple[int, int]]  # width and height of an image, pixels


def object_sizes(
    truth: Truth, images: Sequence[Path], *, most: int | None = LOOKED_AT, size_of: SizeOf = upright_size
) -> ObjectSizes:
    """The sizes of the objects in images. Crowds are left out, and whatever cannot be read.

    Args:
        truth: the labels.
        images: that have them.
        most: images that are looked at, spread over all; None for all.
        size_of: tells the size of an image; by default its header is read.
    """
    sides, wholes, names = [np.zeros((0, 2))], [np.zeros((0, 2))], list[str]()
    some = images if most is None else images[:: max(len(images) // most, 1)]
    for found, size_wh in _each(truth, some, size_of):
        wanted = ~found.crowd
        boxes = found.boxes_xyxy[wanted]
        sides.append(boxes[:, 2:] - boxes[:, :2])
        wholes.append(np.tile(np.array(size_wh, dtype=np.float64), (len(boxes), 1)))
        names += [name for name, is_wanted in zip(found.class_names, wanted, strict=True) if is_wanted]
    return ObjectSizes(np.concatenate(sides), np.concatenate(wholes), tuple(names))


def _each(truth: Truth, images: Sequence[Path], size_of: SizeOf) -> Iterator[tuple[GroundTruth, tuple[int, int]]]:
    for path in images:
        try:
            size_wh = size_of(path)
            found = truth.read(path, size_wh)
        except (ImageError, LabelError, OSError, ValueError):  # whoever uses the image says what is wrong with it
            continue
        if found is not None and len(found):
            yield found, size_wh
