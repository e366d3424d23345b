"""Pascal VOC: one XML file an image, boxes in 1-based inclusive pixels. No other module knows those."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PureWindowsPath

from lxml import etree

from negmine.errors import LabelError, TruthError
from negmine.labels.checks import Box, clipped_box, require_size
from negmine.labels.files import hash_of, read_label
from negmine.labels.pairing import LabelIndex, first_existing
from negmine.paths import printable, sortable
from negmine.structures import GroundTruth

_IMAGE_FOLDERS = ("JPEGImages", "images", "imgs", "img")
_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})


@dataclass(frozen=True, slots=True)
class _Object:
    name: str
    box: Box  # 0-based, right and bottom exclusive
    difficult: bool


@dataclass(frozen=True, slots=True)
class _Annotation:
    """One XML file; `broken` says which, and what is wrong with it."""

    path: Path
    sha256: str
    filename: str | None = None  # the image's name by the file's own word, without any folder
    size_wh: tuple[int, int] = (0, 0)
    objects: tuple[_Object, ...] = ()
    broken: str | None = None


class VocTruth:
    """The annotations under a folder.

    Args:
        root: a Pascal VOC root, or any folder with VOC XML files in it or below.

    Attributes:
        images: the image files that the annotations are of.
        lost: the XML files whose image is nowhere.

    Raises:
        TruthError: where there is no annotation, or none that can be read.
    """

    format_name = "Pascal VOC"

    def __init__(self, root: Path) -> None:
        self.root = root
        paths = sorted(root.rglob("*.xml"), key=sortable)
        annotations = [annotation for path in paths if (annotation := _parse(path)) is not None]
        sound = [annotation for annotation in annotations if annotation.broken is None]
        if not sound:
            reason = f"; the first of {len(annotations)} broken ones: {annotations[0].broken}" if annotations else ""
            raise TruthError(
                f"{printable(root)}: expected Pascal VOC annotations, found none that can be read in "
                f"{len(paths)} XML files{reason}"
            )
        self.class_names = tuple(sorted({each.name for annotation in sound for each in annotation.objects}))
        self.images_labelled = len(annotations)
        located = _located(annotations, root)
        self.images = tuple(image for images in located for image in images)
        self.lost = tuple(each.path for each, images in zip(annotations, located, strict=True) if not images)
        self._index: LabelIndex[_Annotation] = LabelIndex()
        for annotation, images in zip(annotations, located, strict=True):
            stem = annotation.path.stem
            self._index.add(annotation, images, [stem, annotation.filename or stem])

    def label_hash(self, image_path: Path) -> str | None:
        """The hash of the image's XML file, as it was when the truth was opened; see `Truth.label_hash`."""
        annotation = self._index.find(image_path)
        return None if annotation is None else annotation.sha256

    def object_names(self, image_path: Path) -> tuple[str, ...] | None:
        """The class of every object; see `Truth.object_names`."""
        annotation = self._find(image_path)
        return None if annotation is None else tuple(each.name for each in annotation.objects)

    def read(self, image_path: Path, size_wh: tuple[int, int]) -> GroundTruth | None:
        """The objects of an image; see `Truth.read`."""
        annotation = self._find(image_path)
        if annotation is None:
            return None
        where, objects = printable(annotation.path), annotation.objects
        require_size(annotation.size_wh, size_wh, where)
        return GroundTruth.of(
            [clipped_box(each.box, size_wh, f"{where}, object {i}") for i, each in enumerate(objects)],
            [each.name for each in objects],
            difficult=[each.difficult for each in objects],
        )

    def _find(self, image_path: Path) -> _Annotation | None:
        """A sound annotation."""
        annotation = self._index.find(image_path)
        if annotation is not None and annotation.broken is not None:
            raise LabelError(annotation.broken)
        return annotation


def _located(annotations: Sequence[_Annotation], root: Path) -> list[list[Path]]:
    """The images of every annotation: the one that it names, else those of its stem."""

    @cache
    def folders(folder: Path) -> list[Path]:
        homes = [parent for parent in (folder, folder.parent, root) if parent == root or root in parent.parents]
        siblings = [folder.parent] if folder == root else []  # the folder of annotations alone was named
        places = [place for home in [*homes, *siblings] for place in (home, *(home / sub for sub in _IMAGE_FOLDERS))]
        return [place for place in dict.fromkeys(places) if place.is_dir()]

    @cache
    def pictures(folder: Path) -> Mapping[str, list[Path]]:
        by_stem: dict[str, list[Path]] = defaultdict(list)
        for path in _listing(folder):
            if path.suffix.lower() in _SUFFIXES:
                by_stem[path.stem].append(path)
        return by_stem

    found = []
    for annotation in annotations:
        places, stem = folders(annotation.path.parent), annotation.path.stem
        named = first_existing(places, annotation.filename) if annotation.filename else None
        alike = next((pictures(place)[stem] for place in places if stem in pictures(place)), [])
        found.append([named] if named else alike)
    return found


def _listing(folder: Path) -> list[Path]:
    """What is in a folder; nothing where it may not be read."""
    try:
        return sorted(folder.iterdir(), key=sortable)
    except OSError:
        return []


def _root_of(data: bytes) -> etree._Element:
    """Parse XML that may come from anybody: no entity is expanded, nothing is loaded, a DTD is refused.

    Raises:
        LabelError: for what is no XML, or has a DTD.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise LabelError(f"no readable XML: {error.msg or 'the file is empty'}; label the image again") from error
    if root.getroottree().docinfo.doctype:  # type: ignore[union-attr]
        raise LabelError("it declares a document type (DTD), which labels have no use for and attacks have; remove it")
    return root


def _parse(path: Path) -> _Annotation | None:
    """One file; None for XML that is something else than a VOC annotation."""
    try:
        data = read_label(path)
    except LabelError as error:
        return _Annotation(path, hash_of(b""), broken=str(error))
    filename = None
    try:
        root = _root_of(data)
        if root.tag != "annotation":
            return None
        filename = _filename(root)
        objects = tuple(_object(element, index) for index, element in enumerate(root.findall("object")))
        return _Annotation(path, hash_of(data), filename, _size(root), objects)
    except LabelError as error:
        return _Annotation(path, hash_of(data), filename, broken=f"{printable(path)}: {error}")


def _object(element: etree._Element, index: int) -> _Object:
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
    return _Object(name, (x1 - 1, y1 - 1, x2, y2), difficult)


def _size(root: etree._Element) -> tuple[int, int]:
    """Width and height, 0 where the file does not say."""
    try:
        width, height = (int(float(root.findtext(f"size/{side}") or 0)) for side in ("width", "height"))
    except (ValueError, OverflowError) as error:
        raise LabelError("its size is no number; correct it") from error
    return width, height


def _filename(root: etree._Element) -> str | None:
    text = (root.findtext("filename") or "").strip()
    return PureWindowsPath(text).name or None  # takes both kinds of slashes
