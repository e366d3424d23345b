"""Writing Pascal VOC: an XML file an image, and the lists of splits.

What comes from a Pascal VOC data set is written as it was, but for the name of an image that has another one now. So
poses, parts, attributes and whatever else a tool put there survive, which negmine does not read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import floor
from pathlib import Path

from lxml import etree

from negmine.errors import ExportError
from negmine.files import sha256_of
from negmine.labels.base import Feature
from negmine.labels.checks import read_label
from negmine.labels.nameable import is_stripped, is_xml, require_nameable
from negmine.labels.plan import Content, ExportImage, Plan, SourceLabel, StoredFile
from negmine.labels.splits import TRAIN
from negmine.paths import printable
from negmine.structures import GroundTruth

_CHANNELS = 3
_FILENAME = re.compile(r"<!--.*?-->|<filename\b[^>]*/>|<filename\b[^>]*>.*?</filename\s*>", re.DOTALL)
_UTF_16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
# Elements in which tools write what plain VOC has no place for.
_FEATURES = {
    Feature.MASKS: re.compile(r"<polygon\b[^>]*(?<!/)>\s*<(?!/)"),
    Feature.KEYPOINTS: re.compile(r"<keypoints?\b[^>]*(?<!/)>\s*[^\s<]|<keypoints?\b[^>]*(?<!/)>\s*<(?!/)"),
    Feature.ORIENTED_BOXES: re.compile(
        r"<robndbox\b|<name>\s*rotation\s*</name>\s*<value>(?!\s*-?[0.]+\s*</value>)"  # of CVAT, in degrees
    ),
}


def plan_voc(images: Sequence[ExportImage], folder: str) -> Plan:
    """See `LabelFormat.plan`."""
    written = [name for image in images if _kept_file(image) is None for name in image.truth.class_names]
    limit = "whose names hold no control characters and no blanks around, since readers take them off"
    require_nameable(dict.fromkeys(written), lambda name: is_xml(name) and is_stripped(name), "Pascal VOC", limit)
    files: dict[str, Content] = {}
    lists: dict[str, list[str]] = {TRAIN: []}
    for image in images:
        files[f"JPEGImages/{image.name}{image.suffix}"] = image.file
        files[f"Annotations/{image.name}.xml"] = _label(image, folder)
        for split in image.splits:
            lists.setdefault(split, []).append(image.name)
    for split, names in lists.items():
        files[f"ImageSets/Main/{split}.txt"] = "".join(f"{name}\n" for name in sorted(names)).encode("ascii")
    return files


def _kept_file(image: ExportImage) -> StoredFile | None:
    """The file of a label that is written as its data set has it."""
    content = None if image.label is None else image.label.content
    return content if isinstance(content, StoredFile) else None


def _label(image: ExportImage, folder: str) -> Content:
    name = f"{image.name}{image.suffix}"
    label, file = image.label, _kept_file(image)
    if label is None or file is None:
        return voc_annotation(
            folder=folder,
            filename=name,
            database=image.database,
            frame=image.frame,
            size_whd=(*image.size_wh, _CHANNELS),
            verified=image.accepted,
            truth=image.truth,
            gaps=[each is not None and each.is_gap for each in image.proposed()],
        )
    is_named = label.image_name in (None, name, image.name)  # some tools leave the suffix out
    return file if is_named else _renamed(file, name)


def _renamed(label: StoredFile, name: str) -> bytes:
    """A label whose `<filename>` is another, and all else as it was.

    Raises:
        ExportError: where the file has changed since it was read.
    """
    data = read_label(label.path)
    if sha256_of(data) != label.sha256:
        raise ExportError(f"{printable(label.path)} has changed since it was read; run the same command again")
    text, encoding = _text(data)
    element = next((found for found in _FILENAME.finditer(text) if not found.group().startswith("<!--")), None)
    if element is None:  # of an encoding in which tags are not found; its image is found by the label's own name
        return data
    return f"{text[: element.start()]}<filename>{name}</filename>{text[element.end() :]}".encode(encoding)


def _text(data: bytes) -> tuple[str, str]:
    """XML as text in which its tags can be found, and the encoding that gives the same bytes again."""
    encoding = _UTF_16.get(data[:2], "latin-1")  # others have the bytes of ASCII for tags, and Latin-1 keeps any byte
    return data.decode(encoding), encoding


def voc_source_label(path: Path, sha256: str, image_name: str | None) -> SourceLabel:
    """A label file, to be written again as it is.

    Args:
        path: of the file, which has been read.
        sha256: of the bytes that were read.
        image_name: the file name of its image as it states it, without folders.

    Raises:
        LabelError: where it cannot be read.
    """
    text, _ = _text(read_label(path))
    features = frozenset(feature for feature, pattern in _FEATURES.items() if pattern.search(text))
    return SourceLabel(StoredFile(path, sha256, in_bank=False, may_be_linked=False), features, image_name)


def voc_annotation(
    *,
    folder: str,
    filename: str,
    database: str,
    frame: str = "",
    size_whd: tuple[int, int, int],
    verified: bool = False,
    truth: GroundTruth | None = None,
    gaps: Sequence[bool] = (),
) -> bytes:
    """A VOC annotation, its elements in the devkit's order; the same arguments give the same bytes.

    Args:
        folder: name of the data set's folder.
        filename: name of the image, with suffix.
        database: where the image is from.
        frame: of a video that it was cut from, named as the `<image>` of its source; "" for none.
        size_whd: width, height and number of channels, in pixels.
        verified: a person has looked at it; marked as labelImg does.
        truth: its objects; none where None. VOC has no crowds: one is written as difficult.
        gaps: of each object, whether it is a likely miss, which its pose says then; () for none.

    Raises:
        ExportError: for text that XML 1.0 cannot hold, or that is empty.
    """
    width, height, depth = size_whd
    root = etree.Element("annotation", {"verified": "yes"} if verified else {})
    _add(root, "folder", folder)
    _add(root, "filename", filename)
    source = etree.SubElement(root, "source")
    _add(source, "database", database)
    if frame:
        _add(source, "image", frame)
    size = etree.SubElement(root, "size")
    for tag, value in (("width", width), ("height", height), ("depth", depth)):
        _add(size, tag, str(int(value)))
    _add(root, "segmented", "0")
    truth = truth or GroundTruth.empty()
    _add_objects(root, truth, gaps or [False] * len(truth), (width, height))
    etree.indent(root, space="\t")
    return etree.tostring(root, encoding="utf-8") + b"\n"


def _add_objects(root: etree._Element, truth: GroundTruth, gaps: Sequence[bool], size_wh: tuple[int, int]) -> None:
    marks = (truth.difficult | truth.crowd).tolist()
    boxes = zip(truth.boxes_xyxy.tolist(), truth.class_names, marks, gaps, strict=True)
    for box, name, is_difficult, is_gap in boxes:
        element = etree.SubElement(root, "object")
        sides = [_pixels(low, high, side) for low, high, side in zip(box[:2], box[2:], size_wh, strict=True)]
        _add(element, "name", name)
        _add(element, "pose", "gap" if is_gap else "Unspecified")
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
