"""COCO: one JSON file with images, annotations and categories."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from negmine.errors import LabelError, TruthError
from negmine.labels.checks import checked_boxes, require_size
from negmine.labels.files import hash_of
from negmine.labels.images import LabelIndex, first_existing
from negmine.paths import printable
from negmine.structures import GroundTruth

_KEYS = ("images", "annotations", "categories")


@dataclass(frozen=True, slots=True)
class _Labelled:
    """One entry of `images` with its annotations."""

    number: object
    entry: Mapping[str, object]
    annotations: Sequence[Mapping[str, object]]


class CocoTruth:
    """The annotations of a COCO JSON. An image that is listed without annotations is empty, one not listed unlabelled.

    Args:
        path: the JSON file.

    Raises:
        TruthError: where it is not COCO: no JSON, keys missing, the same id twice, annotations of unlisted images.
    """

    format_name = "COCO"

    def __init__(self, path: Path) -> None:
        self._where = printable(path)
        document = _load(path)
        categories = self._by_id(document["categories"], "categories")
        self._names = {number: str(category.get("name")) for number, category in categories.items()}
        images = self._by_id(document["images"], "images")
        annotations: dict[object, list[Mapping[str, object]]] = defaultdict(list)
        for annotation in document["annotations"]:
            annotations[_hashable(annotation.get("image_id"))].append(annotation)
        unlisted = [number for number in annotations if number not in images]
        if unlisted:
            raise TruthError(f"{self._where}: annotations name image {unlisted[0]}, which images does not list")
        self.class_names = tuple(self._names.values())
        self.images_labelled = len(images)
        self._index: LabelIndex[_Labelled] = LabelIndex()
        for number, entry in images.items():
            self._add(_Labelled(number, entry, annotations.get(number, [])), path.parent)

    def _by_id(self, entries: Sequence[Mapping[str, object]], key: str) -> dict[object, Mapping[str, object]]:
        found: dict[object, Mapping[str, object]] = {}
        for entry in entries:
            number = _hashable(entry.get("id"))
            if number is None or number in found:
                raise TruthError(
                    f"{self._where}: each of {key} needs an id of its own, found {number} (again, or none)"
                )
            found[number] = entry
        return found

    def _add(self, labelled: _Labelled, folder: Path) -> None:
        name = str(labelled.entry.get("file_name") or "").replace("\\", "/")
        homes = [folder, folder.parent]
        folders = [place for home in homes for place in (home, home / "images", *_below(home / "images"))]
        image = first_existing(folders, [name]) if name else None
        self._index.add(labelled, image, [PurePosixPath(name).name] if name else [])

    def label_hash(self, image_path: Path) -> str | None:
        """The hash of all that the file says of an image."""
        labelled = self._index.find(image_path)
        if labelled is None:
            return None
        names = [self._names.get(_hashable(a.get("category_id"))) for a in labelled.annotations]
        said = [labelled.entry, *labelled.annotations, names]
        return hash_of(json.dumps(said, sort_keys=True).encode())

    def read(self, image_path: Path, size_wh: tuple[int, int]) -> GroundTruth | None:
        """The objects of an image; see `Truth.read`."""
        labelled = self._index.find(image_path)
        if labelled is None:
            return None
        where = f"{self._where}, image {labelled.number}"
        try:
            size = (int(str(labelled.entry.get("width") or 0)), int(str(labelled.entry.get("height") or 0)))
        except ValueError as error:
            raise LabelError(f"{where}: width and height are no whole numbers; correct them") from error
        require_size(size, size_wh, where)
        boxes = [_box(a, f"{where}, annotation {a.get('id')}") for a in labelled.annotations]
        names = [self._name(a, where) for a in labelled.annotations]
        crowd = [bool(a.get("iscrowd")) for a in labelled.annotations]
        return GroundTruth.of(checked_boxes(boxes, size_wh, where), names, crowd=crowd)

    def _name(self, annotation: Mapping[str, object], where: str) -> str:
        number = _hashable(annotation.get("category_id"))
        if number not in self._names:
            raise LabelError(f"{where}: annotation {annotation.get('id')} is of category {number}, which is not listed")
        return self._names[number]


def _load(path: Path) -> dict[str, list[Mapping[str, object]]]:
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise TruthError(f"{printable(path)} cannot be read as JSON: {error}") from error
    lists = [document.get(key) for key in _KEYS] if isinstance(document, dict) else []
    if not lists or not all(isinstance(each, list) and all(isinstance(e, dict) for e in each) for each in lists):
        raise TruthError(f"{printable(path)} is no COCO file: expected lists named {', '.join(_KEYS)}")
    return {str(key): value for key, value in document.items() if key in _KEYS}


def _box(annotation: Mapping[str, object], where: str) -> tuple[float, float, float, float]:
    """xywh to xyxy."""
    values = annotation.get("bbox")
    if not isinstance(values, list) or len(values) != 4 or not all(isinstance(v, (int, float)) for v in values):
        raise LabelError(f"{where}: expected a bbox of four numbers x, y, width, height, found {values!r}")
    x, y, width, height = map(float, values)
    return x, y, x + width, y + height


def _below(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else []


def _hashable(number: object) -> object:
    """An id as a key; lists and the like, which no id is, become None."""
    return number if isinstance(number, (int, str)) else None
