"""Data sets at random, whose every target is known: what a negative may never show can be seen by its colour.

Pictures are dim noise with bright rectangles: yellow where a target is in a picture with a label, magenta where one is
in a picture without, red where there is nothing but something like a target.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from drawn_layouts import LAYOUTS, Layout
from hypothesis import strategies as st

from negmine.structures import BoolArray, Detections, Image

WIDTH, HEIGHT = 48, 36
CELLS = [(x, y) for y in (0, 18) for x in (0, 24)]  # top left corners of four places for rectangles
YELLOW, MAGENTA, RED = (0, 255, 255), (255, 0, 255), (0, 0, 255)  # BGR
Fault = Literal["cut", "outside", "foreign", "zeros", "region"]
CATEGORIES: list[dict[str, object]] = [{"id": 1, "name": "cat"}, {"id": 2, "name": "DontCare"}]
STEMS = ("a", "b", "A", "0001", "img 1", "caf\u00e9", "cafe\u0301", "a.b")
SUFFIXES = (".jpg", ".png", ".JPG", ".jpeg")


@dataclass(frozen=True)
class Picture:
    """A picture, and what was written about it.

    Attributes:
        number: of its noise.
        folder: where it lies in its layout.
        stem, suffix: its name.
        label: whether it has one.
        targets, decoys: indices of the cells that hold one.
        label_stem: the name of its label; the picture's own unless a tool changed it.
        label_suffix: of the label.
        stated: the name that the label gives it; None for none.
        with_size: whether the label says how large the picture is.
        with_folder: whether a COCO entry says in which folder the picture is.
        fault: what is wrong with the label: it is `cut` short, has a box `outside`, or is of a `foreign` format. Or
            what is odd and right: a box of `zeros` says that there is nothing, `region` that nobody judged its targets.
    """

    number: int
    folder: str
    stem: str
    suffix: str
    label: bool
    targets: tuple[int, ...]
    decoys: tuple[int, ...]
    label_stem: str
    label_suffix: str
    stated: str | None
    with_size: bool
    with_folder: bool = True
    fault: Fault | None = None

    @property
    def kind(self) -> str:
        """What the data set says of it, where its label is found, in the words of ratio."""
        if not self.label:
            return "unlabelled"
        if self.fault in ("cut", "outside", "foreign"):
            return "broken"
        return "empty" if not self.targets else "ignored" if self.fault == "region" else "positive"

    @property
    def class_name(self) -> str:
        """Of the objects."""
        return "DontCare" if self.fault == "region" else "cat"

    def boxes(self) -> list[tuple[int, int, int, int]]:
        """The boxes that its label has, xyxy in pixels."""
        if self.fault == "zeros":
            return [(0, 0, 0, 0)]
        outside = [(WIDTH + 5, 5, WIDTH + 9, 9)] if self.fault == "outside" else []
        return [*(box_in(cell) for cell in self.targets), *outside]


@dataclass(frozen=True)
class DrawnSet:
    """A data set.

    Attributes:
        layout: where its files are.
        pictures: no two of one path, or with labels of one path.
        orphans: labels whose picture is not there: their folders and stems.
    """

    layout: Layout
    pictures: tuple[Picture, ...]
    orphans: tuple[tuple[str, str], ...]


def box_in(cell: int) -> tuple[int, int, int, int]:
    """The rectangle in a cell."""
    x, y = CELLS[cell]
    return x + 8, y + 5, x + 16, y + 13


def find_rectangles(image: Image) -> Detections:
    """All bright rectangles: the detector that is mined fires on targets and decoys alike."""
    count, _, stats, _ = cv2.connectedComponentsWithStats((image[..., 2] > 150).astype(np.uint8))
    boxes = [(x, y, x + w, y + h) for x, y, w, h, area in stats[1:count] if area >= 9]
    return Detections(np.array(boxes, dtype=float).reshape(-1, 4), np.full(len(boxes), 0.9), np.zeros(len(boxes), int))


def shows(image: Image, colour: tuple[int, int, int]) -> bool:
    """Whether a pixel has this colour; the noise and the other colours are far from it."""
    wanted = np.array(colour) > 128
    near: BoolArray = (image > 128) == wanted
    return bool(near.all(axis=2).any())


@st.composite
def pictures(draw: st.DrawFn, layout: Layout, number: int) -> Picture:
    """A picture with at most one kind of trouble with its label."""
    folder, stem = draw(st.sampled_from(layout.folders)), draw(st.sampled_from(STEMS))
    suffix = draw(st.sampled_from(SUFFIXES[:2] * 2 + SUFFIXES))
    cells = draw(st.permutations(range(4)))
    kind = draw(st.sampled_from(["objects", "objects", "empty", "unlabelled"]))
    targets = draw(st.integers(1, 2)) if kind == "objects" else draw(st.integers(0, 1)) * (kind == "unlabelled")
    faults: list[Fault | None] = [None] * 6
    faults += ["zeros", "cut"] if kind == "empty" else ["cut", "outside", "region"]
    faults += ["foreign"] if layout.format != "coco" else []
    fault = draw(st.sampled_from(faults)) if kind != "unlabelled" else None
    trouble = draw(st.sampled_from([None] * 6 + ["case", "form", "label suffix", "other name", "no suffix", "no name"]))
    label_stem, stated = stem, stem + suffix
    if trouble == "case":
        label_stem = stem.swapcase()
    elif trouble == "form":
        form = "NFD" if unicodedata.is_normalized("NFC", stem) else "NFC"
        label_stem = unicodedata.normalize(form, stem)
    elif trouble == "other name" and layout.format == "voc":
        stated = draw(st.sampled_from(STEMS)) + suffix
    elif trouble == "no suffix":
        stated = stem
    if trouble in ("case", "form", "no suffix") and layout.format == "coco":
        stated = label_stem + draw(st.sampled_from([suffix, ".jpg", ".png"]))
    label_suffix = ".txt" if layout.format == "yolo" else ".xml"
    return Picture(
        number,
        folder,
        stem,
        suffix,
        label=kind != "unlabelled",
        targets=tuple(cells[:targets]),
        decoys=tuple(cells[targets : targets + draw(st.integers(0, 2))]),
        label_stem=label_stem,
        label_suffix=label_suffix.upper() if trouble == "label suffix" else label_suffix,
        stated=None if trouble == "no name" and layout.format == "voc" else stated,
        with_size=draw(st.booleans()) or fault == "outside",
        fault=fault,
        with_folder=draw(st.integers(0, 3)) > 0,
    )


@st.composite
def drawn_sets(draw: st.DrawFn, layouts: Sequence[Layout] = LAYOUTS, *, tidy: int = 0) -> DrawnSet:
    """A data set of a few pictures, and of so many tidy ones with objects."""
    layout = draw(st.sampled_from(layouts))
    by_path: dict[str, Picture] = {}
    for number in range(100, 100 + tidy):
        picture = tidy_picture(layout, number, f"tidy{number}", targets=(number % 4,), decoys=((number + 1) % 4,))
        by_path[_image_path(layout, picture)] = picture
    for number in range(draw(st.integers(1, 5))):
        picture = draw(pictures(layout, number))
        by_path.setdefault(_image_path(layout, picture), picture)
    kept, taken = list[Picture](), set[str]()
    for picture in by_path.values():
        if any(_names_only(layout, picture, other) for other in by_path.values()):
            picture = replace(picture, label_stem=picture.stem, stated=picture.stem + picture.suffix, with_folder=True)
        label = layout.label_path(picture.folder, picture.label_stem, picture.label_suffix)
        if picture.label and layout.format != "coco" and label in taken:
            picture = replace(picture, label=False)
        if picture.label:
            taken.add(label)
        kept.append(picture)
    orphans = draw(st.lists(st.tuples(st.sampled_from(layout.folders), st.sampled_from(STEMS)), max_size=1))
    orphans = [each for each in orphans if not any(_could_be(layout, *each, other) for other in kept)]
    return DrawnSet(layout, tuple(kept), tuple(orphans))


def tidy_picture(
    layout: Layout,
    number: int,
    stem: str,
    *,
    label: bool = True,
    targets: tuple[int, ...] = (),
    decoys: tuple[int, ...] = (),
) -> Picture:
    """A picture whose label is as it should be, in one of the layout's folders."""
    folder, suffix = layout.folders[number % len(layout.folders)], ".txt" if layout.format == "yolo" else ".xml"
    return Picture(number, folder, stem, ".jpg", label, targets, decoys, stem, suffix, f"{stem}.jpg", True)


