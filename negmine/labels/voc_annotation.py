"""Reading one Pascal VOC annotation: an XML file, boxes in 1-based inclusive pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from negmine.boxes import Box
from negmine.errors import LabelError
from negmine.labels.checks import (
    clipped_box,
    hash_of_label,
    is_placeholder,
    number_in,
    read_label,
    says_background,
)
from negmine.labels.voc_kinds import OtherKind, StatedImage, other_kind, split_image_name
from negmine.paths import first_few, printable
from negmine.words import counted

_SIDES = ("xmin", "ymin", "xmax", "ymax")
_FLAGS = {"": False, "0": False, "false": False, "1": True, "true": True}
_NESTED = frozenset({"object", "objects"})
_OTHER_BOXES = {"robndbox": "roLabelImg", "rbox": "roLabelImg", "polygon": "LabelMe", "points": "FAIR1M"}
_SHAPES = _OTHER_BOXES.keys() | set(
    "keypoint keypoints landmark landmarks mask part parts point polyline pt segmentation".split()
)


@dataclass(frozen=True, slots=True)
class VocObject:
    """An object of an annotation.

    Attributes:
        name: its class.
        box: xyxy in pixels, 0-based, right and bottom exclusive; as stated, so a part of it may lie outside the image.
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
        hash: hex; it changes with what the file says.
        image: the image's name as the file states it, behind the folders that it states, in either kind of slashes:
            ("cam1", "0001.jpg") for `cam1\\0001.jpg`; () where it states none.
        size_wh: of the image, pixels; 0 where the file does not say.
        objects: in the order of the file; none where every box is a placeholder.
        broken: which file this is, and why it cannot be read; None where it can.
    """

    path: Path
    hash: str
    image: StatedImage = ()
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
        hash: hex; it changes with the file.
        kind: what it is.
    """

    path: Path
    hash: str
    kind: OtherKind

    @property
    def broken(self) -> str:
        """Which file this is, and why it cannot be read, as of a `VocAnnotation`."""
        return f"{printable(self.path)}: not Pascal VOC: {self.kind.name}; convert it to Pascal VOC"


def describe_others(others: Sequence[NotVoc]) -> str:
    """Which files are not VOC, in one line for people: how many, and the first few of each kind."""
    kinds: dict[str, list[Path]] = {}
    for other in others:
        kinds.setdefault(other.kind.name, []).append(Path(other.path.name))
    shown = "; ".join(f"{kind}: {first_few(paths, most=3)}" for kind, paths in kinds.items())
    verb = "is" if len(others) == 1 else "are"
    return f"{counted(len(others), 'XML file')} {verb} not Pascal VOC ({shown})"


def parse_annotation(path: Path) -> VocAnnotation | NotVoc:
    """Read one XML file. What is wrong with it is in the result: nothing is raised."""
    data, image = b"", StatedImage()
    try:
        data = read_label(path)
    except LabelError as error:
        return VocAnnotation(path, hash_of_label(data), broken=str(error))
    try:
        root = xml_root(data)
        kind = other_kind(root)
        if kind is not None:
            return NotVoc(path, hash_of_label(data), kind)
        image = split_image_name(_text_of_only(root, "filename"))
        size_wh = _size(root)
        objects = _objects(root, None if 0 in size_wh else size_wh)
        return VocAnnotation(path, hash_of_label(data), image, size_wh, objects)
    except LabelError as error:
        return VocAnnotation(path, hash_of_label(data), image, broken=f"{printable(path)}: {error}")


def xml_root(data: bytes) -> etree._Element:
    """Parse XML that may come from anybody: no entity is expanded, nothing is loaded, a DTD is refused.

    Raises:
        LabelError: for what is not XML, or has a DTD.
    """
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,  # they would cut a text in two
        remove_pis=True,
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise LabelError(f"no readable XML: {error.msg or 'the file is empty'}; label the image again") from error
    if root.getroottree().docinfo.doctype:  # type: ignore[union-attr]
        raise LabelError("it declares a document type (DTD), which labels do not need and attacks use; remove it")
    return root


