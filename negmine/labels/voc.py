"""Pascal VOC: one XML file an image, boxes in 1-based inclusive pixels. No other module knows those."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from lxml import etree

from negmine.errors import LabelError, TruthError
from negmine.labels.checks import checked_boxes, require_size
from negmine.labels.files import hash_of, read_label
from negmine.labels.images import LabelIndex, first_existing
from negmine.paths import printable, sortable
from negmine.structures import GroundTruth

_IMAGE_FOLDERS = ("JPEGImages", "images", "imgs", "img")
_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")


@dataclass(frozen=True, slots=True)
class _Object:
    name: str
    box: tuple[float, float, float, float]  # xyxy, 0-based, right and bottom exclusive
    difficult: bool


@dataclass(frozen=True, slots=True)
class _Annotation:
    """One XML file; `broken` says what is wrong with it."""

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

    Raises:
        TruthError: where there is no annotation, or none that can be read.
    """

    format_name = "Pascal VOC"

    def __init__(self, root: Path) -> None:
        paths = sorted(root.rglob("*.xml"), key=sortable)
        annotations = [annotation for path in paths if (annotation := _parse(path)) is not None]
        sound = [annotation for annotation in annotations if annotation.broken is None]
        if not sound:
            reason = f"; the first of {len(annotations)}: {annotations[0].broken}" if annotations else ""
            raise TruthError(
                f"{printable(root)}: no Pascal VOC annotation in {len(paths)} XML files can be read{reason}"
            )
        self.class_names = tuple(sorted({each.name for annotation in sound for each in annotation.objects}))
        self.images_labelled = len(annotations)
        self._index: LabelIndex[_Annotation] = LabelIndex()
        for annotation in annotations:
            self._add(annotation, root)

    def _add(self, annotation: _Annotation, root: Path) -> None:
        stem, folder = annotation.path.stem, annotation.path.parent
        names = [name for name in (annotation.filename, *(stem + suffix for suffix in _SUFFIXES)) if name]
        homes = [parent for parent in (folder, folder.parent, root) if parent == root or root in parent.parents]
        siblings = [folder.parent] if folder == root else []  # the folder of annotations alone was named
        folders = [place for home in [*homes, *siblings] for place in (home, *(home / sub for sub in _IMAGE_FOLDERS))]
        self._index.add(annotation, first_existing(folders, names), [*names, stem])

    def label_hash(self, image_path: Path) -> str | None:
        """The hash of the image's XML file, as it was when the truth was opened."""
        annotation = self._index.find(image_path)
        return None if annotation is None else annotation.sha256

    def read(self, image_path: Path, size_wh: tuple[int, int]) -> GroundTruth | None:
        """The objects of an image; see `Truth.read`."""
        annotation = self._index.find(image_path)
        if annotation is None:
            return None
        where = printable(annotation.path)
        if annotation.broken is not None:
            raise LabelError(f"{where}: {annotation.broken}")
        require_size(annotation.size_wh, size_wh, where)
        objects = annotation.objects
        return GroundTruth.of(
            checked_boxes([each.box for each in objects], size_wh, where),
            [each.name for each in objects],
            difficult=[each.difficult for each in objects],
        )


def _root_of(data: bytes) -> etree._Element:
    """Parse XML that may come from anybody: no entity is expanded, nothing is loaded, a DTD is refused.

    Raises:
        LabelError: for what is no XML, or has a DTD.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise LabelError(f"no readable XML: {error.msg or 'the file is empty'}") from error
    if root.getroottree().docinfo.doctype:  # type: ignore[union-attr]
        raise LabelError("it declares a document type (DTD), which labels have no use for and attacks have; remove it")
    return root


def _parse(path: Path) -> _Annotation | None:
    """One file; None for XML that is something else than a VOC annotation."""
    data = read_label(path)
    if isinstance(data, LabelError):
        return _Annotation(path, hash_of(b""), broken=str(data))
    filename = None
    try:
        root = _root_of(data)
        if root.tag != "annotation":
            return None
        filename = _filename(root)
        objects = tuple(_object(element, index) for index, element in enumerate(root.findall("object")))
        return _Annotation(path, hash_of(data), filename, _size(root), objects)
    except LabelError as error:
        return _Annotation(path, hash_of(data), filename, broken=str(error))


def _object(element: etree._Element, index: int) -> _Object:
    name = (element.findtext("name") or "").strip()
    if not name:
        raise LabelError(f"object {index} has no name; name it")
    texts = [element.findtext(f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax")]
    try:
        x1, y1, x2, y2 = (float(text or "") for text in texts)
    except ValueError as error:
        raise LabelError(
            f"object {index} ({printable(name)}) has a bndbox of {texts}; expected four numbers"
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
