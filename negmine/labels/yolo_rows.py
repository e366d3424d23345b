"""Reading the rows of one YOLO label file."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from negmine.boxes import Box, box_around
from negmine.errors import LabelError
from negmine.labels.checks import (
    clipped_shares,
    is_placeholder,
    number_in,
    read_label,
    says_background,
    with_ignored_regions,
)
from negmine.labels.plan import Outline
from negmine.paths import printable
from negmine.structures import GroundTruth

_TOLERANCE = 0.01  # a share this far outside [0, 1] is rounding, as for Ultralytics; further, the label is wrong
_BYTE_ORDER_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_ROW = "rows of `class x y width height`"
_NUMBER = r"[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?"
_NUMBER_ALONE = re.compile(_NUMBER)
_FEWEST = 5  # words of a row
# Rows of other formats that come in text files as well.
_OTHER_FORMATS = {
    "KITTI": re.compile(rf"(?:\d+ \d+ )?[^\W\d][\w-]*(?: {_NUMBER}){{14,15}}"),
    "DOTA": re.compile(rf"(?:{_NUMBER} ){{8}}[^\d\s]\S*(?: \d)?|(?:imagesource|gsd):.*"),
    "PASCAL 2005": re.compile(r"# PASCAL Annotation.*"),
    "JSON": re.compile(r"[\[{].*"),
    "XML": re.compile(r"<.*"),
    "comma-separated (VisDrone, MOT or another format)": re.compile(rf"{_NUMBER}(?:, ?{_NUMBER}){{3,}},?"),
}


@dataclass(frozen=True, slots=True)
class YoloRow:
    """An object.

    Attributes:
        class_name: its class.
        box: xyxy, as shares of the image's sides, inside it.
        polygon: x, y, x, y, ... as such shares; () where it is but a box.
    """

    class_name: str
    box: Box
    polygon: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class RowFormat:
    """What a row may hold, by the `data.yaml` of its data set.

    Attributes:
        names: class id to name; ids may have gaps.
        key_point_values: how many values of key points follow a box in a row, 0 without `kpt_shape`.
    """

    names: Mapping[int, str]
    key_point_values: int = 0

    @property
    def key(self) -> str:
        """Text that is another where the same rows would mean something else."""
        return json.dumps([sorted(self.names.items()), self.key_point_values])

    def read(self, path: Path) -> tuple[YoloRow, ...]:
        """The objects of a label file; none where it is empty, or all its boxes are placeholders.

        Raises:
            LabelError: where it cannot be read, or a row is no object.
        """
        rows = [(where, *_numbers(line, where)) for where, line in _lines(path)]
        values = [self._without_key_points(values, where) for where, _, values in rows]
        if says_background(values, printable(path)):
            return ()
        return tuple(
            YoloRow(self._name(number, where), _box(each, where), each if len(each) > 4 else ())
            for (where, number, _), each in zip(rows, values, strict=True)
        )

    def truth(self, path: Path, size_wh: tuple[int, int], class_names: Sequence[str]) -> GroundTruth:
        """The objects of a label file, in pixels.

        Args:
            path: of the file.
            size_wh: of the upright image, pixels.
            class_names: of the data set.

        Raises:
            LabelError: as `read`.
        """
        rows = self.read(path)
        boxes = [[share * side for share, side in zip(row.box, (*size_wh, *size_wh), strict=True)] for row in rows]
        return with_ignored_regions(GroundTruth.of(boxes, [row.class_name for row in rows]), class_names)

    def outlines(self, path: Path, size_wh: tuple[int, int]) -> Sequence[Outline]:
        """The outline of each row of a label file, in pixels.

        Raises:
            LabelError: as `read`.
        """
        return [_outline(row.polygon, size_wh) for row in self.read(path)]

    def _name(self, number: float, where: str) -> str:
        if number not in self.names:  # a float finds the whole number that equals it
            raise LabelError(
                f"{where}: class {number:g} is not among the {len(self.names)} of the data.yaml; name it there"
            )
        return self.names[int(number)]

    def _without_key_points(self, values: Sequence[float], where: str) -> Sequence[float]:
        """The four values of a box, or the six and more of a polygon."""
        count = len(values)
        if self.key_point_values and count == 4 + self.key_point_values:
            if is_placeholder(values[:4]) and not set(values[4:]) <= {0, -1}:
                raise LabelError(
                    f"{where}: the box {list(values[:4])} has no size, and there are key points; give it its box"
                )
            return values[:4]
        if count == 4 or (not self.key_point_values and count >= 6 and count % 2 == 0):
            return values
        also = f"4 + {self.key_point_values}" if self.key_point_values else "3 or more pairs"
        advice = "it looks like a prediction with its score, which is no label" if count == 5 else "correct the row"
        raise LabelError(f"{where}: expected 4 or {also} values after the class, found {count}; {advice}")


def _outline(polygon: Sequence[float], size_wh: tuple[int, int]) -> Outline:
    width, height = size_wh
    points = tuple((x * width, y * height) for x, y in zip(polygon[::2], polygon[1::2], strict=True))
    return (points,) if points else ()


def may_be_rows(path: Path) -> bool:
    """Whether a text file may be a label, of YOLO or of another format: it is empty, or its first line is a row.

    A class may be a word there: such a row cannot be read, and is one all the same.
    """
    try:
        lines = _lines(path)
    except LabelError:
        return True  # what it says is not known
    words = lines[0][1].split() if lines else ["0"] * _FEWEST
    if any(pattern.fullmatch(" ".join(words)) for pattern in _OTHER_FORMATS.values()):
        return True
    return len(words) >= _FEWEST and all(map(_NUMBER_ALONE.fullmatch, words[1:]))


def may_be_predictions(path: Path) -> bool:
    """Whether the first row of a text file is a box with a score, as Ultralytics saves what it predicts."""
    try:
        lines = _lines(path)
    except LabelError:
        return False
    return bool(lines) and len(lines[0][1].split()) == _FEWEST + 1


def _lines(path: Path) -> list[tuple[str, str]]:
    """The rows of a file that are not blank, each with the words for where it is."""
    shown, data = printable(path), read_label(path)
    if data.startswith(_BYTE_ORDER_MARKS):
        raise LabelError(f"{shown}: expected {_ROW} in UTF-8, found text in UTF-16; save it as UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise LabelError(f"{shown}: expected {_ROW}, found no text; label the image again")
    return [(f"{shown}, line {n}", line) for n, line in enumerate(text.splitlines(), 1) if line.strip()]


def _numbers(line: str, where: str) -> tuple[float, list[float]]:
    """Class and values of a row."""
    words = line.split()
    try:
        number, *values = map(number_in, words)
    except ValueError as error:
        row = " ".join(words)
        other = next((name for name, pattern in _OTHER_FORMATS.items() if pattern.fullmatch(row)), None)
        advice = f"it looks like {other}; convert the labels to YOLO" if other else "correct it"
        raise LabelError(f"{where}: expected numbers, found {_quoted(row)}; {advice}") from error
    return number, values


def _quoted(row: str) -> str:
    """A row for a message, where it is numbers for the most part: a link may lead to text that is nobody's business."""
    words = row.split()
    return f"{printable(row[:80])!r}" if 2 * sum(map(_is_like_number, words)) >= len(words) else "text"


def _is_like_number(word: str) -> bool:
    return not word.strip("0123456789.,;+-_eE")


def _box(values: Sequence[float], where: str) -> Box:
    """From the values of a box or polygon to xyxy."""
    if not all(-_TOLERANCE <= value <= 1 + _TOLERANCE for value in values):  # NaN compares false
        raise LabelError(
            f"{where}: expected shares of the image, 0 to 1, found {list(values)}; divide pixels by its size"
        )
    if len(values) == 4:
        x, y, width, height = values
        return clipped_shares((x - width / 2, y - height / 2, x + width / 2, y + height / 2), where)
    return clipped_shares(box_around(zip(values[::2], values[1::2], strict=True)), where)
