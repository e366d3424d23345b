"""Pascal VOC: one XML file an image.

JPEGImages/                    the images; other names of the folder are found too
Annotations/NAME.xml           size and objects of an image
ImageSets/Main/train.txt       the names of a split's images, one a line
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from functools import cache, cached_property
from itertools import islice
from pathlib import Path

from negmine.errors import LabelError, TruthError
from negmine.labels.base import Feature, LabelFormat, Truth
from negmine.labels.checks import clipped_box, judged_classes, objects_of, require_size, with_ignored_regions
from negmine.labels.pairing import ImageFinder, LabelIndex
from negmine.labels.plan import Content, ExportImage, Plan
from negmine.labels.splits import TRAIN, TRAINVAL, UNLISTED, WHOLE, Listing, Split, choose_splits, with_neighbours
from negmine.labels.voc_annotation import NotVoc, VocAnnotation, describe_others, parse_annotation
from negmine.labels.voc_writer import voc_annotation
from negmine.paths import printable, sortable
from negmine.structures import GroundTruth

_IMAGE_FOLDERS = ("JPEGImages", "images", "imgs", "img")
_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})
_SPLITS = ("train", "val", TRAINVAL, "test")
_FLAG = re.compile(r"\s+(-1|0|1)$")  # whether the class of a list is in the image
_CHANNELS = 3


class VocFormat(LabelFormat):
    """Pascal VOC."""

    key = "voc"
    title = "Pascal VOC"
    data_set = "a folder of XML files (Pascal VOC)"
    is_folder = True
    features = frozenset({Feature.DIFFICULT, Feature.CHANNELS})

    def find(self, folder: Path) -> Sequence[Path]:
        """The first XML file in a folder or below."""
        return list(islice(folder.rglob("*.xml"), 1))

    def open(self, path: Path) -> Truth:
        """See `VocTruth`."""
        return VocTruth(path)

    def plan(self, images: Sequence[ExportImage], *, class_names: Sequence[str], folder: str) -> Plan:
        """See `LabelFormat.plan`; VOC lists no classes."""
        files: dict[str, Content] = {}
        lists: dict[str, list[str]] = {TRAIN: []}
        for image in images:
            file_name = f"{image.name}{image.suffix}"
            files[f"JPEGImages/{file_name}"] = image.file
            files[f"Annotations/{image.name}.xml"] = voc_annotation(
                folder=folder,
                filename=file_name,
                database=image.database,
                size_whd=(*image.size_wh, _CHANNELS),
                verified=image.accepted,
                truth=image.truth,
            )
            for split in image.splits:
                lists.setdefault(split, []).append(image.name)
        for split, names in lists.items():
            files[f"ImageSets/Main/{split}.txt"] = "".join(f"{name}\n" for name in sorted(names)).encode("ascii")
        return files


FORMAT = VocFormat()


class VocTruth:
    """The annotations under a folder.

    Args:
        root: a Pascal VOC root, or any folder with VOC XML files in it or below.

    Attributes:
        images: the image files that the annotations are of.
        lost: the XML files whose image does not exist.

    Raises:
        TruthError: where there is no annotation, or none that can be read.
    """

    format_name = VocFormat.title

    def __init__(self, root: Path) -> None:
        self.root = root
        paths = sorted(root.rglob("*.xml"), key=sortable)
        read = list(map(parse_annotation, paths))
        labels = [label for label in read if isinstance(label, VocAnnotation)]
        others = [label for label in read if isinstance(label, NotVoc)]
        sound = [label for label in labels if label.broken is None]
        if not sound:
            reason = f"; the first of {len(labels)} broken ones: {labels[0].broken}" if labels else ""
            reason += f"; {describe_others(others)}" if others else ""
            raise TruthError(
                f"{printable(root)}: expected Pascal VOC annotations, found none that can be read in "
                f"{len(paths)} XML files{reason}"
            )
        self.class_names = judged_classes(sorted({each.name for label in sound for each in label.objects}))
        self.images_labelled = len(labels)
        located = _images_of(labels, root)
        self.images = tuple(image for images in located for image in images)
        self.lost = tuple(each.path for each, images in zip(labels, located, strict=True) if not images)
        self._index: LabelIndex[VocAnnotation | NotVoc] = LabelIndex()
        for label, images in zip(labels, located, strict=True):
            stem = label.path.stem
            self._index.add(label, images, [stem, label.filename or stem])
        for other, images in zip(others, _images_of(others, root), strict=True):
            names = [image[-1] for image in other.kind.images]
            self._index.add(other, images, [other.path.stem, *names])

    @property
    def searched_folders(self) -> Sequence[Path]:
        """The root; see `Truth.searched_folders`."""
        return [self.root.resolve()]

    def list_images(self, only: str | None = None) -> Listing:
        """The images by the lists of `ImageSets`; see `Truth.list_images`."""
        return Listing(choose_splits(self._splits, only, self.root), tuple(map(printable, self.lost)))

    @cached_property
    def _splits(self) -> tuple[Split, ...]:
        return _voc_splits(self.root, with_neighbours(self.images))

    def label_hash(self, image_path: Path) -> str | None:
        """The hash of the image's XML file, as it was when the truth was opened; see `Truth.label_hash`."""
        label = self._index.find(image_path)
        return None if label is None else label.hash

    def object_names(self, image_path: Path) -> tuple[str, ...] | None:
        """The class of every object; see `Truth.object_names`."""
        label = self._find(image_path)
        return None if label is None else objects_of([each.name for each in label.objects])

    def read(self, image_path: Path, size_wh: tuple[int, int]) -> GroundTruth | None:
        """The objects of an image; see `Truth.read`."""
        label = self._find(image_path)
        if label is None:
            return None
        where, objects = printable(label.path), label.objects
        require_size(label.size_wh, size_wh, where)
        truth = GroundTruth.of(
            [clipped_box(each.box, size_wh, f"{where}, object {i}") for i, each in enumerate(objects)],
            [each.name for each in objects],
            difficult=[each.difficult for each in objects],
        )
        return with_ignored_regions(truth, self.class_names)

    def _find(self, image_path: Path) -> VocAnnotation | None:
        """A sound label."""
        label = self._index.find(image_path)
        if label is None or (isinstance(label, VocAnnotation) and label.broken is None):
            return label
        raise LabelError(label.broken)


