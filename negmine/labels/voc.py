"""Pascal VOC: one XML file an image, boxes in 1-based inclusive pixels. No other module knows those.

JPEGImages/                    the images; other names of the folder are found too
Annotations/NAME.xml           size and objects of an image
ImageSets/Main/train.txt       the names of a split's images, one a line
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import islice
from pathlib import Path, PureWindowsPath

from lxml import etree

from negmine.errors import LabelError, TruthError
from negmine.files import sha256_of
from negmine.labels.base import Feature, LabelFormat, Truth
from negmine.labels.checks import Box, clipped_box, read_label, require_size
from negmine.labels.pairing import ImageFinder, LabelIndex
from negmine.labels.plan import ExportImage, Header, Plan, SourceLabel
from negmine.labels.splits import TRAINVAL, UNLISTED, WHOLE, Listing, Split, choose_splits, with_neighbours
from negmine.labels.voc_writer import plan_voc, voc_source_label
from negmine.paths import printable, sortable
from negmine.structures import GroundTruth

_IMAGE_FOLDERS = ("JPEGImages", "images", "imgs", "img")
_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})
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
        return list(islice(folder.rglob("*.xml"), 1))

    def open(self, path: Path) -> Truth:
        """See `VocTruth`."""
        return VocTruth(path)

    def plan(
        self, images: Sequence[ExportImage], *, class_names: Sequence[str], folder: str, header: Header | None = None
    ) -> Plan:
        """See `LabelFormat.plan` and `plan_voc`; VOC lists no classes."""
        return plan_voc(images, folder)


FORMAT = VocFormat()


@dataclass(frozen=True, slots=True)
class _VocObject:
    name: str
    box: Box  # 0-based, right and bottom exclusive
    difficult: bool


@dataclass(frozen=True, slots=True)
class _VocLabel:
    """One XML file; `broken` says which, and what is wrong with it."""

    path: Path
    sha256: str
    filename: str | None = None  # the image's name as the file states it, without any folder
    size_wh: tuple[int, int] = (0, 0)
    objects: tuple[_VocObject, ...] = ()
    broken: str | None = None


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
        labels = [label for path in paths if (label := _parse(path)) is not None]
        sound = [label for label in labels if label.broken is None]
        if not sound:
            reason = f"; the first of {len(labels)} broken ones: {labels[0].broken}" if labels else ""
            raise TruthError(
                f"{printable(root)}: expected Pascal VOC annotations, found none that can be read in "
                f"{len(paths)} XML files{reason}"
            )
        self.class_names = tuple(sorted({each.name for label in sound for each in label.objects}))
        self.images_labelled = len(labels)
        located = _images_of(labels, root)
        self.images = tuple(image for images in located for image in images)
        self.lost = tuple(each.path for each, images in zip(labels, located, strict=True) if not images)
        self._index: LabelIndex[_VocLabel] = LabelIndex()
        for label, images in zip(labels, located, strict=True):
            stem = label.path.stem
            self._index.add(label, images, [stem, label.filename or stem])

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
        return None if label is None else label.sha256

    def object_names(self, image_path: Path) -> tuple[str, ...] | None:
        """The class of every object; see `Truth.object_names`."""
        label = self._find(image_path)
        return None if label is None else tuple(each.name for each in label.objects)

    def read(self, image_path: Path, size_wh: tuple[int, int]) -> GroundTruth | None:
        """The objects of an image; see `Truth.read`."""
        label = self._find(image_path)
        if label is None:
            return None
        where, objects = printable(label.path), label.objects
        require_size(label.size_wh, size_wh, where)
        return GroundTruth.of(
            [clipped_box(each.box, size_wh, f"{where}, object {i}") for i, each in enumerate(objects)],
            [each.name for each in objects],
            difficult=[each.difficult for each in objects],
        )

    def source_label(self, image_path: Path) -> SourceLabel | None:
        """See `Truth.source_label`."""
        label = self._find(image_path)
        return None if label is None else voc_source_label(label.path, label.sha256, label.filename)

    @property
    def header(self) -> Header:
        """Nothing: all that VOC says is in its labels."""
        return Header()

    def _find(self, image_path: Path) -> _VocLabel | None:
        """A sound label."""
        label = self._index.find(image_path)
        if label is not None and label.broken is not None:
            raise LabelError(label.broken)
        return label


def _images_of(labels: Sequence[_VocLabel], root: Path) -> list[list[Path]]:
    """The images of every label, in its folder and those above, up to the root, and in their folders of images."""

    @cache
    def folders(folder: Path) -> list[Path]:
        homes = [parent for parent in (folder, folder.parent, root) if parent == root or root in parent.parents]
        siblings = [folder.parent] if folder == root else []  # the folder of annotations alone was named
        places = [place for home in [*homes, *siblings] for place in (home, *(home / sub for sub in _IMAGE_FOLDERS))]
        return [place for place in dict.fromkeys(places) if place.is_dir()]

    finder = ImageFinder(_SUFFIXES)
    return [finder.find(folders(label.path.parent), label.filename, label.path.stem) for label in labels]


def _xml_root(data: bytes) -> etree._Element:
    """Parse XML that may come from anybody: no entity is expanded, nothing is loaded, a DTD is refused.

    Raises:
        LabelError: for what is not XML, or has a DTD.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise LabelError(f"no readable XML: {error.msg or 'the file is empty'}; label the image again") from error
    if root.getroottree().docinfo.doctype:  # type: ignore[union-attr]
        raise LabelError("it declares a document type (DTD), which labels do not need and attacks use; remove it")
    return root


def _parse(path: Path) -> _VocLabel | None:
    """One file; None for XML that is not a VOC annotation."""
    try:
        data = read_label(path)
    except LabelError as error:
        return _VocLabel(path, sha256_of(b""), broken=str(error))
    filename = None
    try:
        root = _xml_root(data)
        if root.tag != "annotation":
            return None
        filename = _filename(root)
        objects = tuple(_object(element, index) for index, element in enumerate(root.findall("object")))
        return _VocLabel(path, sha256_of(data), filename, _size(root), objects)
    except LabelError as error:
        return _VocLabel(path, sha256_of(data), filename, broken=f"{printable(path)}: {error}")


def _object(element: etree._Element, index: int) -> _VocObject:
    name = (element.findtext("name") or "").strip()
    if not name:
        raise LabelError(f"object {index} has no name; name it")
    texts = [box.findtext(side) for box in element.findall("bndbox") for side in ("xmin", "ymin", "xmax", "ymax")]
    try:
        x1, y1, x2, y2 = (float(text or "") for text in texts)
    except ValueError as error:
        raise LabelError(
            f"object {index} ({printable(name)}): expected one bndbox of four numbers, found {str(texts)[:120]}; "
            "correct it"
        ) from error
    difficult = (element.findtext("difficult") or "").strip() == "1"
    return _VocObject(name, (x1 - 1, y1 - 1, x2, y2), difficult)


def _size(root: etree._Element) -> tuple[int, int]:
    """Width and height, 0 where the file does not say."""
    try:
        width, height = (int(float(root.findtext(f"size/{side}") or 0)) for side in ("width", "height"))
    except (ValueError, OverflowError) as error:
        raise LabelError("its size is not a number; correct it") from error
    return width, height


def _filename(root: etree._Element) -> str | None:
    text = (root.findtext("filename") or "").strip()
    return PureWindowsPath(text).name or None  # takes both kinds of slashes


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
