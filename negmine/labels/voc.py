"""Pascal VOC: one XML file an image.

JPEGImages/                    the images; other names of the folder are found too
Annotations/NAME.xml           size and objects of an image
ImageSets/Main/train.txt       the names of a split's images, one a line
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from negmine.errors import LabelError, TruthError
from negmine.files import read_regular, sha256_of
from negmine.labels.base import Claim, Feature, Label, LabelFormat, LabelSet, OwnImages
from negmine.labels.checks import (
    clipped_box,
    judged_classes,
    objects_of,
    read_label,
    require_size,
    with_ignored_regions,
)
from negmine.labels.folders import folders_below, is_for_images, is_for_labels, is_kind, may_go_together
from negmine.labels.plan import ExportImage, Header, Plan, SourceLabel
from negmine.labels.splits import TRAINVAL, UNLISTED, Listing, Split, choose_splits, named_splits, splits_by_folder
from negmine.labels.voc_annotation import NotVoc, VocAnnotation, describe_others, parse_annotation
from negmine.labels.voc_kinds import StatedImage
from negmine.labels.voc_writer import plan_voc, voc_source_label
from negmine.paths import printable, real_path, sortable
from negmine.sources.folders import IMAGE_SUFFIXES
from negmine.structures import GroundTruth
from negmine.walking import files_in, files_under, first_under, paths_under

_XML = frozenset({".xml"})
_SHOWN = 3  # folders in a message
_SPLITS = ("train", "val", TRAINVAL, "test")
_FLAG = re.compile(r"\s+(-1|0|1)$")  # whether the class of a list is in the image


class VocFormat(LabelFormat):
    """Pascal VOC."""

    key = "voc"
    title = "Pascal VOC"
    data_set = "a folder of XML files (Pascal VOC)"
    is_folder = True
    features = frozenset({Feature.DIFFICULT, Feature.CHANNELS})

    def find(self, folder: Path) -> Sequence[Path]:
        """The first XML file in a folder or below."""
        first = first_under(folder, _XML)
        return [first] if first else []

    def open(self, path: Path) -> LabelSet:
        """See `VocLabels`."""
        return VocLabels(path)

    def plan(
        self, images: Sequence[ExportImage], *, class_names: Sequence[str], folder: str, header: Header | None = None
    ) -> Plan:
        """See `LabelFormat.plan` and `plan_voc`; VOC lists no classes."""
        return plan_voc(images, folder)


FORMAT = VocFormat()


class VocLabel(Label):
    """An XML file: an annotation, or what may be a label of another format.

    Args:
        file: as it was read.
        root: of the data set.
        image: the image that the file states.
        class_names: the classes of the data set.
    """

    __slots__ = ("_class_names", "_file")

    def __init__(
        self, file: VocAnnotation | NotVoc, root: Path, image: StatedImage, class_names: tuple[str, ...]
    ) -> None:
        folders = folders_below(str(file.path.absolute().parent), str(root.absolute()))
        own = Claim.of_label(tuple(folders), file.path.name)
        stated = Claim.of("/".join(image)) if image else None
        if stated is not None and not stated.folders:
            stated = replace(stated, folders=own.folders)
        super().__init__(str(file.path), own=own, stated=stated, group="" if is_kind(root.name) else root.name)
        self._file = file
        self._class_names = class_names

    @property
    def is_of_an_image(self) -> bool:
        """Whether it is an annotation of this or another format; other XML is of no image."""
        return isinstance(self._file, VocAnnotation) or self._file.kind.is_label

    def hash(self) -> str:
        """Of the XML file, as it was when it was read; see `Label.hash`."""
        return self._file.hash

    def object_names(self) -> tuple[str, ...]:
        """The class of every object; see `Label.object_names`."""
        return objects_of([each.name for each in self._sound().objects])

    def read(self, size_wh: tuple[int, int]) -> GroundTruth:
        """The objects; see `Label.read`."""
        sound, where = self._sound(), printable(self._file.path)
        require_size(sound.size_wh, size_wh, where)
        truth = GroundTruth.of(
            [clipped_box(each.box, size_wh, f"{where}, object {i}") for i, each in enumerate(sound.objects)],
            [each.name for each in sound.objects],
            difficult=[each.difficult for each in sound.objects],
        )
        return with_ignored_regions(truth, self._class_names)

    def source(self) -> SourceLabel:
        """The XML file as it is; see `Label.source`."""
        sound = self._sound()
        return voc_source_label(sound.path, sha256_of(read_label(sound.path)), sound.filename)

    def _sound(self) -> VocAnnotation:
        if isinstance(self._file, VocAnnotation) and self._file.broken is None:
            return self._file
        raise LabelError(self._file.broken)


class VocLabels(LabelSet):
    """The XML files under a folder.

    Args:
        root: a Pascal VOC root, or any folder with VOC XML files in it or below.

    Raises:
        TruthError: where there is no annotation, or none that can be read.
    """

    format_name = VocFormat.title

    def __init__(self, root: Path) -> None:
        self.path = root
        files = [parse_annotation(path) for path in paths_under(root, _XML)]
        annotations = [file for file in files if isinstance(file, VocAnnotation)]
        others = [file for file in files if isinstance(file, NotVoc)]
        sound = [annotation for annotation in annotations if annotation.broken is None]
        if not sound:
            reason = f"; the first of {len(annotations)} broken ones: {annotations[0].broken}" if annotations else ""
            reason += f"; {describe_others(others)}" if others else ""
            raise TruthError(
                f"{printable(root)}: expected Pascal VOC annotations, found none that can be read in "
                f"{len(files)} XML files{reason}"
            )
        self.class_names = judged_classes(sorted({each.name for label in sound for each in label.objects}))
        self.notes = (describe_others(others),) if others else ()
        self._own = _own_images(root)
        self.labels = [label for file in files for label in _labels_of(file, root, self.class_names)]

    @property
    def searched_folders(self) -> Sequence[Path]:
        """The root; see `LabelSet.searched_folders`."""
        return [real_path(self.path)]

    def images(self) -> Iterable[OwnImages]:
        """The images under the root; those beside it too, where it is the folder of annotations alone."""
        return [self._own]

    def splits(self, images: Sequence[Path], label_of: Callable[[Path], Label | None], only: str | None) -> Listing:
        """The splits that the lists of `ImageSets` name, else those that folders name; see `LabelSet.splits`."""
        found = _voc_splits(self.path, images) or splits_by_folder(images, self._own.root)
        return Listing(choose_splits(found, only, self.path))


def _labels_of(file: VocAnnotation | NotVoc, root: Path, class_names: tuple[str, ...]) -> list[VocLabel]:
    """A label for each image that a file states; annotations state one at most."""
    images = (file.image,) if isinstance(file, VocAnnotation) else file.kind.images or ((),)
    return [VocLabel(file, root, image, class_names) for image in images]


def _own_images(root: Path) -> OwnImages:
    """Images under a root; where it has none, or is a folder of annotations by its name, in such folders beside it."""
    inside = [path for path, _ in files_under(str(root), IMAGE_SUFFIXES)]
    home = root.absolute()
    if inside and not is_for_labels(home.name):
        return OwnImages(home, inside, _shown_folders(inside, home))
    beside = [
        Path(name)
        for name in sorted(os.listdir(home.parent))
        if is_for_images(name) and may_go_together(name, home.name)
    ]
    folders = [str(home.parent / name) for name in beside if (home.parent / name).is_dir()]
    found = [path for folder in folders for path, _ in files_under(folder, IMAGE_SUFFIXES)]
    found += [str(home.parent / name) for name in files_in(str(home.parent), IMAGE_SUFFIXES)]
    return OwnImages(home.parent, [*inside, *found], _shown_folders([*inside, *found], home.parent))


def _shown_folders(images: Sequence[str], home: Path) -> str:
    """The folders that images are in, for a message."""
    first = {(folders_below(os.path.dirname(os.path.abspath(path)), str(home)) or ["."])[0] for path in images}
    return ", ".join(f"{printable(name)}/" for name in sorted(first)[:_SHOWN]) or f"{printable(home)}/"


def _voc_splits(root: Path, images: Sequence[Path]) -> tuple[Split, ...]:
    """Sort images into the splits that lists name; `trainval` counts only where neither of its parts has a list.

    Args:
        root: of the data set, its folder of annotations, or a folder of several data sets such as VOCdevkit.
        images: all of them.

    Returns:
        () where there are no lists.

    Raises:
        TruthError: where a list cannot be read.
    """
    members: dict[str, set[Path]] = {}
    for home in _list_homes(root):
        below = [path for path in images if home.parent != root or str(path).startswith(f"{home}{os.sep}")]
        by_stem: dict[str, list[Path]] = defaultdict(list)
        for path in below:
            by_stem[path.stem].append(path)
        for name, file in _lists(home).items():
            listed = members.setdefault(name, set())
            for folders, stem in _listed(file, by_stem):
                listed |= {
                    path
                    for path in by_stem.get(stem, ())
                    if not folders or path.parent.parts[-len(folders) :] == folders
                }
    if not members:
        return ()
    every = set().union(*members.values())
    splits = {name: [path for path in images if path in members[name]] for name in _SPLITS if name in members}
    others = [path for path in images if path not in every]
    return named_splits(splits | ({UNLISTED: others} if others else {}))


def _list_homes(root: Path) -> list[Path]:
    """The folders that hold lists: the root, else the one above annotations, else those of several data sets below."""
    near = next((home for home in (root, root.parent) if _lists(home)), None)
    if near is not None:
        return [near]
    return sorted((home for home in root.iterdir() if home.is_dir() and _lists(home)), key=sortable)


def _lists(home: Path) -> dict[str, Path]:
    """The lists of splits by name. Those of a class, such as `cat_train.txt`, are left out."""
    files = {name: home / "ImageSets" / "Main" / f"{name}.txt" for name in _SPLITS}
    files = {name: path for name, path in files.items() if path.is_file()}
    if "train" in files or "val" in files:
        files.pop(TRAINVAL, None)
    return files


def training_lists(root: Path) -> list[Path]:
    """The lists that name the images to train on: `train`, and `trainval`, which names those of `val` too."""
    names = (f"{name}.txt" for name in ("train", TRAINVAL))
    files = [home / "ImageSets" / "Main" / name for name in names for home in _list_homes(root)]
    return [path for path in files if path.is_file()]


def _listed(path: Path, stems: Collection[str]) -> list[tuple[tuple[str, ...], str]]:
    """Folders and stem of each image that a list names. A stem may have blanks; a flag after it is not part of it."""
    try:
        lines = read_regular(path).decode("utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise TruthError(f"{printable(path)} cannot be read as a list of images: {error}; save it as UTF-8") from error
    found = []
    for line in filter(None, map(str.strip, lines)):
        *folders, stem = line.replace("\\", "/").split("/")
        bare, suffix = os.path.splitext(stem)
        if stem not in stems and suffix.lower() in IMAGE_SUFFIXES:
            stem = bare
        found.append((tuple(folders), stem if stem in stems else _FLAG.sub("", stem)))
    return found
