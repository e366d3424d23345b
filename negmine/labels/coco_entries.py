"""The entries of a COCO JSON with every key that they have, to be written again as they are.

Readers of labels keep what decides about a detection alone, since masks fill most of a file; an export reads it again.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from negmine.errors import LabelError
from negmine.files import read_regular
from negmine.labels.base import Feature
from negmine.labels.coco_annotation import numbers_in
from negmine.labels.coco_json import LARGEST
from negmine.labels.plan import FileEntry, Outline, SourceLabel
from negmine.paths import printable

_ROUNDED = 1.0  # pixels that the corners of a box may be off, where they are given as a polygon

_Entry = Mapping[str, object]


class CocoEntries:
    """A COCO JSON, which is read when the first image is asked for; threads may ask at the same time.

    Args:
        path: of a file that has been read as COCO already.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        self._whole: _Whole | None = None

    def label(self, image_id: object) -> SourceLabel:
        """What the file says of an image.

        Args:
            image_id: as the file has it; `7`, `7.0` and `"7"` are the same where only one of them is there.

        Raises:
            LabelError: where the file cannot be read any more, or has no such image.
        """
        with self._lock:
            self._whole = self._whole or _Whole.read(self._path)
        key = self._whole.key(image_id)
        if key is None:
            raise LabelError(_changed(self._path))
        annotations = self._whole.annotations.get(key, [])
        features = frozenset(feature for annotation in annotations for feature in _features(annotation))
        return SourceLabel(FileEntry(self._whole.images[key], annotations, self._whole.document), features)

    def outlines(self, image_id: object) -> Sequence[Outline] | None:
        """The outline of each annotation of an image, pixels; None where one has a shape, and no outline.

        Raises:
            LabelError: as `label`.
        """
        content = self.label(image_id).content
        found = [_outline(each) for each in content.annotations] if isinstance(content, FileEntry) else []
        outlines = [each for each in found if each is not None]
        return outlines if len(outlines) == len(found) else None


def _changed(path: Path) -> str:
    return f"{printable(path)} has changed since it was read; run the same command again"


@dataclass(frozen=True, slots=True)
class _Whole:
    """All that a COCO JSON says.

    Attributes:
        images: by id.
        by_text: the ids by how they are written.
        annotations: by the id of their image.
        document: all other keys.
    """

    images: Mapping[object, _Entry]
    by_text: Mapping[str, object]
    annotations: Mapping[object, Sequence[_Entry]]
    document: _Entry

    @classmethod
    def read(cls, path: Path) -> _Whole:
        try:
            document = json.loads(read_regular(path, most=LARGEST))
            images = {_key(entry["id"]): entry for entry in document["images"]}
            annotations: dict[object, list[_Entry]] = defaultdict(list)
            others = {key: value for key, value in document.items() if key not in ("images", "annotations")}
            found = cls(images, {str(key): key for key in images}, annotations, others)
            for entry in document.get("annotations") or []:
                annotations[found.key(entry.get("image_id"))].append(entry)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise LabelError(_changed(path)) from error
        return found

    def key(self, image_id: object) -> object:
        """Of `images`; None where it has no such image."""
        key = _key(image_id)
        return key if key in self.images else self.by_text.get(str(key))


def _key(number: object) -> object:
    """An id by which entries are found; None for what is none."""
    if isinstance(number, float) and number.is_integer():
        return int(number)
    return number if isinstance(number, (int, str)) else None


def _features(annotation: _Entry) -> list[Feature]:
    """What an annotation says beyond class, box and crowd."""
    attributes, key_points = annotation.get("attributes"), annotation.get("keypoints")
    found = [Feature.MASKS] if _has_mask(annotation) else []
    if isinstance(key_points, list) and any(key_points):
        found.append(Feature.KEYPOINTS)
    if isinstance(attributes, dict) and attributes.get("rotation"):  # of CVAT, in degrees
        found.append(Feature.ORIENTED_BOXES)
    return found


def _outline(annotation: _Entry) -> Outline | None:
    """The polygons of an annotation, () where it is but a box; None for run lengths, and for a turned box."""
    features, polygons = _features(annotation), annotation.get("segmentation")
    if Feature.ORIENTED_BOXES in features:
        return None
    if Feature.MASKS not in features:
        return ()
    parts = list(map(_numbers, polygons)) if isinstance(polygons, list) else [()]
    if any(len(numbers) < 6 or len(numbers) % 2 for numbers in parts):
        return None
    return tuple(tuple(zip(numbers[::2], numbers[1::2], strict=True)) for numbers in parts)


def _has_mask(annotation: _Entry) -> bool:
    """Whether there is a mask that is more than the box, which some tools write as a polygon too."""
    segmentation = annotation.get("segmentation")
    if not isinstance(segmentation, list):
        return bool(segmentation)
    return any(segmentation) and not (len(segmentation) == 1 and _is_box(segmentation[0], annotation.get("bbox")))


def _is_box(polygon: object, bbox: object) -> bool:
    """Whether every point of a polygon is a corner of the box, and every corner of the box a point."""
    numbers, sides = _numbers(polygon), _numbers(bbox)
    if len(sides) != 4 or len(numbers) not in (8, 10):  # 10 where the first point is repeated
        return False
    x, y, width, height = sides
    corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
    points = list(zip(numbers[::2], numbers[1::2], strict=True))
    near = [[math.dist(point, corner) <= _ROUNDED for corner in corners] for point in points]
    return all(map(any, near)) and all(map(any, zip(*near, strict=True)))


def _numbers(values: object) -> Sequence[float]:
    """The numbers of a list; none where it is no list of numbers."""
    return (numbers_in(values) if isinstance(values, list) else None) or []
