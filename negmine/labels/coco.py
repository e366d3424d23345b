"""COCO: one JSON file with images, annotations and categories."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from negmine.errors import LabelError, TruthError
from negmine.files import sha256_of
from negmine.labels.base import Feature, LabelFormat, Truth
from negmine.labels.checks import Box, clipped_box, require_size
from negmine.labels.coco_entries import CocoEntries
from negmine.labels.coco_writer import ANNOTATIONS, plan_coco
from negmine.labels.pairing import LabelIndex, find_named
from negmine.labels.plan import ExportImage, Header, Plan, SourceLabel
from negmine.labels.splits import Listing, Split, choose_splits, with_neighbours
from negmine.paths import EXPORT_MANIFEST, printable, sortable
from negmine.structures import GroundTruth

_KEYS = ("images", "annotations", "categories")

_Entry = Mapping[str, object]


class CocoFormat(LabelFormat):
    """COCO."""

    key = "coco"
    title = "COCO"
    data_set = "a JSON file (COCO)"
    file_suffixes = frozenset({".json"})
    features = frozenset({Feature.MASKS, Feature.KEYPOINTS, Feature.CROWD})

    def find(self, folder: Path) -> Sequence[Path]:
        """The JSON files of a folder, else those of its `annotations`, else those of its splits."""
        splits = sorted(folder.glob(f"*/{ANNOTATIONS}"), key=sortable)
        return _jsons(folder) or _jsons(folder / "annotations") or splits

    def open(self, path: Path) -> Truth:
        """See `CocoTruth`."""
        return CocoTruth(path)

    def plan(
        self, images: Sequence[ExportImage], *, class_names: Sequence[str], folder: str, header: Header | None = None
    ) -> Plan:
        """See `LabelFormat.plan` and `plan_coco`."""
        return plan_coco(images, class_names)


FORMAT = CocoFormat()


def _jsons(folder: Path) -> list[Path]:
    return sorted((path for path in folder.glob("*.json") if path.name != EXPORT_MANIFEST), key=sortable)


@dataclass(frozen=True, slots=True)
class _CocoAnnotation:
    """What decides about a detection; segmentations, which fill most of a file, are not kept."""

    number: object
    class_name: str | None  # None where the category is not listed
    category: object
    bbox: object
    crowd: bool

    @classmethod
    def of(cls, entry: _Entry, names: Mapping[object, str]) -> _CocoAnnotation:
        category = entry.get("category_id")
        return cls(
            entry.get("id"), names.get(_as_id(category)), category, entry.get("bbox"), bool(entry.get("iscrowd"))
        )


@dataclass(frozen=True, slots=True)
class _CocoImage:
    """One entry of `images` with its annotations."""

    number: object
    size: tuple[object, object]
    annotations: Sequence[_CocoAnnotation]


class CocoTruth:
    """The annotations of a COCO JSON. An image that is listed without annotations is empty, one not listed unlabelled.

    Args:
        path: the JSON file.

    Attributes:
        images: the image files that it lists.
        lost: the names that it lists and of which there is no file.

    Raises:
        TruthError: where it is not COCO: not JSON, keys missing, the same id twice, annotations of unlisted images.
    """

    format_name = CocoFormat.title

    def __init__(self, path: Path) -> None:
        self.path = path
        self._where = printable(path)
        self._entries = CocoEntries(path)
        document = _Document.read(path)
        annotations: dict[object, list[_CocoAnnotation]] = defaultdict(list)
        for entry in document.annotations:
            annotations[_as_id(entry.get("image_id"))].append(_CocoAnnotation.of(entry, document.names))
        self.class_names = tuple(dict.fromkeys(document.names.values()))
        self.images_labelled = len(document.images)
        self._index: LabelIndex[_CocoImage] = LabelIndex()
        likely, possible = _image_folders(path)
        images, lost = list[Path](), list[str]()
        for number, entry in document.images.items():
            name = str(entry.get("file_name") or "").replace("\\", "/")
            labelled = _CocoImage(number, (entry.get("width"), entry.get("height")), annotations.get(number, []))
            found = find_named(likely, possible, name) if name else []
            self._index.add(labelled, found, [PurePosixPath(name).name] if name else [])
            images += found
            if not found:
                lost.append(name)
        self.images, self.lost = tuple(images), tuple(lost)

    @property
    def searched_folders(self) -> Sequence[Path]:
        """None: the JSON alone says which images there are."""
        return []

    def list_images(self, only: str | None = None) -> Listing:
        """The images as one split, which has the name of the JSON; see `Truth.list_images`."""
        whole = Split(_split_name(self.path), with_neighbours(self.images), is_whole=True)
        return Listing(choose_splits([whole], only, self.path), tuple(map(printable, self.lost)))

    def label_hash(self, image_path: Path) -> str | None:
        """The hash of what the file says of an image; see `Truth.label_hash`."""
        labelled = self._index.find(image_path)
        if labelled is None:
            return None
        said = [labelled.size, *((a.class_name, a.bbox, a.crowd) for a in labelled.annotations)]
        return sha256_of(json.dumps(said, sort_keys=True).encode())

    def object_names(self, image_path: Path) -> tuple[str, ...] | None:
        """The class of every object; see `Truth.object_names`."""
        labelled = self._index.find(image_path)
        if labelled is None:
            return None
        where = f"{self._where}, image {_shown(labelled.number)}"
        for a in labelled.annotations:
            _xywh(a.bbox, f"{where}, annotation {_shown(a.number)}")  # what has no box is an error here too
        return tuple(_class_name(a, f"{where}, annotation {_shown(a.number)}") for a in labelled.annotations)

    def source_label(self, image_path: Path) -> SourceLabel | None:
        """See `Truth.source_label`."""
        labelled = self._index.find(image_path)
        return None if labelled is None else self._entries.label(labelled.number)

    @property
    def header(self) -> Header:
        """Nothing: the categories are written with the labels."""
        return Header()

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


def _class_name(annotation: _CocoAnnotation, where: str) -> str:
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
        raise LabelError(f"{where}: width and height are not whole numbers, {_shown(size)}; correct them")
    return int(numbers[0]), int(numbers[1])


def _numbers(values: Sequence[object]) -> list[float] | None:
    """As floats; None where one is not a number, or too large for a float."""
    try:
        return [float(value) for value in values if isinstance(value, (int, float))] if _all_numbers(values) else None
    except OverflowError:
        return None


def _all_numbers(values: Sequence[object]) -> bool:
    return all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)


def _split_name(path: Path) -> str:
    """`train` of `instances_train.json`, and of `train/_annotations.coco.json`."""
    return path.absolute().parent.name if path.name.startswith("_annotations") else path.stem.removeprefix("instances_")


def _image_folders(path: Path) -> tuple[list[Path], list[Path]]:
    """Where images may be: first beside the JSON, and in folders that are called as its split is; else in `images`
    there or in the folder above, and one level below that."""
    homes, split = (path.parent, path.parent.parent), _split_name(path)
    likely = [path.parent, *(home / name for home in homes for name in (Path("images") / split, split))]
    possible: list[Path] = []
    for home in homes:
        images = home / "images"
        below = sorted((path for path in images.iterdir() if path.is_dir()), key=sortable) if images.is_dir() else []
        possible += [home, images, *below]
    return likely, possible


def _shown(value: object) -> str:
    """A value out of the file for a message: one line, not too long."""
    return printable(repr(value)[:80])


@dataclass(frozen=True, slots=True)
class _Document:
    """A COCO file, checked so far that every annotation belongs to one image.

    Attributes:
        images: id to entry.
        annotations: entries; each names an image of `images`. Their own ids may repeat: nothing is looked up by them.
        names: category id to name.
    """

    images: Mapping[object, _Entry]
    annotations: Sequence[_Entry]
    names: Mapping[object, str]

    @classmethod
    def read(cls, path: Path) -> _Document:
        """Read the file.

        Raises:
            TruthError: where it is not JSON, not COCO, gives an id twice, or has annotations of unlisted images.
        """
        where, lists = printable(path), _load(path)
        images = _by_id(lists["images"], f"{where}: images")
        unlisted = [number for a in lists["annotations"] if (number := _as_id(a.get("image_id"))) not in images]
        if unlisted:
            raise TruthError(
                f"{where}: {len(unlisted)} annotations are of images that the file does not list, such as image "
                f"{_shown(unlisted[0])}; list the images, or remove the annotations"
            )
        names = {
            number: entry.get("name") for number, entry in _by_id(lists["categories"], f"{where}: categories").items()
        }
        nameless = [number for number, name in names.items() if not isinstance(name, str) or not name]
        if nameless:
            raise TruthError(f"{where}: category {_shown(nameless[0])} has no name; name it")
        return cls(images, lists["annotations"], {number: str(name) for number, name in names.items()})


def _as_id(number: object) -> object:
    """An id as a key; what is not an id (a list, a fraction, a truth value) becomes None."""
    return number if isinstance(number, (int, str)) and not isinstance(number, bool) else None


def _by_id(entries: Sequence[_Entry], where: str) -> dict[object, _Entry]:
    found: dict[object, _Entry] = {}
    for index, entry in enumerate(entries):
        number = _as_id(entry.get("id"))
        if number is None or number in found:
            problem = "has no id" if number is None else f"has id {_shown(number)}, which another has"
            raise TruthError(f"{where}[{index}] {problem}; expected each to have an id of its own, give it one")
        found[number] = entry
    return found


def _load(path: Path) -> dict[str, list[_Entry]]:
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise TruthError(f"{printable(path)} cannot be read as JSON: {error}; correct the file") from error
    lists = [document.get(key) for key in _KEYS] if isinstance(document, dict) else []
    if not lists or not all(isinstance(each, list) and all(isinstance(e, dict) for e in each) for each in lists):
        raise TruthError(f"{printable(path)} is not a COCO file: expected lists named {', '.join(_KEYS)}; name another")
    return {key: document[key] for key in _KEYS}
