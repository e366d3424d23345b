"""How large the labelled objects of images are; of the images only the headers are read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from negmine.detectors.tiling.auto import ObjectSizes
from negmine.errors import ImageError, LabelError
from negmine.images.windows import upright_size
from negmine.labels.base import Truth
from negmine.structures import FloatArray

_LOOKED_AT = 1000  # images; they are spread over all


def object_sizes(truth: Truth, images: Sequence[Path]) -> ObjectSizes:
    """The sizes of the objects in images; what cannot be read is left out, as is a crowd.

    Args:
        truth: the labels.
        images: of many, a thousand are looked at.
    """
    sides, wholes = [np.zeros((0, 2))], [np.zeros((0, 2))]
    for sides_wh, size_wh in _each(truth, images[:: max(len(images) // _LOOKED_AT, 1)]):
        sides.append(sides_wh)
        wholes.append(np.tile(np.array(size_wh, dtype=np.float64), (len(sides_wh), 1)))
    return ObjectSizes(np.concatenate(sides), np.concatenate(wholes))


def _each(truth: Truth, images: Sequence[Path]) -> Iterable[tuple[FloatArray, tuple[int, int]]]:
    for path in images:
        try:
            size_wh = upright_size(path)
            found = truth.read(path, size_wh)
        except (ImageError, LabelError, OSError, ValueError):  # whoever uses the image says what is wrong with it
            continue
        if found is not None and len(found):
            boxes = found.boxes_xyxy[~found.crowd]
            yield boxes[:, 2:] - boxes[:, :2], size_wh
