"""Writing CVAT for images 1.1: the images of a task, and an XML with their boxes and polygons.

annotations.xml   uploaded as the annotations of a task that was made of the images
images/           its images

A task of CVAT is of one split, so where there are several, each has a folder of its own: train/, val/, test/.
"""

from __future__ import annotations

from collections.abc import Sequence

from lxml import etree

from negmine.labels.base import Feature, LabelWriter
from negmine.labels.nameable import is_stripped, require_nameable
from negmine.labels.objects import WrittenObject, by_split, class_numbers, written_objects
from negmine.labels.plan import Content, ExportImage, Header, Plan

_ANNOTATIONS = "annotations.xml"
_LONGEST_NAME = 64  # characters of a label of CVAT
_MARKS = {"difficult": Feature.DIFFICULT, "is_crowd": Feature.CROWD}


class CvatForImages(LabelWriter):
    """CVAT's XML for images; difficult objects and crowds have an attribute that says so."""

    key = "cvat"
    title = "CVAT for images"
    features = frozenset({*_MARKS.values(), Feature.MASKS})
    has_outlines = True
    image_suffixes = frozenset({".jpg", ".png", ".tif", ".webp", ".bmp", ".gif", ".ppm", ".jp2"})  # that Pillow opens
    advice = (
        "make a task in CVAT of the folder images/, then upload annotations.xml to it as `CVAT 1.1`; images are told "
        "by their names"
    )

    def plan(
        self, images: Sequence[ExportImage], *, class_names: Sequence[str], folder: str, header: Header | None = None
    ) -> Plan:
        """See `LabelWriter.plan`."""
        limit = f"whose labels have 1 to {_LONGEST_NAME} printable characters, without blanks around"
        require_nameable(class_names, _can_name, self.title, limit)
        files: dict[str, Content] = {}
        splits = by_split(images)
        for split, members in splits.items():
            place = f"{split}/" if len(splits) > 1 else ""
            files |= {f"{place}images/{image.file_name}": image.file for image in members}
            files[f"{place}{_ANNOTATIONS}"] = _document(members, class_names, split)
        return files


FORMAT = CvatForImages()


def _document(images: Sequence[ExportImage], class_names: Sequence[str], split: str) -> bytes:
    root = etree.Element("annotations")
    etree.SubElement(root, "version").text = "1.1"
    task = etree.SubElement(etree.SubElement(root, "meta"), "task")
    for tag, text in (("name", f"negmine {split}"), ("size", str(len(images))), ("mode", "annotation")):
        etree.SubElement(task, tag).text = text
    labels = etree.SubElement(task, "labels")
    for name in class_names:
        _add_label(labels, name)
    numbers = class_numbers(class_names)
    for index, image in enumerate(images):
        width, height = image.size_wh
        about = {"id": str(index), "name": image.file_name, "width": str(width), "height": str(height)}
        element = etree.SubElement(root, "image", about)
        for group, each in enumerate(written_objects(image, numbers, crowds=True), start=1):
            _add_shapes(element, each, group=group)
    etree.indent(root, space="  ")
    return etree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def _add_label(labels: etree._Element, name: str) -> None:
    label = etree.SubElement(labels, "label")
    etree.SubElement(label, "name").text = name
    attributes = etree.SubElement(label, "attributes")
    for mark in _MARKS:
        attribute = etree.SubElement(attributes, "attribute")
        said = {"name": mark, "mutable": "False", "input_type": "checkbox", "default_value": "false", "values": "false"}
        for tag, text in said.items():
            etree.SubElement(attribute, tag).text = text


def _add_shapes(image: etree._Element, each: WrittenObject, *, group: int) -> None:
    """Add the box of an object, or its polygons; the parts of one object are a group of CVAT's."""
    corners = dict(zip(("xtl", "ytl", "xbr", "ybr"), (f"{side:.2f}" for side in each.box_xyxy), strict=True))
    shapes = [("polygon", {"points": ";".join(f"{x:.2f},{y:.2f}" for x, y in part)}) for part in each.outline]
    grouped = {"group_id": str(group)} if len(shapes) > 1 else {}
    for tag, place in shapes or [("box", corners)]:
        about = {"label": each.class_name, "source": "manual", "occluded": "0", **place, "z_order": "0"}
        shape = etree.SubElement(image, tag, {**about, **grouped})
        for mark, is_set in (("difficult", each.difficult), ("is_crowd", each.crowd)):
            etree.SubElement(shape, "attribute", {"name": mark}).text = "true" if is_set else "false"


def _can_name(name: str) -> bool:
    """Whether it can be a label of CVAT, whose server takes blanks around it off."""
    return name.isprintable() and is_stripped(name) and len(name) <= _LONGEST_NAME
