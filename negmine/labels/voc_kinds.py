"""Telling Pascal VOC from the other XML files that people keep among their labels.

What is not VOC cannot say that an image is empty: its objects are where VOC has none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PureWindowsPath

from lxml import etree

from negmine.paths import printable

StatedImage = tuple[str, ...]  # an image's name behind the folders that a label states; () where it states none

_OWN_TAGS = frozenset({"folder", "filename", "path", "source", "owner", "size", "segmented", "object"})
_TEXTS = frozenset({"folder", "filename", "path"})  # they may hold any numbers
_WITH_LEAVES = frozenset({"source", "owner", "size", "segment"})  # their children hold text alone
_MOST_ATTRIBUTES = 3  # of an element that VOC does not have; four could be a box
_FEWEST_NUMBERS = 4  # of a box that is written as text
_FEWEST_NUMERIC_ATTRIBUTES = 3  # of a circle
_TIME = re.compile(r"\d+[-/:]\d\S*")
_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?!\w)")
_OBJECT_TAGS = frozenset(
    "annotation annotations bbox bboxes bndbox box boxes contour contours ellipse instance instances item items label "
    "labels mask masks obj object objects objs point points polygon polygons polyline pt pts rbox rect rectangle "
    "rectangles region regions robndbox rotated_bbox shape shapes target targets track tracks xmax xmin ymax "
    "ymin".split()
)
_ROOTS = {  # in small letters; with an element that the format has, where other programs have such a root too
    "annotations": ("CVAT", "image"),
    "dataset": ("dlib", "images"),
    "hrsc_image": ("HRSC2016", None),
    "sequence": ("UA-DETRAC", "frame"),
    "viper": ("ViPER", None),
    "pcgts": ("PAGE", None),
    "alto": ("ALTO", None),
    "tagset": ("ICDAR", "image"),
    "view": ("Label Studio's settings", None),
}


@dataclass(frozen=True, slots=True)
class OtherKind:
    """What an XML file is that is not VOC.

    Attributes:
        name: for messages: `FAIR1M (<objects>)`, or `<project>` where only its root is known.
        is_label: whether it is known to be a label of another format; a file of any other kind may be one too.
        images: those that it states.
    """

    name: str
    is_label: bool
    images: tuple[StatedImage, ...] = ()


def other_kind(root: etree._Element) -> OtherKind | None:
    """What a file is, by its root; None for Pascal VOC."""
    if root.tag != "annotation":
        return _by_root(root)
    strange = [child for child in root if _may_hold_objects(child)]
    if strange:
        return OtherKind(_name_by_child(root, strange[0]), True, _stated_images(root))
    if _has_loose_text(root):
        return OtherKind("<annotation> with text between its elements", True, _stated_images(root))
    if _OWN_TAGS.isdisjoint(child.tag for child in root):
        return OtherKind("<annotation> without <filename>, <size> and <object>", True)
    labelme = _labelme(root)
    return OtherKind(labelme, True, _stated_images(root)) if labelme else None


def split_image_name(text: str | None) -> StatedImage:
    """The name of an image behind its folders, in either kind of slashes; a drive or root is left out."""
    stated = PureWindowsPath((text or "").strip())
    return tuple(part for part in stated.parts if part != stated.anchor)


def _by_root(root: etree._Element) -> OtherKind:
    tag = etree.QName(root).localname
    name, child = _ROOTS.get(tag.casefold(), (None, None))
    if name and (child is None or root.find(f"{{*}}{child}") is not None):
        return OtherKind(f"{name} (<{printable(tag)}>)", True, _stated_images(root))
    if tag.casefold() == "annotation":
        where = "in an XML namespace" if tag == "annotation" else "in other letters than VOC's <annotation>"
        return OtherKind(f"<{printable(tag)}> {where}", True)
    return OtherKind(f"<{printable(tag)}>", tag.casefold() == "annotations")


def _may_hold_objects(child: etree._Element) -> bool:
    """Whether a child of `<annotation>` is none of VOC's, and objects could be in it.

    Many tools add elements of their own, such as `<weather>`; these have text alone.
    """
    if child.tag == "object":
        return False
    if child.tag in _WITH_LEAVES:
        return _is_box(child) or any(_may_be_object(leaf) or _is_numerous(leaf.tail) for leaf in child)
    is_empty = not len(child) and not child.attrib and not (child.text or "").strip()
    if child.tag == "annotation" and is_empty:  # labelme's converter writes one
        return False
    return _may_be_object(child)


def _may_be_object(element: etree._Element) -> bool:
    """Whether an element that should hold text alone could be an object, or hold some."""
    tag = str(element.tag).casefold()
    is_vocs = tag == "annotation" and element.getparent().tag == "source"  # type: ignore[union-attr]
    return len(element) > 0 or (tag in _OBJECT_TAGS and not is_vocs) or _is_box(element)


def _is_box(element: etree._Element) -> bool:
    """Whether the text of an element, or its attributes, could be the numbers of a box."""
    attributes = element.attrib.values()
    return (
        len(attributes) > _MOST_ATTRIBUTES
        or sum(_NUMBER.fullmatch(str(value).strip().lstrip("+-")) is not None for value in attributes)
        >= _FEWEST_NUMERIC_ATTRIBUTES
        or (element.tag not in _TEXTS and _is_numerous(element.text))
    )


def _is_numerous(text: str | None) -> bool:
    return len(_NUMBER.findall(_TIME.sub("", text or ""))) >= _FEWEST_NUMBERS


def _has_loose_text(root: etree._Element) -> bool:
    return any((text or "").strip() for text in (root.text, *(child.tail for child in root)))


def _name_by_child(root: etree._Element, child: etree._Element) -> str:
    if child.tag == "objects" and any(
        root.find(f"objects/object/{tag}") is not None for tag in ("points", "possibleresult")
    ):
        return "FAIR1M (<objects>)"
    if child.tag in _WITH_LEAVES:
        return f"<annotation> with objects in <{child.tag}>"
    return _labelme(root) or f"<annotation> with <{printable(str(child.tag))}>"


def _labelme(root: etree._Element) -> str | None:
    """The name of LabelMe, which has `<object>` too, and in it a polygon where VOC has a box."""
    if root.find("object/bndbox") is not None:
        return None
    found = next((path for path in ("object/polygon/pt", "imagesize/nrows") if root.find(path) is not None), None)
    return f"LabelMe (<{found.split('/')[-2]}>)" if found else None


def _stated_images(root: etree._Element) -> tuple[StatedImage, ...]:
    names = [root.findtext("filename"), root.findtext("source/filename")]
    names += [image.get("name") for image in root.findall("image")]  # CVAT
    names += [image.get("file") for image in root.findall("images/image")]  # dlib
    return tuple(stated for name in names if (stated := split_image_name(name)))
