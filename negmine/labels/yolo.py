"""YOLO: a `data.yaml` with class names, and a text file an image, in `labels` where the image is in `images`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from negmine.errors import LabelError, SourceError, TruthError
from negmine.labels.base import Feature, LabelFormat, Truth
from negmine.labels.checks import (
    Box,
    clipped_box,
    hash_of_label,
    judged_classes,
    objects_of,
    read_label,
    with_ignored_regions,
)
from negmine.labels.plan import Content, ExportImage, Plan
from negmine.labels.splits import TRAIN, Listing, Split, require_split
from negmine.labels.yolo_rows import RowFormat, YoloRow
from negmine.paths import printable
from negmine.sources.data_yaml import split_names
from negmine.sources.expand import expand_sources
from negmine.structures import GroundTruth

_DATA_YAML = "data.yaml"
_OTHER_NAMES = ("data.yml", "dataset.yaml")
_VAL = "val"
_SPLITS = (TRAIN, _VAL, "test")
_NO_VAL = b"# There are no images to validate on here, and Ultralytics asks for some: name your own for val.\n"


class YoloFormat(LabelFormat):
    """YOLO, as Ultralytics reads it."""

    key = "yolo"
    title = "YOLO"
    data_set = "a data.yaml (YOLO)"
    file_suffixes = frozenset({".yaml", ".yml"})
    features = frozenset({Feature.MASKS, Feature.KEYPOINTS, Feature.ORIENTED_BOXES, Feature.CHANNELS})
    image_suffixes = frozenset({".jpg", ".png", ".tif", ".webp", ".bmp", ".avif", ".jp2"})

    def find(self, folder: Path) -> Sequence[Path]:
        """The data.yaml of a folder."""
        files = [path for name in (_DATA_YAML, *_OTHER_NAMES) if (path := folder / name).is_file()]
        return files[:1]

    def open(self, path: Path) -> Truth:
        """See `YoloTruth`."""
        return YoloTruth(path)

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
        files[_DATA_YAML] = _data_yaml(sorted(present | {TRAIN}), class_names)
        return files


FORMAT = YoloFormat()


class YoloTruth:
    """The labels of an Ultralytics data set.

    A row is `class x y width height` (shares of the image), a polygon or oriented box `class x1 y1 x2 y2 ...`, whose
    extent is taken, or, where the yaml has a `kpt_shape`, a box followed by key points. An empty file says that its
    image is empty, and so does one of nothing but zeros; without a file the image is unlabelled.

    Args:
        data_yaml: the file.

    Raises:
        TruthError: where it cannot be read or names no classes.
    """

    format_name = YoloFormat.title

    def __init__(self, data_yaml: Path) -> None:
        self.data_yaml = data_yaml
        self._document = _DataYaml.read(data_yaml)
        names = self._document.row_format.names
        self.class_names = judged_classes(tuple(dict.fromkeys(names[number] for number in sorted(names))))
        self.images_labelled = len({label for place in self._document.places for label in _labels_of(place)})

    @property
    def searched_folders(self) -> Sequence[Path]:
        """The folders of images; see `Truth.searched_folders`."""
        return [place.resolve() for place in self._document.places if place.is_dir()]

    def list_images(self, only: str | None = None) -> Listing:
        """The images by split; see `Truth.list_images`.

        Images that a list names and that do not exist are lost: a label alone is not a positive. A link to nothing
        stays, for whoever reads it to report.
        """
        names = split_names(self.data_yaml)
        if not names:
            raise SourceError(
                f"{printable(self.data_yaml)} names no images: expected one of {', '.join(_SPLITS)}; add it"
            )
        require_split(only, names, self.data_yaml)
        splits, lost = list[Split](), dict[str, None]()
        for name in (name for name in names if only in (None, name)):
            images = [ref.path for ref in expand_sources([self.data_yaml], split=name)]
            absent = {path for path in images if not os.path.lexists(path)}
            splits.append(Split(name, tuple(path for path in images if path not in absent)))
            lost |= dict.fromkeys(printable(path) for path in images if path in absent)
        return Listing(tuple(splits), tuple(lost))

    def label_hash(self, image_path: Path) -> str | None:
        """The hash of the image's label file, and of the data.yaml's part in its rows; see `Truth.label_hash`."""
        path = label_path(image_path)
        return hash_of_label(read_label(path), self._document.row_format.key) if path.exists() else None

    def object_names(self, image_path: Path) -> tuple[str, ...] | None:
        """The class of every object; see `Truth.object_names`."""
        rows = self._rows(image_path)
        return None if rows is None else objects_of([row.class_name for row in rows])

    def read(self, image_path: Path, size_wh: tuple[int, int]) -> GroundTruth | None:
        """The objects of an image; see `Truth.read`."""
        rows = self._rows(image_path)
        if rows is None:
            return None
        boxes = [[share * side for share, side in zip(row.box, (*size_wh, *size_wh), strict=True)] for row in rows]
        return with_ignored_regions(GroundTruth.of(boxes, [row.class_name for row in rows]), self.class_names)

    def _rows(self, image_path: Path) -> tuple[YoloRow, ...] | None:
        """The rows of an image's label file; None where there is no file."""
        path = label_path(image_path)
        return self._document.row_format.read(path) if path.exists() else None


