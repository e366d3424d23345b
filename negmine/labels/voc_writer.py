"""Writing one Pascal VOC annotation."""

from __future__ import annotations

from math import floor

from lxml import etree

from negmine.errors import ExportError
from negmine.paths import printable
from negmine.structures import GroundTruth


def voc_annotation(
    *,
    folder: str,
    filename: str,
    database: str,
    size_whd: tuple[int, int, int],
    verified: bool = False,
    truth: GroundTruth | None = None,
) -> bytes:
    """A VOC annotation, its elements in the devkit's order; the same arguments give the same bytes.

    Args:
        folder: name of the data set's folder.
        filename: name of the image, with suffix.
        database: where the image is from.
        size_whd: width, height and number of channels, in pixels.
        verified: a person has looked at it; marked as labelImg does.
        truth: its objects; none where None. VOC has no crowds: one is written as difficult.

    Raises:
        ExportError: for text that XML 1.0 cannot hold, or that is empty.
    """
    width, height, depth = size_whd
    root = etree.Element("annotation", {"verified": "yes"} if verified else {})
    _add(root, "folder", folder)
    _add(root, "filename", filename)
    _add(etree.SubElement(root, "source"), "database", database)
    size = etree.SubElement(root, "size")
    for tag, value in (("width", width), ("height", height), ("depth", depth)):
        _add(size, tag, str(int(value)))
    _add(root, "segmented", "0")
    _add_objects(root, truth or GroundTruth.empty(), (width, height))
    etree.indent(root, space="\t")
    return etree.tostring(root, encoding="utf-8") + b"\n"


def _add_objects(root: etree._Element, truth: GroundTruth, size_wh: tuple[int, int]) -> None:
    marks = truth.difficult | truth.crowd
    for box, name, is_difficult in zip(truth.boxes_xyxy.tolist(), truth.class_names, marks.tolist(), strict=True):
        element = etree.SubElement(root, "object")
        sides = [_pixels(low, high, side) for low, high, side in zip(box[:2], box[2:], size_wh, strict=True)]
        _add(element, "name", name)
        _add(element, "pose", "Unspecified")
        _add(element, "truncated", "0")
        _add(element, "difficult", str(int(is_difficult)))
        corners = etree.SubElement(element, "bndbox")
        for tag, value in zip(("xmin", "ymin", "xmax", "ymax"), (s[end] for end in (0, 1) for s in sides), strict=True):
            _add(corners, tag, str(value))


def _pixels(low: float, high: float, side: int) -> tuple[int, int]:
    """First and last pixel of a span, 1-based: its ends rounded and inside the image, with one pixel at least."""
    first, end = floor(max(low, 0.0) + 0.5), floor(min(high, side) + 0.5)
    if end <= first:
        first = min(max(floor((low + high) / 2), 0), side - 1)
        end = first + 1
    return first + 1, end


def _add(parent: etree._Element, tag: str, text: str) -> None:
    """Append an element with text; every element has some, since readers fail on those that have none."""
    if not text.strip():
        raise ExportError(f"a VOC annotation needs a {tag}, found {text!r}; name it")
    try:
        etree.SubElement(parent, tag).text = text
    except (ValueError, UnicodeError) as error:
        raise ExportError(
            f"{tag} {printable(text)!r} has characters that XML cannot hold; rename it without control characters"
        ) from error
