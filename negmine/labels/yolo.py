"""YOLO: a `data.yaml` with class names, and a text file an image, in `labels` where the image is in `images`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import yaml

from negmine.errors import LabelError, SourceError
from negmine.labels.base import Claim, Feature, Label, LabelFormat, LabelSet, OwnImages
from negmine.labels.checks import (
    Box,
    clipped_box,
    hash_of_label,
    judged_classes,
    objects_of,
    read_label,
    with_ignored_regions,
)
from negmine.labels.folders import folders_below
from negmine.labels.plan import Content, ExportImage, Plan
from negmine.labels.splits import TRAIN, Listing, Split, choose_splits, require_split, split_called, splits_by_folder
from negmine.labels.yolo_layouts import CLASS_LISTS, DATA_YAML, find_layouts, open_layout
from negmine.labels.yolo_rows import RowFormat, may_be_rows
from negmine.paths import printable
from negmine.sources.data_yaml import split_names
from negmine.sources.folders import IMAGE_SUFFIXES
from negmine.structures import GroundTruth
from negmine.walking import files_in, files_under

_TXT = frozenset({".txt"})
_VAL = "val"
_SPLITS = (TRAIN, _VAL, "test")
_NO_VAL = b"# There are no images to validate on here, and Ultralytics asks for some: name your own for val.\n"


class YoloFormat(LabelFormat):
    """YOLO, as Ultralytics reads it."""

    key = "yolo"
    title = "YOLO"
    data_set = "a data.yaml (YOLO)"
    file_suffixes = frozenset({".yaml", ".yml", ".data"})
    file_names = frozenset(CLASS_LISTS)
    is_folder = True
    features = frozenset({Feature.MASKS, Feature.KEYPOINTS, Feature.ORIENTED_BOXES, Feature.CHANNELS})
    image_suffixes = frozenset({".jpg", ".png", ".tif", ".webp", ".bmp", ".avif", ".jp2"})

    def find(self, folder: Path) -> Sequence[Path]:
        """The data.yaml of a folder, else darknet's list of files, else a list of classes."""
        return find_layouts(folder)

    def open(self, path: Path) -> LabelSet:
        """See `YoloLabels`."""
        return YoloLabels(path)

    def plan(self, images: Sequence[ExportImage], *, class_names: Sequence[str], folder: str) -> Plan:
        """See `LabelFormat.plan`. The `data.yaml` names no root, so the folder can be moved.

        Where there is nothing to validate on, `val` names the training images, and a comment says so: Ultralytics
        refuses a file without the key.
        """
        files: dict[str, Content] = {}
        class_ids = {name: number for number, name in enumerate(class_names)}
        for image in images:
            label = yolo_lines(image.truth, image.size_wh, class_ids).encode("ascii")
            for split in image.splits:
                files[f"images/{split}/{image.name}{image.suffix}"] = image.file
                files[f"labels/{split}/{image.name}.txt"] = label
        present = {split for image in images for split in image.splits}
        files[DATA_YAML] = _data_yaml(sorted(present | {TRAIN}), class_names)
        return files


FORMAT = YoloFormat()


class YoloLabel(Label):
    """The label file of an image.

    Args:
        path: of the file.
        home: the folder that images are kept under.
        labels: the data set.
        group: the split that its folder belongs to; "" where several do, or none.
    """

    __slots__ = ("_labels", "path")

    def __init__(self, path: str, home: Path, labels: YoloLabels, group: str) -> None:
        folder, name = os.path.split(path)
        own = Claim(tuple(folders_below(os.path.abspath(folder), str(home))), os.path.splitext(name)[0])
        super().__init__(printable(path), own=own, group=group)
        self.path = Path(path)
        self._labels = labels

    @property
    def is_of_an_image(self) -> bool:
        """Whether it has rows as labels have them, or is empty; other text, such as a list, is of no image."""
        return self.path.name not in CLASS_LISTS and may_be_rows(self.path)

    def hash(self) -> str:
        """Of the file, and of the data.yaml's part in its rows; see `Label.hash`."""
        return hash_of_label(read_label(self.path), self._labels.row_format.key)

    def object_names(self) -> tuple[str, ...]:
        """The class of every object; see `Label.object_names`."""
        return objects_of([row.class_name for row in self._labels.row_format.read(self.path)])

    def read(self, size_wh: tuple[int, int]) -> GroundTruth:
        """The objects; see `Label.read`."""
        rows = self._labels.row_format.read(self.path)
        boxes = [[share * side for share, side in zip(row.box, (*size_wh, *size_wh), strict=True)] for row in rows]
        truth = GroundTruth.of(boxes, [row.class_name for row in rows])
        return with_ignored_regions(truth, self._labels.class_names)


