"""Boxes that another program found, from whatever it wrote, put together as `Predictions`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from negmine.detectors.class_names import read_class_names, some_names
from negmine.detectors.predictions.base import Predictions, check_row, hash_files, read_file
from negmine.detectors.predictions.names import ImageName
from negmine.detectors.predictions.numbering import numbered
from negmine.errors import PredictionsError
from negmine.paths import printable
from negmine.words import did_you_mean

_Row = tuple[float, float, float, float, float, int]


@dataclass(frozen=True, slots=True)
class FoundBox:
    """A box as it was read.

    Attributes:
        image: that it is in.
        box_xyxy: pixels.
        score: 0 to 1.
        label: the class, by number or by name.
        where: it was read, for a message.
    """

    image: ImageName
    box_xyxy: tuple[float, float, float, float]
    score: float
    label: int | str
    where: str


def collected(
    found: Sequence[FoundBox],
    files: Sequence[tuple[str, bytes]],
    path: Path,
    *,
    class_names: Path | None,
    base: Literal[0, 1] | None,
    listed: Set[ImageName] | None = None,
) -> Predictions:
    """Predictions of boxes.

    Args:
        found: the boxes. Their labels are numbers, or names, the same in all.
        files: names and contents of the files that they were read from.
        path: the file or folder, for messages.
        class_names: of the classes; needed where labels are numbers. Where they are names, they must be among these.
        base: the number of the first class; None where the numbers tell.
        listed: the images that were predicted on; None if only those with boxes are known.

    Raises:
        PredictionsError: for an invalid box or score, or a class without a name.
        ConfigError: where the file of class names cannot be read.
    """
    given = None if class_names is None else read_class_names(class_names)
    if class_names is not None:
        files = [*files, ("names", read_file(class_names))]
    names: Mapping[int, str]
    if any(isinstance(each.label, str) for each in found) or (given is None and not found):
        names = dict(enumerate(sorted({str(each.label) for each in found}))) if given is None else given
        places: dict[object, int] = {name: number for number, name in names.items()}
    elif given is None:
        raise PredictionsError(f"{printable(path)} gives its classes by number; name them with --class-names")
    else:
        names, numbers = given, {each.label for each in found}
        places = numbered(names, numbers, printable(path), printable(class_names or ""), base)
    rows: dict[ImageName, list[_Row]] = defaultdict(list)
    for each in found:
        rows[each.image].append(_row(each, places, names))
    arrays = {name: np.array(each, dtype=np.float64) for name, each in rows.items()}
    return Predictions(names, arrays, False, listed, hash_files(files))


def _row(each: FoundBox, places: Mapping[object, int], names: Mapping[int, str]) -> _Row:
    x1, y1, x2, y2 = each.box_xyxy
    check_row((x1, y1, x2 - x1, y2 - y1), each.score, each.where)
    if each.label not in places:
        known = list(names.values())
        advice = did_you_mean(each.label, known) if isinstance(each.label, str) else ""
        raise PredictionsError(
            f"{each.where}: class {printable(str(each.label))} is not among {some_names(known)}{advice or '; name it'}"
        )
    return (x1, y1, x2, y2, each.score, places[each.label])