def label_path(image_path: Path) -> Path:
    """Where the labels of an image are: the last `/images/` of its path becomes `/labels/`, as in Ultralytics."""
    images, labels = f"{os.sep}images{os.sep}", f"{os.sep}labels{os.sep}"
    return Path(labels.join(str(image_path.absolute()).rsplit(images, 1))).with_suffix(".txt")


def _labels_of(place: Path) -> set[Path]:
    """The label files for a folder of images, or for a list of them."""
    if place.is_dir():
        beside = label_path(place / "any.jpg")
        return {path for path in beside.parent.rglob("*.txt") if path.is_file()}
    try:
        lines = place.read_text("utf-8").splitlines() if place.suffix == ".txt" else [str(place)]
    except (OSError, ValueError):  # not text, or a NUL in a name
        return set()
    images = [place.parent / line.strip() for line in lines if line.strip()]
    return {label for image in images if (label := label_path(image)).is_file()}


@dataclass(frozen=True, slots=True)
class _DataYaml:
    """The part of a `data.yaml` that labels need.

    Attributes:
        row_format: what a row may hold, and which class its number is.
        places: folders, lists or images that the splits name, some of which may not exist.
    """

    row_format: RowFormat
    places: tuple[Path, ...]

    @classmethod
    def read(cls, path: Path) -> _DataYaml:
        """Read the file.

        Raises:
            TruthError: where it cannot be read, names no classes, or has a wrong `kpt_shape`.
        """
        document = _load(path)
        row_format = RowFormat(_names(path, document.get("names")), _key_point_values(path, document))
        return cls(row_format, _places(path, document))


def _load(path: Path) -> Mapping[object, object]:
    try:
        document = yaml.safe_load(path.read_bytes())
    except (OSError, yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: not text, or an absurd number
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TruthError(f"{printable(path)} cannot be read as YAML: {reason}; correct the file") from error
    if not isinstance(document, dict):
        raise TruthError(f"{printable(path)} is not a data.yaml: expected the key names, found none; add it")
    return document


def _names(path: Path, names: object) -> dict[int, str]:
    """Class id to name, from a list or a mapping."""
    pairs = names.items() if isinstance(names, dict) else enumerate(names) if isinstance(names, list) else ()
    found: dict[int, str] = {}
    for number, name in pairs:
        if not (isinstance(number, int) or str(number).isdecimal()) or not isinstance(name, (str, int, float)):
            raise TruthError(
                f"{printable(path)}: expected names to be numbered words, found {_shown(number)}: "
                f"{_shown(name)}; correct it"
            )
        found[int(number)] = str(name)
    if not found:
        raise TruthError(f"{printable(path)} names no classes: expected names, a list or a mapping by number; add it")
    return found


def _key_point_values(path: Path, document: Mapping[object, object]) -> int:
    shape = document.get("kpt_shape")
    if shape is None:
        return 0
    if not isinstance(shape, list) or len(shape) != 2 or not all(isinstance(n, int) and 0 < n < 10_000 for n in shape):
        raise TruthError(
            f"{printable(path)}: expected kpt_shape to be points and values a point, such as [17, 3], found "
            f"{_shown(shape)}; correct it"
        )
    return int(shape[0] * shape[1])


def _places(path: Path, document: Mapping[object, object]) -> tuple[Path, ...]:
    """What the splits name, below `path`, which is beside the file or in the working folder; else all beside it."""
    root = document.get("path")
    homes = [path.parent / root, Path(root)] if isinstance(root, str) else [path.parent]
    home = next((each for each in homes if each.is_dir()), path.parent)
    splits = [document.get(name) for name in _SPLITS]
    entries = [each for split in splits for each in (split if isinstance(split, list) else [split])]
    places = [_below(home, each) for each in entries if isinstance(each, str) and each]
    return tuple(places) or (path.parent / "images",)


def _below(home: Path, entry: str) -> Path:
    """Exports of some tools begin with a `../` too many, which Ultralytics forgives."""
    path = home / entry
    return home / entry[3:] if entry.startswith("../") and not path.exists() else path


def _shown(value: object) -> str:
    """A value for a message; what is nested by its kind alone, since a few aliases can write out to gigabytes."""
    plain = value is None or isinstance(value, (str, int, float))
    return printable(repr(value)[:40]) if plain else f"a {type(value).__name__}"


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