class YoloLabels(LabelSet):
    """The labels of a YOLO data set.

    A row is `class x y width height` (shares of the image), a polygon or oriented box `class x1 y1 x2 y2 ...`, whose
    extent is taken, or, where the yaml has a `kpt_shape`, a box followed by key points. An empty file says that its
    image is empty, and so does one of nothing but zeros; without a file the image is unlabelled.

    Args:
        path: a `data.yaml`, darknet's `obj.data`, labelImg's `classes.txt`, or a folder that holds one.

    Raises:
        TruthError: where it cannot be read or names no classes.
    """

    format_name = YoloFormat.title

    def __init__(self, path: Path) -> None:
        self.path = path
        found = find_layouts(path) if path.is_dir() else []
        self._layout = open_layout(found[0], path) if found else open_layout(path)
        names = self._layout.row_format.names
        self.class_names = judged_classes(tuple(dict.fromkeys(names[number] for number in sorted(names))))
        self._listed = [str(image) for image in self._layout.present_images()]
        self._labels: dict[str, YoloLabel] = {}
        for split, folder in self._label_folders():
            for file, _ in files_under(folder, _TXT):
                self._add(file, split)
        folders = dict.fromkeys(os.path.dirname(path) for path in self._listed)
        near = [os.path.join(folder, name) for folder in folders for name in files_in(folder, IMAGE_SUFFIXES)]
        self._own = list(dict.fromkeys([*self._listed, *near]))  # labels that no list names have their images too
        for folder in folders:
            for place in dict.fromkeys((os.path.dirname(_label_path(f"{folder}/a.jpg")), folder)):
                if os.path.isdir(place):
                    for name in files_in(place, _TXT):
                        self._add(os.path.join(place, name), "")
        self.labels = self._labels.values()  # a view: `label_of` may add those of images that are kept elsewhere

    @property
    def row_format(self) -> RowFormat:
        """What a row may hold."""
        return self._layout.row_format

    @property
    def searched_folders(self) -> Sequence[Path]:
        """The folders of images; see `LabelSet.searched_folders`."""
        folders = [each for entries in self._layout.entries.values() for each in entries if each.is_dir()]
        return [folder.resolve() for folder in folders or [self._layout.home]]

    def images(self) -> Iterable[OwnImages]:
        """The images of all splits; see `LabelSet.images`."""
        places = dict.fromkeys(each.name for entries in self._layout.entries.values() for each in entries)
        return [OwnImages(self._layout.home, self._own, ", ".join(map(printable, places)) or "it")]

    def label_of(self, image: str) -> Label | None:
        """The file that Ultralytics takes for the label of an image; None where it does not exist."""
        path = _label_path(image)
        if path not in self._labels and os.path.lexists(path):
            self._add(path, "")
        return self._labels.get(path)

    def splits(self, images: Sequence[Path], label_of: Callable[[Path], Label | None], only: str | None) -> Listing:
        """The splits that the data set's file names; see `LabelSet.splits`.

        Images that a list names and that do not exist are lost: a label alone is not a positive. A link to nothing
        stays, for whoever reads it to report.
        """
        listed = set(self._listed)
        if not self._layout.entries or (images and listed.isdisjoint(map(str, images))):
            return Listing(choose_splits(splits_by_folder(images, self._layout.home), only, self.path))
        names = split_names(self._layout.path) if self._layout.document else list(self._layout.entries)
        if not names:
            raise SourceError(f"{printable(self.path)} names no images: expected one of {', '.join(_SPLITS)}; add it")
        require_split(only, names, self.path)
        splits, lost = list[Split](), dict[str, None]()
        for name in (name for name in names if split_called(only, names) in (None, name)):
            there, absent = self._layout.images_of(name)
            splits.append(Split(name, tuple(dict.fromkeys(there))))
            lost |= dict.fromkeys(absent)
        return Listing(tuple(splits), tuple(lost))

    def _label_folders(self) -> Iterable[tuple[str, str]]:
        """The folders that are searched for labels, each with its split."""
        for split, entries in self._layout.entries.items():
            for entry in entries:
                for folder in dict.fromkeys((os.path.dirname(_label_path(str(entry / "a.jpg"))), str(entry))):
                    if os.path.isdir(folder):
                        yield split, folder
        if not self._layout.entries:
            yield "", str(self._layout.home)

    def _add(self, path: str, group: str) -> None:
        path = os.path.abspath(path)
        if path in self._labels and self._labels[path].group != group:
            group = "" if group else self._labels[path].group
        self._labels[path] = YoloLabel(path, self._layout.home, self, group)