def _image_path(layout: Layout, picture: Picture) -> str:
    return layout.image_path(picture.folder, picture.stem, picture.suffix)


def _names_only(layout: Layout, picture: Picture, other: Picture) -> bool:
    """Whether the label of a picture names another and not its own: nobody could tell whose it is."""
    if not picture.label or other is picture:
        return False
    if layout.format == "coco":
        if not picture.with_folder and not other.folder and not other.label:
            return picture.stated == other.stem + other.suffix
        names_it = picture.stated == picture.stem + picture.suffix
        return picture.folder == other.folder and picture.stated == other.stem + other.suffix and not names_it
    if layout.has_folders and picture.folder != other.folder:
        return False
    return picture.label_stem == other.stem != picture.stem


def _could_be(layout: Layout, folder: str, stem: str, picture: Picture) -> bool:
    """Whether a label whose picture is not there could be that of a picture without one, for all that anyone sees."""
    if picture.label or folded(stem) != folded(picture.stem):
        return False
    return not layout.has_folders or not folder or not picture.folder or folder == picture.folder


def folded(stem: str) -> str:
    """A name without what differs between machines."""
    return unicodedata.normalize("NFC", stem).casefold()


def write_set(drawn: DrawnSet, root: Path) -> None:
    """Write all files of a data set."""
    layout = drawn.layout
    images = [_image_path(layout, each) for each in drawn.pictures]
    for picture, image in zip(drawn.pictures, images, strict=True):
        _put(root / image, _pixels(picture))
    for path, text in layout.files:
        _put(root / path, text)
    if layout.lists:
        path, line = layout.lists
        rows = [line.format(path=image, stem=each.stem) for each, image in zip(drawn.pictures, images, strict=True)]
        _put(root / path, "".join(f"{row}\n" for row in rows))
    if layout.format == "coco":
        _write_coco(drawn, root)
        return
    for picture in drawn.pictures:
        if picture.label:
            path = layout.label_path(picture.folder, picture.label_stem, picture.label_suffix)
            _put(root / path, _label(layout, picture))
    for folder, stem in drawn.orphans:
        lost = orphan(layout, folder, stem)
        path = root / layout.label_path(folder, stem, lost.label_suffix)
        if not path.exists():
            _put(path, _label(layout, lost))


