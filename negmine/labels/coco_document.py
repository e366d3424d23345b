"""What a COCO JSON says: its images, the annotations of each, and its classes. Finding the images is left to others."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from negmine.boxes import Box
from negmine.errors import LabelError, TruthError
from negmine.labels.checks import (
    clipped_box,
    judged_classes,
    objects_of,
    require_size,
    says_background,
    with_ignored_regions,
)
from negmine.labels.coco_annotation import CocoAnnotation, numbers_in
from negmine.labels.coco_categories import ALL_JUDGED, NEGATIVE, Coverage, category_names, coverage_of, without_groups
from negmine.labels.coco_json import Entry, Id, as_id, by_id, load_lists, other_kind, shown
from negmine.paths import printable
from negmine.structures import GroundTruth
from negmine.words import counted


@dataclass(frozen=True, slots=True)
class CocoImage:
    """One entry of `images` with its annotations. What is wrong with them is raised when they are asked for.

    Attributes:
        id: of the image.
        file_name: as the file has it, with `/` between folders; "" where it has none.
        size: width and height as the file has them.
        annotations: of this image.
        class_names: of the document.
        coverage: which of them the image was searched for.
    """

    id: Id
    file_name: str
    size: tuple[object, object]
    annotations: Sequence[CocoAnnotation]
    class_names: tuple[str, ...]
    coverage: Coverage

    @property
    def unjudged(self) -> tuple[str, ...]:
        """The classes of which there may be objects without annotation."""
        if self.coverage is ALL_JUDGED:
            return ()
        return tuple(name for name in self.class_names if not self.coverage.judges(name))

    def hash_text(self) -> str:
        """A text that changes when what the file says of this image does."""
        said = [self.size, *((a.class_name, list(a.bbox), a.is_crowd, a.problem) for a in self.annotations)]
        return json.dumps([*said, self.coverage.said()], sort_keys=True)

    def object_names(self, where: str) -> tuple[str, ...]:
        """The class of every object; needs neither the image's size nor its pixels.

        An image without objects in which a class is not judged is no background: it has that class.

        Args:
            where: the file, for messages.

        Raises:
            LabelError: where an annotation is invalid.
        """
        here = self._here(where)
        names = [annotation.class_name for annotation, _ in self._objects(here, _size(self.size, here))]
        return objects_of(names) or self.unjudged

    def read(self, size_wh: tuple[int, int], where: str) -> GroundTruth:
        """The objects. A class that is not judged in this image is a crowd that fills it.

        Args:
            size_wh: width and height of the upright image, pixels.
            where: the file, for messages.

        Raises:
            LabelError: where an annotation is invalid, or made for an image of another size.
        """
        here = self._here(where)
        require_size(_size(self.size, here), size_wh, here)
        objects = self._objects(here, size_wh)
        truth = GroundTruth.of(
            [box for _, box in objects],
            [annotation.class_name for annotation, _ in objects],
            crowd=[annotation.is_crowd for annotation, _ in objects],
        )
        truth = with_ignored_regions(truth, self.class_names)
        unjudged = self.unjudged
        if not unjudged:
            return truth
        return truth.joined(GroundTruth.of([(0, 0, *size_wh)] * len(unjudged), unjudged, crowd=[True] * len(unjudged)))

    def read_placed(self, size_wh: tuple[int, int], where: str) -> tuple[GroundTruth, tuple[str, ...]]:
        """The objects that have a place, and why others have none; otherwise as `read`.

        Raises:
            LabelError: where the image cannot be read, and has no annotation of an object.
        """
        try:
            return self.read(size_wh, where), ()
        except LabelError as error:
            whole = str(error)
            objects = [each for each in self.annotations if not each.is_placeholder]
            if not objects:
                raise
        placed, problems = list[CocoAnnotation](), list[str]()
        for each in objects:
            try:
                replace(self, annotations=[each]).read(size_wh, where)
                placed.append(each)
            except LabelError as error:
                problems.append(str(error))
        truth = replace(self, annotations=placed).read(size_wh, where) if placed else GroundTruth.empty()
        return truth, tuple(problems or [whole])

    def _here(self, where: str) -> str:
        return f"{where}, image {shown(self.id)}"

    def _objects(self, here: str, size_wh: tuple[int, int]) -> list[tuple[CocoAnnotation, Box]]:
        """The annotations with their boxes, clipped; none where they say that there is no object.

        Args:
            here: the image, for messages.
            size_wh: its width and height, pixels; 0 where they are not known.
        """
        if self.coverage.problem is not None:
            raise LabelError(f"{here}: {self.coverage.problem}")
        for annotation in self.annotations:
            if annotation.problem is not None:
                raise LabelError(f"{_of(annotation, here)}: {annotation.problem}")
        if says_background([annotation.bbox for annotation in self.annotations], here):
            return []
        known_wh = size_wh if all(size_wh) else None
        return [(each, clipped_box(each.box_xyxy, known_wh, _of(each, here))) for each in self.annotations]


@dataclass(frozen=True, slots=True)
class CocoDocument:
    """A COCO file, checked so far that every annotation belongs to one image.

    Attributes:
        images: in the file's order.
        class_names: in the file's order, each once; without categories that only group others.
        listed: the names of all its categories.
    """

    images: Sequence[CocoImage]
    class_names: tuple[str, ...]
    listed: frozenset[str]

    @classmethod
    def read(cls, path: Path) -> CocoDocument:
        """Read a file.

        Raises:
            TruthError: where it is not JSON, not COCO, gives an id twice, or has annotations of unlisted images.
        """
        where, lists = printable(path), load_lists(path)
        images = by_id(lists["images"], f"{where}: images")
        categories = by_id(lists["categories"], f"{where}: categories")
        names = category_names(categories, where)
        annotations: dict[Id | None, list[CocoAnnotation]] = defaultdict(list)
        used = set[Id]()
        for entry in lists["annotations"]:
            annotation = CocoAnnotation.of(entry, names)
            annotations[as_id(entry.get("image_id"))].append(annotation)
            category = as_id(entry.get("category_id"))
            if category is not None and not annotation.is_placeholder:
                used.add(category)
        if not annotations.keys() <= images.keys():
            raise TruthError(f"{where}: {_stray(lists['annotations'], images)}")
        listed = frozenset(names.values())
        names = without_groups(names, categories, used)
        class_names = judged_classes(tuple(dict.fromkeys(names.values())))
        federated = any(NEGATIVE in entry for entry in images.values())
        found = []
        for number, entry in images.items():
            own = annotations.get(number, [])
            coverage = coverage_of(entry, names, {each.class_name for each in own}, federated=federated)
            size = (entry.get("width"), entry.get("height"))
            found.append(CocoImage(number, _file_name(entry), size, own, class_names, coverage))
        return cls(found, class_names, listed)

    def among(self, class_names: tuple[str, ...]) -> CocoDocument:
        """The same document as a part of a data set that has these classes; those that it does not list are not judged.

        Args:
            class_names: of all documents of the data set.
        """
        if class_names == self.class_names:
            return self
        coverages: dict[Coverage, Coverage] = {}  # most images share one
        images = []
        for image in self.images:
            if image.coverage not in coverages:
                coverages[image.coverage] = image.coverage.without(set(class_names) - self.listed)
            images.append(replace(image, class_names=class_names, coverage=coverages[image.coverage]))
        return CocoDocument(images, class_names, self.listed)


def _of(annotation: CocoAnnotation, here: str) -> str:
    number = (
        annotation.id if isinstance(annotation.id, int) else shown(annotation.id)
    )  # most by far, and in a few steps
    return f"{here}, annotation {number}"


def _size(size: tuple[object, object], where: str) -> tuple[int, int]:
    """Width and height, 0 where the file does not say."""
    if any(isinstance(side, str) for side in size):
        text = " and ".join(map(shown, size))
        raise LabelError(f"{where}: width and height are not whole numbers but text, {text}; write them without quotes")
    numbers = numbers_in([side or 0 for side in size])
    if numbers is None or not all(number.is_integer() for number in numbers):
        raise LabelError(f"{where}: width and height are not whole numbers, {shown(size)}; correct them")
    return int(numbers[0]), int(numbers[1])


def _file_name(entry: Entry) -> str:
    """Where the image is. LVIS has only an address, whose last folder is that of the images of COCO."""
    name = str(entry.get("file_name") or "").replace("\\", "/")
    address = entry.get("coco_url")
    return name or (str(PurePosixPath(*PurePosixPath(address).parts[-2:])) if isinstance(address, str) else "")


def _stray(annotations: Sequence[Entry], images: Mapping[Id, Entry]) -> str:
    """What is wrong with the first annotation that belongs to no image."""
    strays = [(i, entry.get("image_id")) for i, entry in enumerate(annotations)]
    strays = [(i, image) for i, image in strays if as_id(image) not in images]
    index, image = strays[0]
    first = f"annotations[{index}]"
    if image is None:
        return f"{first} has no image_id; say of which image it is"
    if kinds := other_kind(image, images):
        return f"{first} names image {shown(image)} as {kinds[0]}, and the images have {kinds[1]}; write both alike"
    return (
        f"{first} is of image {shown(image)}, which the file does not list ({counted(len(strays), 'annotation')} of "
        "such images); list the images, or remove the annotations"
    )
