"""One annotation of a COCO file, checked as far as that goes without its image."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from negmine.boxes import Box, box_around
from negmine.errors import LabelError
from negmine.labels.checks import is_placeholder
from negmine.labels.coco_json import Entry, Id, as_id, other_kind, shown

_CROWD_FLAGS = ("iscrowd", "ignore", "IsGroupOf")  # of COCO; of Caltech, CityPersons and TinyPerson; of OpenImages
_FALSE, _TRUE = frozenset({"0", "0.0", "false"}), frozenset({"1", "1.0", "true"})


@dataclass(frozen=True, slots=True)
class CocoAnnotation:
    """What decides about a detection; segmentations, which fill most of a file, are not kept.

    Attributes:
        id: as the file has it, for messages.
        class_name: of its category; "" for a placeholder, and where it is broken.
        bbox: x, y, width, height as the file has them; the extent of the polygons where there are these alone.
        is_crowd: what it matches is neither a hit nor a false positive.
        is_placeholder: it stands for no object.
        problem: why it cannot be read; None where it can.
    """

    id: object
    class_name: str = ""
    bbox: Sequence[float] = ()
    is_crowd: bool = False
    is_placeholder: bool = False
    problem: str | None = None

    @classmethod
    def of(cls, entry: Entry, names: Mapping[Id, str]) -> CocoAnnotation:
        """From an entry of `annotations`.

        Args:
            entry: as the file has it.
            names: category id to name.
        """
        number = entry.get("id")
        try:
            bbox = _bbox(entry)
            if is_placeholder(bbox):
                if shape := _shape(entry):
                    raise LabelError(f"the bbox {shown(bbox)} has no size, and there {shape}; correct it")
                return cls(number, bbox=bbox, is_placeholder=True)
            is_crowd = any([_flag(entry, flag) for flag in _CROWD_FLAGS if flag in entry])
            return cls(number, _class_name(entry.get("category_id"), names), bbox, is_crowd)
        except LabelError as error:
            return cls(number, problem=str(error))

    @property
    def box_xyxy(self) -> Box:
        """Its corners, in pixels."""
        x, y, width, height = map(float, self.bbox)
        return x, y, x + width, y + height


def numbers_in(values: Sequence[object]) -> list[float] | None:
    """As floats; None where one is not a number, or too large for a float."""
    try:
        return [float(value) for value in values if isinstance(value, (int, float))] if _all_numbers(values) else None
    except OverflowError:
        return None


def _all_numbers(values: Sequence[object]) -> bool:
    return all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)


def _bbox(entry: Entry) -> Sequence[float]:
    """The four numbers, or the none of a placeholder."""
    bbox, segmentation = entry.get("bbox"), entry.get("segmentation")
    if bbox is None or bbox == []:
        if segmentation:
            return _extent(segmentation)
        if bbox == []:
            return ()
    numbers = numbers_in(bbox) if isinstance(bbox, list) else None
    if not isinstance(bbox, list) or numbers is None or len(numbers) != 4:
        texts = [value for value in bbox if isinstance(value, str)] if isinstance(bbox, list) else []
        text = f"text {shown(texts[0])} in " if texts else ""
        advice = "write numbers without quotes" if texts else "correct it"
        raise LabelError(
            f"expected a bbox of four numbers x, y, width, height, found {text}"
            f"{'none' if bbox is None else shown(bbox)}; {advice}"
        )
    if 0 <= min(numbers) and max(numbers) <= 1 and 0 < numbers[2] * numbers[3] < 1:
        raise LabelError(
            f"the bbox {shown(bbox)} is less than a pixel, as if its sides were shares of the image's; write pixels"
        )
    return bbox


def _extent(segmentation: object) -> Sequence[float]:
    """The x, y, width and height of polygons."""
    if isinstance(segmentation, dict):
        raise LabelError(
            "expected a bbox of four numbers x, y, width, height, found none, and a run-length encoded segmentation, "
            "which negmine does not decode; write its bbox"
        )
    polygons = segmentation if isinstance(segmentation, list) else [segmentation]
    sides: list[float] = []
    for polygon in polygons:
        numbers = numbers_in(polygon) if isinstance(polygon, list) else None
        if numbers is None or len(numbers) < 6 or len(numbers) % 2 or not all(map(math.isfinite, numbers)):
            raise LabelError(
                f"expected a bbox, or polygons of x, y, x, y, ..., found no bbox and {shown(polygon)}; correct it"
            )
        sides += numbers
    x1, y1, x2, y2 = box_around(zip(sides[::2], sides[1::2], strict=True))
    return [x1, y1, x2 - x1, y2 - y1]


def _shape(entry: Entry) -> str:
    """What an annotation has that only an object has, for messages; "" for nothing."""
    if _has_shape(entry.get("segmentation")):
        return "is a segmentation"
    if _has_shape(entry.get("keypoints")):
        return "are keypoints"
    area = entry.get("area")
    return f"is an area of {shown(area)}" if isinstance(area, (int, float)) and area > 0 else ""


def _has_shape(segmentation: object) -> bool:
    """Whether there is a mask or polygon, so an object, whatever its box is."""
    if not isinstance(segmentation, list):
        return bool(segmentation)
    return any(value not in (0, -1) for each in segmentation for value in (each if isinstance(each, list) else [each]))


def _flag(entry: Entry, key: str) -> bool:
    """A mark as people write it: `bool("0")` would be a crowd."""
    value = entry.get(key)
    text = str(value).strip().lower() if isinstance(value, (bool, int, float, str)) else shown(value)
    if value is None or text in _FALSE:
        return False
    if text in _TRUE:
        return True
    raise LabelError(f"expected {key} to be 0 or 1, found {shown(value)}; correct it")


def _class_name(category: object, names: Mapping[Id, str]) -> str:
    number = as_id(category)
    if number is not None and number in names:
        return names[number]
    if kinds := other_kind(category, names):
        raise LabelError(
            f"category {shown(category)} is {kinds[0]}, and the categories have {kinds[1]} for ids; write both alike"
        )
    raise LabelError(f"category {shown(category)} is not among the categories of the file; add it there")