def _images_of(labels: Sequence[VocAnnotation | NotVoc], root: Path) -> list[list[Path]]:
    """The images of every label, in its folder and those above, up to the root, and in their folders of images."""

    @cache
    def folders(folder: Path) -> list[Path]:
        homes = [parent for parent in (folder, folder.parent, root) if parent == root or root in parent.parents]
        siblings = [folder.parent] if folder == root else []  # the folder of annotations alone was named
        places = [place for home in [*homes, *siblings] for place in (home, *(home / sub for sub in _IMAGE_FOLDERS))]
        return [place for place in dict.fromkeys(places) if place.is_dir()]

    finder = ImageFinder(_SUFFIXES)
    names = [label.filename if isinstance(label, VocAnnotation) else None for label in labels]
    return [
        finder.find(folders(label.path.parent), name, label.path.stem)
        for label, name in zip(labels, names, strict=True)
    ]


def _voc_splits(root: Path, images: Sequence[Path]) -> tuple[Split, ...]:
    """Sort images into the splits that lists name; `trainval` counts only where neither of its parts has a list.

    Args:
        root: of the data set, its folder of annotations, or a folder of several data sets such as VOCdevkit.
        images: all of them.

    Raises:
        TruthError: where a list cannot be read.
    """
    members: dict[str, set[Path]] = {}
    for home in _list_homes(root):
        below = [path for path in images if home.parent != root or str(path).startswith(f"{home}{os.sep}")]
        stems = {path.stem for path in below}
        for name, file in _lists(home).items():
            listed = _listed(file, stems)
            members.setdefault(name, set()).update(path for path in below if path.stem in listed)
    if not members:
        return (Split(WHOLE, tuple(images), is_whole=True),)
    every = set().union(*members.values())
    splits = [Split(name, tuple(p for p in images if p in members[name])) for name in _SPLITS if name in members]
    others = tuple(path for path in images if path not in every)
    return (*splits, Split(UNLISTED, others)) if others else tuple(splits)


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


def _listed(path: Path, stems: Collection[str]) -> set[str]:
    """The stems that a list names. A stem may have blanks; a flag after it is not part of it."""
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise TruthError(f"{printable(path)} cannot be read as a list of images: {error}; save it as UTF-8") from error
    words = [line.strip() for line in lines]
    return {word if word in stems else _FLAG.sub("", word) for word in words}
