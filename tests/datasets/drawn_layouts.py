"""Where tools put images and labels: a table of layouts, by format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Format = Literal["voc", "yolo", "coco"]


@dataclass(frozen=True)
class Layout:
    """A way to lay out a data set.

    Attributes:
        name: of the layout.
        format: of its labels.
        folders: that images are sorted into; one that is called as a split is one.
        image: the path of an image: `{folder}`, `{stem}`, `{suffix}`.
        label: the path of a label: `{folder}`, `{stem}`; in COCO the path of the JSON.
        truth: what is opened.
        sources: what is scanned.
        files: others, by path.
        lists: the path of a list of all images, and a line of it, with `{stem}` or `{path}`.
        is_apart: whether the images are found only where their folder is named.
    """

    name: str
    format: Format
    folders: tuple[str, ...]
    image: str
    label: str
    truth: str = "."
    sources: str = "."
    files: tuple[tuple[str, str], ...] = ()
    lists: tuple[str, str] | None = None
    is_apart: bool = False

    def __str__(self) -> str:
        return f"{self.format} {self.name}"

    @property
    def has_folders(self) -> bool:
        """Whether images and labels alike lie in their folders."""
        return "{folder}" in self.image and ("{folder}" in self.label or self.format == "coco")

    def image_path(self, folder: str, stem: str, suffix: str) -> str:
        """The path of an image."""
        return _joined(self.image.format(folder=folder, stem=stem, suffix=suffix))

    def label_path(self, folder: str, stem: str, suffix: str) -> str:
        """The path of a label."""
        return _joined(self.label.format(folder=folder, stem=stem) + ("" if self.format == "coco" else suffix))


def _joined(path: str) -> str:
    return path.replace("//", "/").removeprefix("/")


ONE, CAMERAS, SPLITS = ("",), ("", "cam1", "cam2"), ("train", "valid", "test")
NAMED = ("cam1", "cam2")


def _yaml(*lines: str) -> tuple[tuple[str, str], ...]:
    return (("data.yaml", "\n".join([*lines, "names: [cat, DontCare]\n"])),)


def _voc(name: str, folders: tuple[str, ...], image: str, label: str, **more: object) -> Layout:
    return Layout(name, "voc", folders, f"{image}/{{stem}}{{suffix}}", f"{label}/{{stem}}", **more)  # type: ignore[arg-type]


def _yolo(name: str, folders: tuple[str, ...], image: str, label: str, **more: object) -> Layout:
    return Layout(name, "yolo", folders, f"{image}/{{stem}}{{suffix}}", f"{label}/{{stem}}", **more)  # type: ignore[arg-type]


def _coco(name: str, folders: tuple[str, ...], image: str, label: str, **more: object) -> Layout:
    return Layout(name, "coco", folders, f"{image}/{{stem}}{{suffix}}", label, **more)  # type: ignore[arg-type]


LAYOUTS = (
    _voc("devkit", ONE, "JPEGImages", "Annotations"),
    _voc("devkit with lists", ONE, "JPEGImages", "Annotations", lists=("ImageSets/Main/train.txt", "{stem}")),
    _voc("of two devkits", ("VOC2007", "VOC2012"), "{folder}/JPEGImages", "{folder}/Annotations"),
    _voc("plain", ONE, "images", "annotations"),
    _voc("singular", ONE, "Images", "Annotation"),
    _voc("mirrored", CAMERAS, "images/{folder}", "annotations/{folder}"),
    _voc("flat labels of nested images", NAMED, "images/{folder}", "annotations"),
    _voc("nested labels of flat images", CAMERAS, "images", "annotations/{folder}"),
    _voc("beside", CAMERAS, "pictures/{folder}", "pictures/{folder}", truth="pictures"),
    _voc("split folders", SPLITS, "{folder}", "{folder}"),
    _voc("split folders of both", SPLITS, "{folder}/images", "{folder}/annotations"),
    _voc(
        "apart", CAMERAS, "photos/raw/{folder}", "work/xml/{folder}", truth="work/xml", sources="photos", is_apart=True
    ),
    _voc("apart and flat", NAMED, "photos/raw/{folder}", "work/xml", truth="work/xml", sources="photos", is_apart=True),
    _yolo("plain", ONE, "images", "labels", files=_yaml("train: images", "val: images")),
    _yolo(
        "splits",
        ("train", "val"),
        "images/{folder}",
        "labels/{folder}",
        files=_yaml("train: images/train", "val: images/val"),
    ),
    _yolo(
        "split folders",
        ("train", "valid"),
        "{folder}/images",
        "{folder}/labels",
        files=_yaml("train: ../train/images", "val: ../valid/images"),
    ),
    _yolo("mirrored", CAMERAS, "images/{folder}", "labels/{folder}", files=_yaml("train: images", "val: images")),
    _yolo("flat labels of nested images", NAMED, "images/{folder}", "labels", files=_yaml("train: images")),
    _yolo("beside", CAMERAS, "pictures/{folder}", "pictures/{folder}", files=_yaml("train: pictures")),
    _yolo("beside, in images", CAMERAS, "images/{folder}", "images/{folder}", files=_yaml("train: images")),
    _yolo("of a list", ONE, "images", "labels", files=_yaml("train: train.txt"), lists=("train.txt", "./{path}")),
    _yolo(
        "darknet",
        ONE,
        "obj_train_data",
        "obj_train_data",
        truth="obj.data",
        sources="obj_train_data",
        files=(
            ("obj.names", "cat\nDontCare\n"),
            ("obj.data", "classes = 2\ntrain = data/train.txt\nnames = data/obj.names\n"),
        ),
        lists=("train.txt", "data/{path}"),
    ),
    _yolo(
        "labelImg", ONE, "pictures", "pictures", truth="pictures", files=(("pictures/classes.txt", "cat\nDontCare\n"),)
    ),
    _coco("beside", CAMERAS, "pictures/{folder}", "pictures/labels.json", truth="pictures/labels.json"),
    _coco("images and annotations", CAMERAS, "images/{folder}", "annotations/instances.json"),
    _coco("instances", ("train", "val"), "images/{folder}", "annotations/instances_{folder}.json"),
    _coco("split folders", SPLITS, "{folder}", "{folder}/_annotations.coco.json"),
    _coco("apart", CAMERAS, "photos/raw/{folder}", "work/labels.json", truth="work", sources="photos", is_apart=True),
)
