"""What a file of another tool says of one image: a verdict, or where its objects are, or both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from negmine.bank.filters import ReviewState
from negmine.errors import ConfigError, LabelError
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
ReadObjects = Callable[[tuple[int, int]], GroundTruth]


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """What is said of one image.

    Attributes:
        where: in the file, for messages: `line 3`, `task 12`.
        name: path or URL of the image; None where the file has none.
        sha256: of the image, whole or its beginning; None where the file has none.
        verdict: on the negative; None where there is none.
        read: the objects, given the width and height of the image in pixels; None where nobody looked for them.
        problem: why it cannot be used; None where it can.
        is_confirmed_empty: a person looked at the image and found no object, which accepts a negative.
    """

    where: str
    name: str | None = None
    sha256: str | None = None
    verdict: ReviewState | None = None
    read: ReadObjects | None = None
    problem: str | None = None
    is_confirmed_empty: bool = False


def reader_of(
    shapes: Sequence[FrameObject], *, unit: float | None, stated_wh: tuple[int, int], where: str
) -> ReadObjects:
    """What reads shapes as the objects of an image.

    Args:
        shapes: the objects.
        unit: what the sides of the image are in the boxes (1 or 100); None where they are in pixels.
        stated_wh: the size that the file states, pixels; 0 where it does not.
        where: the entry, for messages.
    """

    def read(size_wh: tuple[int, int]) -> GroundTruth:
        require_size(stated_wh, size_wh, where)
        wide, high = (1.0, 1.0) if unit is None else (size_wh[0] / unit, size_wh[1] / unit)
        boxes, names = [], []
        for each in shapes:
            if not each.name or not is_unicode(each.name):
                raise LabelError(f"{where}: an object has no class name that is text; give it one")
            x1, y1, x2, y2 = each.box
            boxes.append(clipped_box((x1 * wide, y1 * high, x2 * wide, y2 * high), size_wh, where))
            names.append(each.name)
        return GroundTruth.of(boxes, names)

    return read


def verdict_of(words: Sequence[str]) -> ReviewState | None:
    """The verdict among tags or choices; None where none of them is one.

    Raises:
        ConfigError: where they are two different ones.
    """
    found = {VERDICTS[word] for each in words if (word := each.strip().lower()) in VERDICTS}
    if len(found) > 1:
        raise ConfigError(f"it has two verdicts, {' and '.join(sorted(found))}")
    return next(iter(found), None)
