"""Text files with boxes in pixels: of one image each, or of one class each, as the VOC devkit wants them.

- `STEM.txt` with rows `class score x1 y1 x2 y2` or `class x1 y1 x2 y2 score`, as scripts around DETR, YOLOX and mAP
  tools write them; a class is a number or a name.
- `comp4_det_test_CLASS.txt` with rows `image score x1 y1 x2 y2`, pixels counted from 1: YOLOX's and Detectron2's VOC
  evaluators.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Literal

from negmine.detectors.predictions.base import Predictions
from negmine.detectors.predictions.collecting import FoundBox, collected
from negmine.detectors.predictions.names import image_name
from negmine.detectors.predictions.yolo import lines_of
from negmine.errors import PredictionsError

Layout = Literal["score first", "score last"]
_OF_CLASS = re.compile(r"(?:comp\d[^_]*_)?det_[^_]+_(.+)")
_LEAST_PIXELS = 2.0  # a coordinate of this or more is no share of an image


def is_voc_results(paths: Collection[Path]) -> bool:
    """Whether files are named as the VOC devkit wants the results of a class to be."""
    return bool(paths) and all(_OF_CLASS.fullmatch(path.stem) for path in paths)


def read_voc_results(texts: Mapping[Path, bytes], home: Path, class_names: Path | None) -> Predictions:
    """Read files of one class each.

    Args:
        texts: contents by path.
        home: their folder.
        class_names: the classes that there are; None for those of the files.

    Raises:
        PredictionsError: where a row is something else.
    """
    found = []
    for path, data in texts.items():
        name = _OF_CLASS.fullmatch(path.stem)
        for where, line in lines_of(path, data):
            fields = line.split()
            numbers = _numbers(fields[1:])
            if len(fields) != 6 or numbers is None or name is None:
                raise PredictionsError(f"{where}: expected `image score x1 y1 x2 y2`, found {len(fields)} values")
            score, x1, y1, x2, y2 = numbers
            box = (x1 - 1, y1 - 1, x2 - 1, y2 - 1)  # the devkit counts from 1
            found.append(FoundBox(image_name(fields[0]), box, score, name[1], where))
    files = [(path.name, data) for path, data in texts.items()]
    return collected(found, files, home, class_names=class_names, base=None)


def layout_of(texts: Mapping[Path, bytes]) -> Layout | None:
    """The layout in pixels that all rows have; None where they have none, or may be shares of the image."""
    rows = [line.split() for path, data in texts.items() for _, line in lines_of(path, data)]
    boxes = [_numbers(row[1:]) for row in rows]
    if not rows or any(each is None or len(each) != 5 for each in boxes):
        return None
    known = [each for each in boxes if each is not None]
    if all(max(each) < _LEAST_PIXELS for each in known):
        return None
    layouts: dict[Layout, bool] = {
        "score first": all(0 <= s <= 1 and x2 >= x1 and y2 >= y1 for s, x1, y1, x2, y2 in known),
        "score last": all(0 <= s <= 1 and x2 >= x1 and y2 >= y1 for x1, y1, x2, y2, s in known),
    }
    fitting = [layout for layout, fits in layouts.items() if fits]
    return fitting[0] if len(fitting) == 1 else None


def read_rows(
    texts: Mapping[Path, bytes], home: Path, layout: Layout, class_names: Path | None, base: Literal[0, 1] | None
) -> Predictions:
    """Read files of one image each.

    Args:
        texts: contents by path; each is named after its image.
        home: their folder.
        layout: of all rows.
        class_names: of the classes; None where rows name them.
        base: the number of the first class; None where the numbers tell.

    Raises:
        PredictionsError: where a class has no name.
    """
    found = []
    for path, data in texts.items():
        for where, line in lines_of(path, data):
            first, *rest = line.split()
            numbers = _numbers(rest) or []
            score, box = (numbers[0], numbers[1:]) if layout == "score first" else (numbers[4], numbers[:4])
            label: int | str = int(first) if first.isdecimal() else first
            found.append(FoundBox(image_name(path.stem), (box[0], box[1], box[2], box[3]), score, label, where))
    files = [(path.name, data) for path, data in texts.items()]
    return collected(found, files, home, class_names=class_names, base=base)


def _numbers(fields: Sequence[str]) -> list[float] | None:
    try:
        return [float(each) for each in fields]
    except ValueError:
        return None
