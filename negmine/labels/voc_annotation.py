"""Reading one Pascal VOC annotation: an XML file, boxes in 1-based inclusive pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from lxml import etree

from negmine.errors import LabelError
from negmine.files import sha256_of
from negmine.labels.checks import Box, read_label
from negmine.paths import printable


@dataclass(frozen=True, slots=True)
class VocObject:
    """An object of an annotation.

    Attributes:
        name: its class.
        box: xyxy in pixels, 0-based, right and bottom exclusive; as stated, so it may lie outside the image.
        difficult: VOC's mark.
    """

    name: str
    box: Box
    difficult: bool


@dataclass(frozen=True, slots=True)
class VocAnnotation:
    """One XML file.

    Attributes:
        path: of the file.
        sha256: of its bytes, hex.
        image: the image's name as the file states it, behind the folders that it states, in either kind of slashes:
            ("cam1", "0001.jpg") for `cam1\\0001.jpg`; () where it states none.
        size_wh: of the image, pixels; 0 where the file does not say.
        objects: in the order of the file.
        broken: which file this is, and why it cannot be read; None where it can.
    """

    path: Path
    sha256: str
    image: tuple[str, ...] = ()
    size_wh: tuple[int, int] = (0, 0)
    objects: tuple[VocObject, ...] = ()
    broken: str | None = None

    @property
    def filename(self) -> str | None:
        """The image's name as the file states it, without any folder; None where it states none."""
        return self.image[-1] if self.image else None


@dataclass(frozen=True, slots=True)
class NotVoc:
    """An XML file that is no Pascal VOC annotation.

    Attributes:
        path: of the file.
        sha256: of its bytes, hex.
        kind: what it is, for messages: `FAIR1M (<objects>)`, or `<project>` where only its root is known.
        is_label: whether it is known to be a label of another format; a file of any other kind may be one too.
        images: the image names that it states, each split into folders and name.
    """

    path: Path
    sha256: str
    kind: str
    is_label: bool = False
    images: tuple[tuple[str, ...], ...] = ()

    @property
    def broken(self) -> str:
        """Which file this is, and why it cannot be read, as of a `VocAnnotation`."""
        return f"{printable(self.path)}: not Pascal VOC: {self.kind}; convert it to Pascal VOC"


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


def parse_annotation(path: Path) -> VocAnnotation | NotVoc:
    """Read one XML file. What is wrong with it is in the result: nothing is raised."""
    try:
        data = read_label(path)
    except LabelError as error:
        return VocAnnotation(path, sha256_of(b""), broken=str(error))
    image: tuple[str, ...] = ()
    try:
        root = _xml_root(data)
        if root.tag != "annotation":
            return NotVoc(path, sha256_of(data), f"<{printable(root.tag)}>")
        image = _stated_image(root)
        objects = tuple(_object(element, index) for index, element in enumerate(root.findall("object")))
        return VocAnnotation(path, sha256_of(data), image, _size(root), objects)
    except LabelError as error:
        return VocAnnotation(path, sha256_of(data), image, broken=f"{printable(path)}: {error}")


def _object(element: etree._Element, index: int) -> VocObject:
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
    return VocObject(name, (x1 - 1, y1 - 1, x2, y2), difficult)


def _size(root: etree._Element) -> tuple[int, int]:
    """Width and height, 0 where the file does not say."""
    try:
        width, height = (int(float(root.findtext(f"size/{side}") or 0)) for side in ("width", "height"))
    except (ValueError, OverflowError) as error:
        raise LabelError("its size is not a number; correct it") from error
    return width, height


def _stated_image(root: etree._Element) -> tuple[str, ...]:
    """The image's name behind its folders; () where the file does not say."""
    stated = PureWindowsPath((root.findtext("filename") or "").strip())  # takes both kinds of slashes
    return tuple(part for part in stated.parts if part != stated.anchor)