def _text_of_only(element: etree._Element, tag: str) -> str:
    """The text of a child; "" where there is none.

    Raises:
        LabelError: where there are several.
    """
    found = element.findall(tag)
    if len(found) > 1:
        raise LabelError(f"it has {len(found)} elements <{tag}>; keep one")
    return (found[0].text or "").strip() if found else ""


def _size(root: etree._Element) -> tuple[int, int]:
    """Width and height, 0 where the file does not say."""
    _text_of_only(root, "size")
    try:
        width, height = (int(float(root.findtext(f"size/{side}") or 0)) for side in ("width", "height"))
    except (ValueError, OverflowError) as error:
        raise LabelError("its size is not a number; correct it") from error
    return width, height


def _objects(root: etree._Element, size_wh: tuple[int, int] | None) -> tuple[VocObject, ...]:
    """All objects, checked as far as that goes without the image."""
    elements = root.findall("object")
    sides = [_sides(element, index) for index, element in enumerate(elements)]
    if says_background(sides, "its objects"):
        return ()
    objects = []
    for index, (element, (x1, y1, x2, y2)) in enumerate(zip(elements, sides, strict=True)):
        where = _where(element, index)
        name = _text_of_only(element, "name")
        if not name:
            raise LabelError(f"{where} has no name; name it")
        box = (x1 - 1, y1 - 1, x2, y2)
        clipped_box(box, size_wh, where)
        objects.append(VocObject(name, box, _flag(element, "difficult", where)))
    return tuple(objects)


def _where(element: etree._Element, index: int) -> str:
    name = (element.findtext("name") or "").strip()
    return f"object {index} ({printable(name[:80])})" if name else f"object {index}"


def _sides(element: etree._Element, index: int) -> tuple[float, float, float, float]:
    """The box of an object, as the file has it. The boxes of its parts are not the object's."""
    where, tags = _where(element, index), [str(child.tag) for child in element]
    if nested := next((tag for tag in tags if tag.casefold() in _NESTED), None):
        raise LabelError(f"{where} has a <{printable(nested)}> in it, which VOC does not have; write each object alone")
    boxes = element.findall("bndbox")
    if not boxes and (other := next(filter(_is_other_box, tags), None)):
        tool = f" of {_OTHER_BOXES[other]}" if other in _OTHER_BOXES else ""
        raise LabelError(f"{where}: expected a <bndbox>, found the <{printable(other)}>{tool}; convert it to a box")
    texts = [side.text for box in boxes for tag in _SIDES for side in box.findall(tag)]
    try:
        if any(len(box.findall(tag)) != 1 for box in boxes for tag in _SIDES):
            raise ValueError("a side is missing, or there twice")
        x1, y1, x2, y2 = (number_in(text or "") for text in texts)
    except ValueError as error:
        advice = "write decimals with a point" if any("," in (text or "") for text in texts) else "correct it"
        raise LabelError(
            f"{where}: expected one bndbox of four numbers, found {printable(str(texts)[:120])}; {advice}"
        ) from error
    if is_placeholder((x1, y1, x2, y2)) and (shape := next(filter(_has_shape, element), None)) is not None:
        raise LabelError(
            f"{where}: the bndbox {[x1, y1, x2, y2]} has no size, and there is a <{printable(str(shape.tag))}>; "
            "give it its box"
        )
    return x1, y1, x2, y2


def _has_shape(child: etree._Element) -> bool:
    """Whether a child of an object says where the object is, beside its box."""
    if str(child.tag).casefold() not in _SHAPES:
        return False
    texts = [*child.itertext(), *(value for each in child.iter() for value in each.attrib.values())]
    return any(word not in ("0", "0.0", "-1") for text in texts for word in str(text).replace(",", " ").split())


def _is_other_box(tag: str) -> bool:
    return tag in _OTHER_BOXES or tag.casefold() in ("bndbox", "bbox", "box")


def _flag(element: etree._Element, tag: str, where: str) -> bool:
    text = _text_of_only(element, tag)
    if text.casefold() not in _FLAGS:
        raise LabelError(f"{where}: expected {tag} to be 0 or 1, found {printable(text[:40])!r}; correct it")
    return _FLAGS[text.casefold()]
