"""What a file of another tool says of one image: a verdict, or where its objects are, or both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from negmine.bank.filters import ReviewState
from negmine.boxes import Box
from negmine.errors import LabelError
from negmine.labels.checks import clipped_box, require_size
from negmine.labels.frames import FrameObject
from negmine.structures import GroundTruth
from negmine.words import is_unicode

VERDICTS: dict[str, ReviewState] = {
    "accept": "accepted",
    "accepted": "accepted",
    "reject": "rejected",
    "rejected": "rejected",
    "target": "target",
    "targets": "target",
    "unreviewed": "unreviewed",
}
ReadObjects = Callable[[tuple[int, int]], tuple[GroundTruth, tuple[str, ...]]]


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """What is said of one image.

    Attributes:
        where: in the file, for messages: `line 3`, `task 12`.
        name: path or URL of the image; None where the file has none.
        sha256: of the image, whole or its beginning; None where the file has none.
        verdicts: on the negative, each once.
        read: the objects, given the width and height of the image in pixels, and why others have no place; None where
            nobody looked for them. It raises LabelError where that cannot be told.
        problem: why it cannot be used; None where it can.
        is_confirmed_empty: a person looked at the image and found no object, which accepts a negative.
    """

    where: str
    name: str | None = None
    sha256: str | None = None
    verdicts: tuple[ReviewState, ...] = ()
    read: ReadObjects | None = None
    problem: str | None = None
    is_confirmed_empty: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """An object, and the size that the file states for its image, pixels; 0 where it does not."""

    object: FrameObject
    stated_wh: tuple[int, int] = (0, 0)


def reader_of(
    shapes: Sequence[Shape], *, unread: Sequence[str] = (), unit: float | None = None, where: str
) -> ReadObjects:
    """What reads shapes as the objects of an image.

    Args:
        shapes: the objects.
        unread: why others cannot be read.
        unit: what the sides of the image are in the boxes (1 or 100); None where they are in pixels.
        where: the entry, for messages.
    """

    def read(size_wh: tuple[int, int]) -> tuple[GroundTruth, tuple[str, ...]]:
        scale_wh = (1.0, 1.0) if unit is None else (size_wh[0] / unit, size_wh[1] / unit)
        boxes, names, problems = list[Box](), list[str](), list(unread)
        for each in shapes:
            try:
                boxes.append(_box_in(each, scale_wh, size_wh, where))
                names.append(each.object.name)
            except LabelError as error:
                problems.append(str(error))
        return GroundTruth.of(boxes, names), tuple(problems)

    return read


def _box_in(shape: Shape, scale_wh: tuple[float, float], size_wh: tuple[int, int], where: str) -> Box:
    require_size(shape.stated_wh, size_wh, where)
    if not shape.object.name or not is_unicode(shape.object.name):
        raise LabelError(f"{where}: an object has no class name that is text; give it one")
    (x1, y1, x2, y2), (wide, high) = shape.object.box, scale_wh
    return clipped_box((x1 * wide, y1 * high, x2 * wide, y2 * high), size_wh, where)


def verdicts_of(words: Sequence[str]) -> tuple[ReviewState, ...]:
    """The verdicts among tags or choices, each once."""
    return tuple(dict.fromkeys(VERDICTS[word] for each in words if (word := each.strip().lower()) in VERDICTS))
