"""What a COCO JSON says: its images, the annotations of each, and its classes. Finding the images is left to others."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from negmine.errors import LabelError, TruthError
from negmine.labels.checks import Box, clipped_box, require_size
from negmine.paths import printable
from negmine.structures import GroundTruth

_KEYS = ("images", "annotations", "categories")

_Entry = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class CocoAnnotation:
    """What decides about a detection; segmentations, which fill most of a file, are not kept."""

    id: object
    class_name: str | None  # None where the category is not listed
    category: object
    bbox: object
    crowd: bool

    @classmethod
    def of(cls, entry: _Entry, names: Mapping[object, str]) -> CocoAnnotation:
        """From an entry of `annotations`.

        Args:
            entry: as the file has it.
            names: category id to name.
        """
        category = entry.get("category_id")
        return cls(
            entry.get("id"), names.get(_as_id(category)), category, entry.get("bbox"), bool(entry.get("iscrowd"))
        )


@dataclass(frozen=True, slots=True)
class CocoImage:
    """One entry of `images` with its annotations. What is wrong with them is raised when they are asked for.

    Attributes:
        id: of the image.
        file_name: as the file has it, with `/` between folders; "" where it has none.
        size: width and height as the file has them.
        annotations: of this image.
    """

    id: object
    file_name: str
    size: tuple[object, object]
    annotations: Sequence[CocoAnnotation]

    def hash_text(self) -> str:
        """A text that changes when what the file says of this image does."""
        said = [self.size, *((a.class_name, a.bbox, a.crowd) for a in self.annotations)]
        return json.dumps(said, sort_keys=True)

    def object_names(self, where: str) -> tuple[str, ...]:
        """The class of every object; needs neither the image's size nor its pixels.

        Args:
            where: the file, for messages.

        Raises:
            LabelError: where an annotation has no box, or its category is not listed.
        """
        for annotation in self.annotations:
            _xywh(annotation.bbox, self._named(annotation, where))  # what has no box is an error here too
        return tuple(_class_name(a, self._named(a, where)) for a in self.annotations)

    def read(self, size_wh: tuple[int, int], where: str) -> GroundTruth:
        """The objects.

        Args:
            size_wh: width and height of the upright image, pixels.
            where: the file, for messages.

        Raises:
            LabelError: where an annotation is invalid, or made for an image of another size.
        """
        here = f"{where}, image {_shown(self.id)}"
        require_size(_size(self.size, here), size_wh, here)
        boxes = [_box(a.bbox, size_wh, self._named(a, where)) for a in self.annotations]
        names = [_class_name(a, self._named(a, where)) for a in self.annotations]
        return GroundTruth.of(boxes, names, crowd=[a.crowd for a in self.annotations])

    def _named(self, annotation: CocoAnnotation, where: str) -> str:
        return f"{where}, image {_shown(self.id)}, annotation {_shown(annotation.id)}"


@dataclass(frozen=True, slots=True)
class CocoDocument:
    """A COCO file, checked so far that every annotation belongs to one image.

    Attributes:
        images: in the file's order.
        class_names: in the file's order, each once.
    """

    images: Sequence[CocoImage]
    class_names: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> CocoDocument:
        """Read a file.

        Raises:
            TruthError: where it is not JSON, not COCO, gives an id twice, or has annotations of unlisted images.
        """
        where, lists = printable(path), _load(path)
        images = _by_id(lists["images"], f"{where}: images")
        names = _names(lists["categories"], where)
        unlisted = [number for a in lists["annotations"] if (number := _as_id(a.get("image_id"))) not in images]
        if unlisted:
            raise TruthError(
                f"{where}: {len(unlisted)} annotations are of images that the file does not list, such as image "
                f"{_shown(unlisted[0])}; list the images, or remove the annotations"
            )
        annotations: dict[object, list[CocoAnnotation]] = defaultdict(list)
        for entry in lists["annotations"]:
            annotations[_as_id(entry.get("image_id"))].append(CocoAnnotation.of(entry, names))
        found = [_image(number, entry, annotations.get(number, [])) for number, entry in images.items()]
        return cls(found, tuple(dict.fromkeys(names.values())))


def _image(number: object, entry: _Entry, annotations: Sequence[CocoAnnotation]) -> CocoImage:
    name = str(entry.get("file_name") or "").replace("\\", "/")
    return CocoImage(number, name, (entry.get("width"), entry.get("height")), annotations)


def _names(categories: Sequence[_Entry], where: str) -> dict[object, str]:
    """Category id to name."""
    names = {number: entry.get("name") for number, entry in _by_id(categories, f"{where}: categories").items()}
    nameless = [number for number, name in names.items() if not isinstance(name, str) or not name]
    if nameless:
        raise TruthError(f"{where}: category {_shown(nameless[0])} has no name; name it")
    return {number: str(name) for number, name in names.items()}


def _class_name(annotation: CocoAnnotation, where: str) -> str:
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


def _shown(value: object) -> str:
    """A value out of the file for a message: one line, not too long."""
    return printable(repr(value)[:80])


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
