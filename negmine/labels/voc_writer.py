"""Writing a Pascal VOC annotation that says: nothing is in this picture."""

from __future__ import annotations

from lxml import etree

from negmine.errors import ExportError
from negmine.paths import printable


def voc_annotation(
    *, folder: str, filename: str, database: str, size_whd: tuple[int, int, int], verified: bool = False
) -> bytes:
    """A VOC annotation without objects, its elements in the devkit's order; the same arguments give the same bytes.

    Args:
        folder: name of the data set's folder.
        filename: name of the image, with suffix.
        database: where the image is from.
        size_whd: width, height and number of channels, in pixels.
        verified: a person has looked at it; marked as labelImg does.

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
    etree.indent(root, space="\t")
    return etree.tostring(root, encoding="utf-8") + b"\n"


def _add(parent: etree._Element, tag: str, text: str) -> None:
    """Append an element with text; every element has some, since readers choke on those that have none."""
    if not text.strip():
        raise ExportError(f"a VOC annotation needs a {tag}, found {text!r}; name it")
    try:
        etree.SubElement(parent, tag).text = text
    except (ValueError, UnicodeError) as error:
        raise ExportError(
            f"{tag} {printable(text)!r} has characters that XML cannot hold; rename it without control characters"
        ) from error
