"""Telling Pascal VOC from the other XML files that people keep among their labels.

What is not VOC cannot say that an image is empty: its objects are where VOC has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PureWindowsPath

from lxml import etree

from negmine.paths import printable

StatedImage = tuple[str, ...]  # an image's name behind the folders that a label states; () where it states none

_OWN_TAGS = frozenset({"folder", "filename", "path", "source", "owner", "size", "segmented", "object"})
_WITH_CHILDREN = frozenset({"source", "owner", "size", "segment", "object"})  # in them there are no objects but VOC's
_MOST_ATTRIBUTES = 3  # of an element that VOC does not have; four could be a box
_OBJECT_TAGS = frozenset(
    "annotation annotations bbox bboxes bndbox box boxes contour contours ellipse instance instances item items mask "
    "masks obj object objects objs point points polygon polygons polyline pt pts rbox rect rectangle rectangles region "
    "regions robndbox rotated_bbox shape shapes target targets track tracks".split()
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
    if len(root) and _OWN_TAGS.isdisjoint(child.tag for child in root):
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
    if child.tag in _WITH_CHILDREN:
        return False
    is_empty = not len(child) and not child.attrib and not (child.text or "").strip()
    if child.tag == "annotation" and is_empty:  # labelme's converter writes one
        return False
    return len(child) > 0 or str(child.tag).casefold() in _OBJECT_TAGS or len(child.attrib) > _MOST_ATTRIBUTES


def _name_by_child(root: etree._Element, child: etree._Element) -> str:
    if child.tag == "objects" and any(
        root.find(f"objects/object/{tag}") is not None for tag in ("points", "possibleresult")
    ):
        return "FAIR1M (<objects>)"
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
