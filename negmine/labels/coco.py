"""COCO: one JSON file with images, annotations and categories."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from negmine.errors import TruthError
from negmine.labels.base import Claim, Feature, Label, LabelFormat, LabelSet, OwnImages
from negmine.labels.checks import hash_of_label
from negmine.labels.coco_document import CocoDocument, CocoImage
from negmine.labels.coco_entries import CocoEntries
from negmine.labels.coco_writer import CocoLayout, plan_coco
from negmine.labels.folders import fold, is_for_images, is_for_labels, may_go_together, split_of_folder
from negmine.labels.objects import by_split
from negmine.labels.plan import ExportImage, Header, Outline, Plan, SourceLabel
from negmine.labels.splits import UNLISTED, Listing, Split, choose_splits, named_splits
from negmine.paths import printable, sortable
from negmine.sources.folders import IMAGE_SUFFIXES
from negmine.structures import GroundTruth
from negmine.walking import files_in, files_under, is_litter

_JSON = frozenset({".json"})
_NAMELESS = frozenset({"annotations", "coco", "_annotations.coco"})  # of a JSON in the folder of its split
_LOOK = 1 << 16  # bytes at either end of a JSON
_WHOLE = CocoLayout("images", "annotations.json")  # of a data set without splits
_SPLITS = CocoLayout("images/{split}", "annotations/instances_{split}.json")


class CocoFormat(LabelFormat):
    """COCO."""

    key = "coco"
    title = "COCO"
    data_set = "a JSON file (COCO)"
    file_suffixes = _JSON
    is_folder = True
    features = frozenset({Feature.MASKS, Feature.KEYPOINTS, Feature.CROWD})
    has_outlines = True
    tells_origin = True  # when an image was taken
    advice = (
        "some trainers drop images without annotations, which negatives are, and small ones: for MMDetection set "
        "filter_cfg=dict(filter_empty_gt=False, min_size=0), for detectron2 DATALOADER.FILTER_EMPTY_ANNOTATIONS False; "
        "RF-DETR takes --format roboflow"
    )

    def find(self, folder: Path) -> Sequence[Path]:
        """The first of the JSON files of a folder, of its `annotations`, or of its folders of splits."""
        return _jsons(folder)[:1]

    def open(self, path: Path) -> LabelSet:
        """See `CocoLabels`."""
        return CocoLabels(path)

    def plan(
        self, images: Sequence[ExportImage], *, class_names: Sequence[str], folder: str, header: Header | None = None
    ) -> Plan:
        """See `LabelFormat.plan` and `plan_coco`."""
        return plan_coco(images, class_names, _WHOLE if len(by_split(images)) == 1 else _SPLITS)


FORMAT = CocoFormat()


class CocoLabel(Label):
    """What a COCO file says of one image."""

    __slots__ = ("_entries", "_image", "_where")

    def __init__(self, image: CocoImage, where: str, group: str, entries: CocoEntries) -> None:
        stated = Claim.of(image.file_name) if image.file_name else None
        super().__init__(image.file_name or f"{where}, image {image.id}", stated=stated, group=group)
        self._image = image
        self._where = where
        self._entries = entries

    def hash(self) -> str:
        """Of what the file says of the image; see `Label.hash`."""
        return hash_of_label(self._image.hash_text().encode())

    def object_names(self) -> tuple[str, ...]:
        """The class of every object; see `Label.object_names`."""
        return self._image.object_names(self._where)

    def read(self, size_wh: tuple[int, int]) -> GroundTruth:
        """The objects; see `Label.read`."""
        return self._image.read(size_wh, self._where)

    def read_placed(self, size_wh: tuple[int, int]) -> tuple[GroundTruth, tuple[str, ...]]:
        """The objects that have a place, and why others have none; see `CocoImage.read_placed`."""
        return self._image.read_placed(size_wh, self._where)

    def outlines(self, size_wh: tuple[int, int]) -> Sequence[Outline] | None:
        """Those of its polygons; none is known of a mask in run lengths, or of a turned box. See `Label.outlines`."""
        return self._entries.outlines(self._image.id)

    def source(self) -> SourceLabel:
        """The entry with its annotations, whole; see `Label.source`."""
        return self._entries.label(self._image.id)


class CocoLabels(LabelSet):
    """The annotations of a COCO JSON, or of several, one a split.

    An image that is listed without annotations is empty, one that is not listed is unlabelled.

    Args:
        path: the JSON file, or a folder that holds it or them.

    Raises:
        TruthError: where it is not COCO: not JSON, keys missing, the same id twice, annotations of unlisted images; or
            where a folder has several JSONs that are not the splits of one data set.
    """

    format_name = CocoFormat.title

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files = coco_files(path)
        documents = {split: CocoDocument.read(file) for split, file in self._files.items()}
        entries = {split: CocoEntries(file) for split, file in self._files.items()}
        self.class_names = tuple(dict.fromkeys(name for each in documents.values() for name in each.class_names))
        self.labels: list[CocoLabel] = [
            CocoLabel(image, printable(self._files[split]), split, entries[split])
            for split, document in documents.items()
            for image in document.among(self.class_names).images
        ]

    def images(self) -> Iterable[OwnImages]:
        """The images around each JSON; see `LabelSet.images`."""
        names: dict[str, list[str]] = {split: [] for split in self._files}
        for label in self.labels:
            if label.stated is not None and label.stated.folders and not label.stated.is_absolute:
                names[label.group].append(label.name)
        return [own for split, file in self._files.items() for own in _own_images(file, split, names[split])]

    def splits(self, images: Sequence[Path], label_of: Callable[[Path], Label | None], only: str | None) -> Listing:
        """A split for each JSON, by its name; see `LabelSet.splits`."""
        if len(self._files) == 1:
            whole = Split(next(iter(self._files)), tuple(images), is_whole=True)
            return Listing(choose_splits([whole], only, self.path))
        members: dict[str, list[Path]] = {split: [] for split in self._files}
        splits = {image: label.group for image in images if (label := label_of(image))}
        near: dict[Path, set[str]] = {}
        for image, split in splits.items():
            near.setdefault(image.parent, set()).add(split or UNLISTED)
        for image in images:
            beside = near.get(image.parent, set())
            split = splits.get(image) or (next(iter(beside)) if len(beside) == 1 else UNLISTED)
            members.setdefault(split, []).append(image)
        return Listing(choose_splits(named_splits(members), only, self.path))


def coco_files(path: Path) -> dict[str, Path]:
    """The JSON files of a data set by split, from the file or folder that stands for it.

    Raises:
        TruthError: where those of a folder are not the splits of one data set.
    """
    return _split_files(path) if path.is_dir() else {_split_name(path): path}


def _split_name(path: Path) -> str:
    """`train` of `instances_train.json`, and of `train/_annotations.coco.json`."""
    if path.name.startswith("_annotations") or path.stem.casefold() in _NAMELESS:
        return path.absolute().parent.name
    return path.stem.removeprefix("instances_")


def _jsons(folder: Path) -> list[Path]:
    """The COCO files that a folder holds: those in it, else in its `annotations`, else in its folders of splits."""
    kinds = sorted((each for each in folder.iterdir() if each.is_dir() and is_for_labels(each.name)), key=sortable)
    for place in (folder, *kinds):
        if found := _coco_files(place):
            return found
    below = sorted((each for each in folder.iterdir() if each.is_dir() and split_of_folder(each.name)), key=sortable)
    return [path for each in below for path in _coco_files(each)]


def _coco_files(folder: Path) -> list[Path]:
    """The COCO files in a folder; of the files of COCO itself, those with boxes."""
    if not folder.is_dir():
        return []
    found = [path for name in files_in(str(folder), _JSON) if _may_be_coco(path := folder / name)]
    return [path for path in found if path.name.startswith("instances_")] or found


def _may_be_coco(path: Path) -> bool:
    """Whether a JSON has a list of images, by a look at its ends."""
    try:
        with path.open("rb") as file:
            start = file.read(_LOOK)
            file.seek(max(path.stat().st_size - _LOOK, 0))
            return b'"images"' in start or b'"images"' in file.read(_LOOK) or b'"annotations"' in start
    except OSError:
        return True  # opening it says what is wrong


def _split_files(folder: Path) -> dict[str, Path]:
    """The COCO files of a folder by split.

    Raises:
        TruthError: where they are not the splits of one data set.
    """
    files = _jsons(folder)
    splits = {_split_name(path): path for path in files}
    if len(files) > 1 and (len(splits) < len(files) or not all(map(split_of_folder, splits))):
        names = " and ".join(printable(path.relative_to(folder)) for path in files[:2])
        raise TruthError(
            f"{printable(folder)} could be several data sets ({names}); name the file, or call the files as their "
            "splits, such as train.json and val.json"
        )
    return splits


def _own_images(path: Path, split: str, names: Iterable[str]) -> list[OwnImages]:
    """Images around a JSON: beside it, and in folders that are called as kinds, splits or the first folders of names.

    Where the JSON is in a folder of annotations or of a split, those in and beside that folder too.
    """
    parent = path.absolute().parent
    is_inner = is_for_labels(parent.name) or split_of_folder(parent.name) is not None
    home = parent.parent if is_inner else parent
    named = _named_folders(names, parent, home)
    looked, found = list[str](), dict[str, None]()
    for place in dict.fromkeys([parent, home]):
        found |= dict.fromkeys(str(place / name) for name in files_in(str(place), IMAGE_SUFFIXES))
        for name in sorted(os.listdir(place)):
            is_near = is_for_images(name) and may_go_together(name, parent.name)
            wanted = is_near or split_of_folder(name) or str(place / name) in named or fold(name) == fold(split)
            if wanted and not is_litter(name) and (place / name).is_dir():
                found |= dict.fromkeys(image for image, _ in files_under(str(place / name), IMAGE_SUFFIXES))
                looked.append(f"{printable(name)}/")
    looked_in = ", ".join(dict.fromkeys([f"{printable(parent.name)}/", *looked]))
    return [OwnImages(home, list(found), looked_in)]


def _named_folders(names: Iterable[str], parent: Path, home: Path) -> set[str]:
    """The folders in the home of a data set, and beside its JSON, that the names of images begin with.

    A name that leads out of the home, as `../../photos/1.jpg` may, names no folder: a JSON of somebody else's could
    name any picture of the user. Neither does one in a folder beside that of a split, which may be anything.
    """
    places = [parent, home] if is_for_labels(parent.name) else [parent]
    folders = (os.path.dirname(name) for name in names)
    stated = dict.fromkeys(each if os.pardir in each else os.path.normpath(each).split(os.sep)[0] for each in folders)
    found = set[str]()
    for each in stated:
        for place in places:
            folder = os.path.normpath(os.path.join(place, each))
            firsts = [(above, os.path.relpath(folder, above).split(os.sep)[0]) for above in places]
            found |= {os.path.join(above, first) for above, first in firsts if first not in (os.pardir, os.curdir)}
    return found - {str(parent)}
