"""Where negatives go in a data set of somebody else's, by the layout that it has: beside the images to train on."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from negmine.datasets.open import Dataset
from negmine.errors import ExportError
from negmine.exporting.data_images import trained_on
from negmine.exporting.in_place.coco_index import CocoIndex
from negmine.exporting.in_place.insertion import Insertion
from negmine.exporting.in_place.lists import ImageList
from negmine.exporting.in_place.manifest import Owner
from negmine.files import read_regular, reason_of
from negmine.labels.base import Label
from negmine.labels.coco import coco_files
from negmine.labels.formats import key_of
from negmine.labels.plan import ExportImage
from negmine.labels.splits import WHOLE
from negmine.labels.voc import training_lists
from negmine.labels.yolo import label_path
from negmine.labels.yolo_layouts import YoloLayout, find_layouts, open_layout
from negmine.paths import printable, real_path, sortable


class Index(Protocol):
    """A file that names the images of a data set."""

    @property
    def name(self) -> str:
        """Of the file, relative to the root of the data set."""

    def insertion(
        self, data: bytes, images: Sequence[ExportImage], present: Insertion | None = None
    ) -> tuple[int, Insertion]:
        """Where text that names further images goes in it, and that text; `present` is ours that is in it now."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where negatives go.

    Attributes:
        format: key of the data set's format.
        home: the folder of the data set, as the user knows it; the manifest is in it.
        root: the folder that holds everything below, links resolved; mostly the same.
        owner: the data set, as the manifest names it.
        images: folder of the images, relative to the root with `/`; "" for the root itself.
        labels: folder of the label files; None where the index has the labels.
        indexes: the files that name the images.
        others: splits that are not trained on, and would have the negatives too.
    """

    format: str
    home: Path
    root: Path
    owner: Owner
    images: str
    labels: str | None
    indexes: tuple[Index, ...] = ()
    others: tuple[str, ...] = ()


def place_in(dataset: Dataset, split: str | None) -> Place:
    """Find where negatives go: in the folder that most images to train on are in.

    Args:
        dataset: as it was opened.
        split: that is trained on; None for `train`, or all of it.

    Raises:
        ConfigError: where it is not clear which split is trained on.
        ExportError: where it has no such images, or keeps them in a way that cannot be added to.
    """
    name = trained_on(dataset, split)
    images = next(each.images for each in dataset.splits if each.name == name)
    labelled = [(path, label) for path in images if (label := dataset.pairing.label_of.get(_real(dataset, path)))]
    if not labelled:
        raise ExportError(f"{printable(dataset.path)}: expected labelled images to train on, found none; label some")
    find = {"voc": _voc, "yolo": _yolo, "coco": _coco}.get(key_of(dataset.format_name) or "")
    if find is None:
        raise ExportError(
            f"{printable(dataset.path)} is {dataset.format_name}, to which negatives cannot be added in place; export "
            "them with --merge"
        )
    return find(dataset, name, labelled)


_Labelled = Sequence[tuple[Path, Label]]


def _real(dataset: Dataset, path: Path) -> str:
    return dataset.truth.real_path(path)


def _voc(dataset: Dataset, split: str, labelled: _Labelled) -> Place:
    folder = _commonest(path.parent for path, _ in labelled)
    within = [(path, label) for path, label in labelled if path.parent == folder]
    labels = _commonest(Path(label.name).parent for _, label in within)
    lists = [] if split == WHOLE else training_lists(dataset.path)
    above = {*folder.absolute().parents, *real_path(folder).parents}
    lists = [each for each in lists if above.intersection((each.absolute().parents[2], real_path(each).parents[2]))]
    names = frozenset(path.name for path, _ in within)
    used = [each for each in lists if ImageList(each.name, names).is_of_these(_read(each))]
    return _place_of("voc", dataset, (folder, labels), dict.fromkeys(used, partial(ImageList, images=names)))


def _yolo(dataset: Dataset, split: str, labelled: _Labelled) -> Place:
    found = find_layouts(dataset.path) if dataset.path.is_dir() else []
    layout = open_layout(found[0], dataset.path) if found else open_layout(dataset.path)
    entries = layout.entries.get(split, ())
    folders = [real_path(entry) for entry in entries if entry.is_dir()]
    lists = [entry for entry in entries if entry.is_file() and entry.suffix.lower() == ".txt"]
    if folders:
        lists = []
        kept = [each for each in labelled if {real_path(each[0]), *real_path(each[0]).parents}.intersection(folders)]
        labelled = kept or labelled
    folder = _commonest(path.parent for path, _ in labelled)
    names = frozenset(path.name for path, _ in labelled if path.parent == folder)
    labels = label_path(folder / min(names)).parent
    used = [each for each in lists if ImageList(each.name, names).is_of_these(_read(each))][:1]
    indexes = dict.fromkeys(used, partial(ImageList, images=names))
    place = _place_of("yolo", dataset, (folder, labels), indexes, layout.path)
    return replace(place, others=_others(layout, split, folder, used))


def _others(layout: YoloLayout, split: str, folder: Path, lists: Sequence[Path]) -> tuple[str, ...]:
    """The other splits that have the folder, one above it, or the list too."""
    found = {real_path(folder), *real_path(folder).parents, *map(real_path, lists)}
    return tuple(
        name
        for name, entries in layout.entries.items()
        if name != split and found.intersection(map(real_path, entries))
    )


def _coco(dataset: Dataset, split: str, labelled: _Labelled) -> Place:
    folder = _commonest(path.parent for path, _ in labelled)
    path, label = next((path, label) for path, label in labelled if path.parent == folder)
    file = coco_files(dataset.path)[label.group]
    is_below = label.stated is not None and not label.stated.is_absolute and label.name.endswith(path.name)
    before = label.name.removesuffix(path.name) if is_below else ""
    return _place_of("coco", dataset, (folder,), {file: partial(CocoIndex, folder=before)})


def _place_of(
    key: str, dataset: Dataset, folders: Sequence[Path], indexes: Mapping[Path, Callable[[str], Index]],
    described_by: Path | None = None,
) -> Place:  # fmt: skip
    """The place of these folders, of images and of labels, and of the files that name images."""
    parts = [*folders, *(each.parent for each in indexes)]
    root = _root([real_path(each) for each in parts], dataset)
    home = _home(parts, root)
    images, *labels = (_below(root, real_path(each)) for each in folders)
    names = [_below(root, real_path(each)) for each in indexes]
    others = [] if described_by is None else [_seen_from(root, real_path(described_by))]
    owner = Owner(_seen_from(home, root), (images, *labels), (*others, *names))
    found = tuple(make(name) for make, name in zip(indexes.values(), names, strict=True))
    return Place(key, home, root, owner, images, labels[0] if labels else None, found)


def _home(parts: Sequence[Path], root: Path) -> Path:
    """The folder that these are in as they are named; the root where there is none, or where both are the same.

    Where a folder of images is a link, the root may be far above the data set.
    """
    named = [Path(os.path.normpath(each.absolute())) for each in parts]
    try:
        home = Path(os.path.commonpath(named))
    except ValueError:  # different drives
        return root
    # `..` behind a link leads elsewhere than it looks
    is_there = all(real_path(short) == real_path(each) for short, each in zip(named, parts, strict=True))
    return real_path(home) if is_there and home != Path(home.anchor) else root


def _seen_from(folder: Path, path: Path) -> str:
    """A path relative to a folder, with `/`; itself on another drive."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:
        return path.as_posix()


def _commonest(folders: Iterable[Path]) -> Path:
    """The folder that is named most often; of equal ones, the first by its bytes."""
    count = Counter(folders)
    return min(count, key=lambda folder: (-count[folder], sortable(folder)))


def _root(folders: Sequence[Path], dataset: Dataset) -> Path:
    """The folder that all these are in or below.

    Raises:
        ExportError: where there is none but the root of the file system.
    """
    try:
        root = Path(os.path.commonpath(folders))
    except ValueError:  # different drives
        root = Path(folders[0].anchor)
    if root == Path(root.anchor):
        where = " and ".join(printable(each) for each in dict.fromkeys(folders))
        raise ExportError(
            f"{printable(dataset.path)} keeps its files in {where}, which have no folder in common; export the "
            "negatives with --merge"
        )
    return root


def _below(root: Path, path: Path) -> str:
    """A path relative to the root, with `/`; "" for the root itself."""
    name = path.relative_to(root).as_posix()
    return "" if name == "." else name


def _read(path: Path) -> bytes:
    try:
        return read_regular(path, most=1 << 30)
    except OSError as error:
        raise ExportError(f"{printable(path)} cannot be read: {reason_of(error)}; correct its permissions") from error
