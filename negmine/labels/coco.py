"""COCO: one JSON file with images, annotations and categories."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from negmine.errors import LabelError
from negmine.labels.checks import Box, clipped_box, require_size
from negmine.labels.coco_json import CocoDocument, Entry, as_id
from negmine.labels.files import hash_of
from negmine.labels.pairing import LabelIndex, first_existing
from negmine.paths import printable, sortable
from negmine.structures import GroundTruth


@dataclass(frozen=True, slots=True)
class _Annotation:
    """What decides about a detection; segmentations, which fill most of a file, are let go."""

    number: object
    class_name: str | None  # None where the category is not listed
    category: object
    bbox: object
    crowd: bool

    @classmethod
    def of(cls, entry: Entry, names: Mapping[object, str]) -> _Annotation:
        category = entry.get("category_id")
        return cls(entry.get("id"), names.get(as_id(category)), category, entry.get("bbox"), bool(entry.get("iscrowd")))


@dataclass(frozen=True, slots=True)
class _Labelled:
    """One entry of `images` with its annotations."""

    number: object
    size: tuple[object, object]
    annotations: Sequence[_Annotation]


class CocoTruth:
    """The annotations of a COCO JSON. An image that is listed without annotations is empty, one not listed unlabelled.

    Args:
        path: the JSON file.

    Attributes:
        images: the image files that it lists.
        lost: the names that it lists of which there is no file.

    Raises:
        TruthError: where it is not COCO: no JSON, keys missing, the same id twice, annotations of unlisted images.
    """

    format_name = "COCO"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._where = printable(path)
        document = CocoDocument.read(path)
        annotations: dict[object, list[_Annotation]] = defaultdict(list)
        for entry in document.annotations:
            annotations[as_id(entry.get("image_id"))].append(_Annotation.of(entry, document.names))
        self.class_names = tuple(dict.fromkeys(document.names.values()))
        self.images_labelled = len(document.images)
        self._index: LabelIndex[_Labelled] = LabelIndex()
        likely, possible = _image_folders(path)
        images, lost = list[Path](), list[str]()
        for number, entry in document.images.items():
            name = str(entry.get("file_name") or "").replace("\\", "/")
            labelled = _Labelled(number, (entry.get("width"), entry.get("height")), annotations.get(number, []))
            found = _located(name, likely, possible) if name else []
            self._index.add(labelled, found, [PurePosixPath(name).name] if name else [])
            images += found
            if not found:
                lost.append(name)
        self.images, self.lost = tuple(images), tuple(lost)

    def label_hash(self, image_path: Path) -> str | None:
        """The hash of what the file says of an image; see `Truth.label_hash`."""
        labelled = self._index.find(image_path)
        if labelled is None:
            return None
        said = [labelled.size, *((a.class_name, a.bbox, a.crowd) for a in labelled.annotations)]
        return hash_of(json.dumps(said, sort_keys=True).encode())

    def object_names(self, image_path: Path) -> tuple[str, ...] | None:
        """The class of every object; see `Truth.object_names`."""
        labelled = self._index.find(image_path)
        if labelled is None:
            return None
        where = f"{self._where}, image {_shown(labelled.number)}"
        for a in labelled.annotations:
            _xywh(a.bbox, f"{where}, annotation {_shown(a.number)}")  # what has no box counts as no object
        return tuple(_class_name(a, f"{where}, annotation {_shown(a.number)}") for a in labelled.annotations)

    def read(self, image_path: Path, size_wh: tuple[int, int]) -> GroundTruth | None:
        """The objects of an image; see `Truth.read`."""
        labelled = self._index.find(image_path)
        if labelled is None:
            return None
        where = f"{self._where}, image {_shown(labelled.number)}"
        require_size(_size(labelled.size, where), size_wh, where)
        boxes = [_box(a.bbox, size_wh, f"{where}, annotation {_shown(a.number)}") for a in labelled.annotations]
        names = [_class_name(a, f"{where}, annotation {_shown(a.number)}") for a in labelled.annotations]
        return GroundTruth.of(boxes, names, crowd=[a.crowd for a in labelled.annotations])


def _class_name(annotation: _Annotation, where: str) -> str:
    if annotation.class_name is None:
        raise LabelError(
            f"{where}: category {_shown(annotation.category)} is not among the categories of the file; add it there"
        )
    return annotation.class_name


def _box(bbox: object, size_wh: tuple[int, int], where: str) -> Box:
    """From xywh to xyxy, clipped."""
    x, y, width, height = _xywh(bbox, where)
    return clipped_box((x, y, x + width, y + height), size_wh, where)


def _xywh(bbox: object, where: str) -> list[float]:
    """The four numbers."""
    numbers = _numbers(bbox) if isinstance(bbox, list) else None
    if numbers is None or len(numbers) != 4:
        raise LabelError(f"{where}: expected a bbox of four numbers x, y, width, height, found {_shown(bbox)}")
    return numbers


def _size(size: tuple[object, object], where: str) -> tuple[int, int]:
    """Width and height, 0 where the file does not say."""
    numbers = _numbers([side or 0 for side in size])
    if numbers is None or not all(number.is_integer() for number in numbers):
        raise LabelError(f"{where}: width and height are no whole numbers, {_shown(size)}; correct them")
    return int(numbers[0]), int(numbers[1])


def _numbers(values: Sequence[object]) -> list[float] | None:
    """As floats; None where one is no number, or one that no float can hold."""
    try:
        return [float(value) for value in values if isinstance(value, (int, float))] if _all_numbers(values) else None
    except OverflowError:
        return None


def _all_numbers(values: Sequence[object]) -> bool:
    return all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)


def coco_split_name(path: Path) -> str:
    """`train` of `instances_train.json`, and of `train/_annotations.coco.json`."""
    return path.absolute().parent.name if path.name.startswith("_annotations") else path.stem.removeprefix("instances_")


def _image_folders(path: Path) -> tuple[list[Path], list[Path]]:
    """Where images may be: first beside the JSON, and in folders that are called as its split is; else in `images`
    there or in the folder above, and one level below that."""
    homes, split = (path.parent, path.parent.parent), coco_split_name(path)
    likely = [path.parent, *(home / name for home in homes for name in (Path("images") / split, split))]
    possible: list[Path] = []
    for home in homes:
        images = home / "images"
        below = sorted((path for path in images.iterdir() if path.is_dir()), key=sortable) if images.is_dir() else []
        possible += [home, images, *below]
    return likely, possible


def _located(name: str, likely: Sequence[Path], possible: Sequence[Path]) -> list[Path]:
    """The file of a name; several where any of them could be meant."""
    first = first_existing(likely, name)
    found = [first] if first else [image for folder in possible if (image := first_existing([folder], name))]
    return list({os.path.realpath(image): image for image in found}.values())


def _shown(value: object) -> str:
    """A value out of the file for a message: one line, not too long."""
    return printable(repr(value)[:80])
