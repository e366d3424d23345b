"""Writing a YOLO label file: one row of class and shares an object, and nothing for an image without objects."""

from __future__ import annotations

from collections.abc import Mapping

from negmine.errors import LabelError
from negmine.labels.checks import Box, clipped_box
from negmine.paths import printable
from negmine.structures import GroundTruth


def yolo_lines(truth: GroundTruth, size_wh: tuple[int, int], class_ids: Mapping[str, int]) -> str:
    """The rows `class x y width height` of an image's objects, as shares of the image with six digits.

    YOLO has no marks: a `difficult` object is written as any other, a `crowd` is left out, since its box is that of no
    single object. A box under a pixel is grown to one, so that no object is rounded away.

    Args:
        truth: the objects.
        size_wh: of the image, pixels.
        class_ids: class name to number.

    Returns:
        One line an object, in order; "" where there is none.

    Raises:
        LabelError: for an object whose class has no number, or whose box has no area inside the image.
    """
    rows = []
    for index, (box, name, crowd) in enumerate(zip(truth.boxes_xyxy, truth.class_names, truth.crowd, strict=True)):
        if crowd:
            continue
        where = f"object {index} ({printable(name)})"
        if name not in class_ids:
            raise LabelError(
                f"{where}: its class is none of the {len(class_ids)} that are written; add it to the classes"
            )
        x1, y1, x2, y2 = (float(value) for value in box)
        rows.append(f"{class_ids[name]} {_shares(clipped_box((x1, y1, x2, y2), size_wh, where), size_wh)}\n")
    return "".join(rows)


def _shares(box: Box, size_wh: tuple[int, int]) -> str:
    """Centre and size."""
    spans = [_at_least_a_pixel(low, high, side) for low, high, side in zip(box[:2], box[2:], size_wh, strict=True)]
    centres = [(low + high) / 2 / side for (low, high), side in zip(spans, size_wh, strict=True)]
    sizes = [(high - low) / side for (low, high), side in zip(spans, size_wh, strict=True)]
    return " ".join(f"{share:.6f}" for share in (*centres, *sizes))


def _at_least_a_pixel(low: float, high: float, side: int) -> tuple[float, float]:
    """A span, grown about its middle and kept inside the image."""
    if high - low >= 1:
        return low, high
    start = min(max((low + high - 1) / 2, 0.0), side - 1.0)
    return start, start + 1
