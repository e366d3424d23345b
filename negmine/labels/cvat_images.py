"""Reading CVAT's XML for images: boxes, polygons, ellipses and masks in pixels, and tags.

It does not tell an image that somebody found empty from one that nobody opened (docs.cvat.ai, CVAT for images 1.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from negmine.boxes import Box, box_around
from negmine.errors import LabelError, TruthError
from negmine.labels.checks import number_in
from negmine.labels.cvat import is_cvat_video, points_in, turned_box, unturned
from negmine.labels.frames import FrameObject
from negmine.labels.voc_annotation import xml_root
from negmine.paths import printable


@dataclass(frozen=True, slots=True)
class CvatImage:
    """What a task says of one image.

    Attributes:
        where: in the file, for messages.
        name: of the image, with folders; None where it is not stated.
        size_wh: pixels; 0 where it is not stated.
        objects: with the boxes around them.
        tags: of the image as a whole.
        unread: why other objects cannot be read.
    """

    where: str
    name: str | None
    size_wh: tuple[int, int]
    objects: tuple[FrameObject, ...]
    tags: tuple[str, ...]
    unread: tuple[str, ...] = ()


def parse_cvat_images(path: Path, data: bytes) -> list[CvatImage]:
    """The images of a task.

    Raises:
        TruthError: where it is no such file.
    """
    if is_cvat_video(data):
        raise TruthError(
            f"{printable(path)} is CVAT for video, whose frames only a scan can find; run "
            f"`negmine scan VIDEO --data {printable(path)}`"
        )
    try:
        root = xml_root(data)
    except LabelError as error:
        raise TruthError(f"{printable(path)} cannot be read as CVAT for images 1.1: {error}") from error
    if root.tag != "annotations":
        raise TruthError(
            f"{printable(path)}: expected CVAT for images 1.1, whose first element is annotations, found "
            f"{printable(str(root.tag))[:40]!r}; a folder of Pascal VOC is read by `negmine scan --data`"
        )
    return [_image(each, index) for index, each in enumerate(root.iterfind("image"))]


def _image(image: etree._Element, index: int) -> CvatImage:
    where = f"image {image.get('id') or f'[{index}]'}"
    tags = tuple(each.get("label") or "" for each in image.iterfind("tag"))
    size_wh, name = (_side(image.get("width")), _side(image.get("height"))), image.get("name")
    objects, unread = list[FrameObject](), list[str]()
    for each in image.iterchildren("*"):
        try:
            objects += [] if each.tag == "tag" else [_shape(each)]
        except (ValueError, TypeError, LookupError) as error:
            unread.append(f"a shape cannot be read: {printable(str(error))}")
    return CvatImage(where, name, size_wh, tuple(objects), tags, tuple(unread))


def _shape(shape: etree._Element) -> FrameObject:
    name = shape.get("label")
    if not name:
        raise ValueError("it has no label")
    return FrameObject(name, _box(shape))


def _box(shape: etree._Element) -> Box:
    """The box around a shape."""
    if shape.tag == "mask":
        left, top, width, height = (number_in(str(shape.attrib[key])) for key in ("left", "top", "width", "height"))
        return left, top, left + width, top + height
    if shape.tag == "polyline":
        return box_around(points_in(str(shape.attrib["points"])))
    x1, y1, x2, y2, degrees = unturned(shape)
    return turned_box((x1, y1, x2, y2), degrees)


def _side(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else 0