def orphan(layout: Layout, folder: str, stem: str) -> Picture:
    """The picture of a label whose picture is not there."""
    suffix = ".txt" if layout.format == "yolo" else ".xml"
    return Picture(0, folder, stem, ".jpg", True, (0,), (), stem, suffix, f"{stem}.jpg", False)


def _put(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def _pixels(picture: Picture) -> bytes:
    image = np.random.default_rng(picture.number).integers(0, 60, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    for cells, colour in ((picture.targets, YELLOW if picture.label else MAGENTA), (picture.decoys, RED)):
        for x1, y1, x2, y2 in map(box_in, cells):
            image[y1:y2, x1:x2] = colour
    return cv2.imencode(".png", image)[1].tobytes()


def _label(layout: Layout, picture: Picture) -> str:
    text = _yolo_rows(picture) if layout.format == "yolo" else _voc_xml(picture)
    if picture.fault != "cut":
        return text
    return text.rstrip().rpartition(" ")[0] or "0" if layout.format == "yolo" else text[: -len("</annotation>") // 2]


def _yolo_rows(picture: Picture) -> str:
    if picture.fault == "zeros":
        return "0 0 0 0 0\n"
    if picture.fault == "foreign":
        return "imagesource:GoogleEarth\ngsd:0.1\n"
    number = int(picture.fault == "region")
    return "".join(
        f"{number} {(x1 + x2) / 2 / WIDTH} {(y1 + y2) / 2 / HEIGHT} {(x2 - x1) / WIDTH} {(y2 - y1) / HEIGHT}\n"
        for x1, y1, x2, y2 in picture.boxes()
    )


def _voc_xml(picture: Picture) -> str:
    first = 0 if picture.fault == "zeros" else 1
    objects = "".join(
        f"<object><name>{picture.class_name}</name><bndbox><xmin>{x1 + first}</xmin><ymin>{y1 + first}</ymin>"
        f"<xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>"
        for x1, y1, x2, y2 in picture.boxes()
    )
    name = "" if picture.stated is None else f"<filename>{picture.stated}</filename>"
    size = f"<size><width>{WIDTH}</width><height>{HEIGHT}</height></size>" if picture.with_size else ""
    if picture.fault == "foreign":
        objects = f"<objects>{objects}</objects>"
    return f"<annotation><folder/>{name}{size}{objects}</annotation>"


def _write_coco(drawn: DrawnSet, root: Path) -> None:
    """A JSON for each path that the layout has for labels."""
    layout = drawn.layout
    documents: dict[str, dict[str, list[dict[str, object]]]] = {}
    for folder in layout.folders:
        document = documents.setdefault(
            layout.label_path(folder, "", ""),
            {"images": [], "annotations": [], "categories": CATEGORIES},
        )
        entries = [each for each in drawn.pictures if each.label and each.folder == folder]
        entries += [orphan(layout, place, stem) for place, stem in drawn.orphans if place == folder]
        for entry in entries:
            number = len(document["images"]) + 1
            prefix = f"{folder}/" if folder and entry.with_folder and "{folder}" not in layout.label else ""
            size = {"width": WIDTH, "height": HEIGHT} if entry.with_size else {}
            document["images"].append({"id": number, "file_name": f"{prefix}{entry.stated}", **size})
            boxes = [[x1, y1, x2 - x1, y2 - y1] for x1, y1, x2, y2 in entry.boxes()]
            boxes += [[1, 2, 3]] if entry.fault == "cut" else []
            document["annotations"] += [
                {"id": 10 * number + n, "image_id": number, "category_id": 1 + (entry.fault == "region"), "bbox": box}
                for n, box in enumerate(boxes)
            ]
    for path, document in documents.items():
        _put(root / path, json.dumps(document))