def label_path(image_path: Path) -> Path:
    """Where the labels of an image are: the last `/images/` of its path becomes `/labels/`, as in Ultralytics."""
    return Path(_label_path(str(image_path)))


def _label_path(image: str) -> str:
    images, labels = f"{os.sep}images{os.sep}", f"{os.sep}labels{os.sep}"
    return os.path.splitext(labels.join(os.path.abspath(image).rsplit(images, 1)))[0] + ".txt"


def yolo_lines(truth: GroundTruth, size_wh: tuple[int, int], class_ids: Mapping[str, int]) -> str:
    """The rows `class x y width height` of an image's objects, as shares of the image with six digits.

    YOLO has no marks: a `difficult` object is written as any other, a `crowd` is left out, since its box is that of no
    single object. A box under a pixel is grown to one, so that no object is rounded away.

    Args:
        truth: the objects.
        size_wh: of the image, pixels.
        class_ids: class name to number.

    Returns:
        One line an object, in order; "" where there is none.

    Raises:
        LabelError: for an object whose class has no number, or whose box has no area inside the image.
    """
    rows = []
    for index, (box, name, crowd) in enumerate(zip(truth.boxes_xyxy, truth.class_names, truth.crowd, strict=True)):
        if crowd:
            continue
        where = f"object {index} ({printable(name)})"
        if name not in class_ids:
            raise LabelError(
                f"{where}: its class is none of the {len(class_ids)} that are written; add it to the classes"
            )
        x1, y1, x2, y2 = (float(value) for value in box)
        rows.append(f"{class_ids[name]} {_row_of(clipped_box((x1, y1, x2, y2), size_wh, where), size_wh)}\n")
    return "".join(rows)


def _row_of(box: Box, size_wh: tuple[int, int]) -> str:
    """Centre and size, as shares."""
    spans = [_at_least_a_pixel(low, high, side) for low, high, side in zip(box[:2], box[2:], size_wh, strict=True)]
    centres = [(low + high) / 2 / side for (low, high), side in zip(spans, size_wh, strict=True)]
    sizes = [(high - low) / side for (low, high), side in zip(spans, size_wh, strict=True)]
    return " ".join(f"{share:.6f}" for share in (*centres, *sizes))


def _at_least_a_pixel(low: float, high: float, side: int) -> tuple[float, float]:
    """A span, grown about its middle and kept inside the image."""
    if high - low >= 1:
        return low, high
    start = min(max((low + high - 1) / 2, 0.0), side - 1.0)
    return start, start + 1


def _data_yaml(splits: Sequence[str], class_names: Sequence[str]) -> bytes:
    """`train`, `val`, then any other split, and the names by number."""
    document: dict[str, object] = {TRAIN: f"images/{TRAIN}", _VAL: f"images/{_VAL if _VAL in splits else TRAIN}"}
    document |= {split: f"images/{split}" for split in splits}
    document["names"] = dict(enumerate(class_names))
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True).encode()
    return text if _VAL in splits else _NO_VAL + text
