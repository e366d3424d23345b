"""YOLO: a `data.yaml` with class names, and a text file an image, in `labels` where the image is in `images`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from negmine.errors import LabelError, SourceError, TruthError
from negmine.files import sha256_of
from negmine.labels.base import Feature, LabelFormat, Truth
from negmine.labels.checks import Box, clipped_box, read_label
from negmine.labels.plan import ExportImage, Header, Plan, SourceLabel
from negmine.labels.splits import TRAIN, Listing, Split, require_split
from negmine.labels.yolo_writer import plan_yolo, yolo_header, yolo_source_label
from negmine.paths import printable
from negmine.sources.data_yaml import split_names
from negmine.sources.expand import expand_sources
from negmine.structures import GroundTruth

_DATA_YAML = "data.yaml"
_OTHER_NAMES = ("data.yml", "dataset.yaml")
_SPLITS = (TRAIN, "val", "test")
_TOLERANCE = 0.01  # a share this far outside [0, 1] is rounding, as for Ultralytics; further, the label is wrong


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

    def plan(
        self, images: Sequence[ExportImage], *, class_names: Sequence[str], folder: str, header: Header | None = None
    ) -> Plan:
        """See `LabelFormat.plan` and `plan_yolo`."""
        return plan_yolo(images, class_names, header or Header())


FORMAT = YoloFormat()


class YoloTruth:
    """The labels of an Ultralytics data set.

    A row is `class x y width height` (shares of the image), a polygon or oriented box `class x1 y1 x2 y2 ...`, whose
    extent is taken, or, where the yaml has a `kpt_shape`, a box followed by key points. An empty file says that its
    image is empty; without a file the image is unlabelled.

    Args:
        data_yaml: the file.

    Raises:
        TruthError: where it cannot be read or names no classes.
    """

    format_name = YoloFormat.title

    def __init__(self, data_yaml: Path) -> None:
        self.data_yaml = data_yaml
        self._document = _DataYaml.read(data_yaml)
        self._names = self._document.names
        self.class_names = tuple(dict.fromkeys(self._names[number] for number in sorted(self._names)))
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
        """The hash of the image's label file; see `Truth.label_hash`."""
        path = label_path(image_path)
        return sha256_of(read_label(path)) if path.exists() else None

    def object_names(self, image_path: Path) -> tuple[str, ...] | None:
        """The class of every object; see `Truth.object_names`."""
        rows = _rows(label_path(image_path))
        if rows is None:
            return None
        for where, _, values in rows:
            self._shares(values, where)  # a row that is not an object is an error here too
        return tuple(self._name(number, where) for where, number, _ in rows)

    def read(self, image_path: Path, size_wh: tuple[int, int]) -> GroundTruth | None:
        """The objects of an image; see `Truth.read`."""
        rows = _rows(label_path(image_path))
        if rows is None:
            return None
        return GroundTruth.of(
            [self._box(values, size_wh, where) for where, _, values in rows],
            [self._name(number, where) for where, number, _ in rows],
        )

    def source_label(self, image_path: Path) -> SourceLabel | None:
        """See `Truth.source_label`."""
        path = label_path(image_path)
        return yolo_source_label(path, has_key_points=self._document.key_point_values > 0) if path.exists() else None

    @property
    def header(self) -> Header:
        """See `yolo_header`."""
        return yolo_header(_load(self.data_yaml), self._names)

    def _name(self, number: float, where: str) -> str:
        if number not in self._names:  # a float finds the whole number that equals it
            raise LabelError(
                f"{where}: class {number:g} is not among the {len(self._names)} of the data.yaml; name it there"
            )
        return self._names[int(number)]

    def _box(self, values: list[float], size_wh: tuple[int, int], where: str) -> Box:
        """From the shares in a row to xyxy in pixels."""
        shares = self._shares(values, where)
        if len(shares) == 4:
            x, y, width, height = shares
            x1, y1, x2, y2 = x - width / 2, y - height / 2, x + width / 2, y + height / 2
        else:
            x1, y1, x2, y2 = min(shares[::2]), min(shares[1::2]), max(shares[::2]), max(shares[1::2])
        return clipped_box((x1 * size_wh[0], y1 * size_wh[1], x2 * size_wh[0], y2 * size_wh[1]), size_wh, where)

    def _shares(self, values: list[float], where: str) -> list[float]:
        """The four values of a box, or the six and more of a polygon, checked to be shares of the image."""
        shares = self._without_key_points(values, where)
        if not all(-_TOLERANCE <= value <= 1 + _TOLERANCE for value in shares):  # NaN compares false
            raise LabelError(
                f"{where}: expected shares of the image, 0 to 1, found {shares}; divide pixels by its size"
            )
        return shares

    def _without_key_points(self, values: list[float], where: str) -> list[float]:
        count, key_point_values = len(values), self._document.key_point_values
        if key_point_values and count == 4 + key_point_values:
            return values[:4]
        if count == 4 or (not key_point_values and count >= 6 and count % 2 == 0):
            return values
        also = f"4 + {key_point_values}" if key_point_values else "3 or more pairs"
        raise LabelError(f"{where}: expected 4 or {also} values after the class, found {count}; correct the row")


def label_path(image_path: Path) -> Path:
    """Where the labels of an image are: the last `/images/` of its path becomes `/labels/`, as in Ultralytics."""
    images, labels = f"{os.sep}images{os.sep}", f"{os.sep}labels{os.sep}"
    return Path(labels.join(str(image_path.absolute()).rsplit(images, 1))).with_suffix(".txt")


def _rows(path: Path) -> list[tuple[str, float, list[float]]] | None:
    """Where it is, class and values of each row of a label file; None where there is no file."""
    if not path.exists():
        return None
    try:
        lines = read_label(path).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise LabelError(f"{printable(path)}: expected rows of `class x y width height`, found no text") from error
    shown = printable(path)
    rows = [(f"{shown}, line {n}", line.split()) for n, line in enumerate(lines, 1) if line.strip()]
    return [(where, *_numbers(words, where)) for where, words in rows]


def _numbers(words: list[str], where: str) -> tuple[float, list[float]]:
    """Class and values of a row."""
    try:
        number, *values = map(float, words)
    except ValueError as error:
        raise LabelError(f"{where}: expected numbers, found {printable(' '.join(words)[:80])!r}; correct it") from error
    return number, values


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
        names: class id to name; ids may have gaps.
        key_point_values: how many values of key points follow a box in a row, 0 without `kpt_shape`.
        places: folders, lists or images that the splits name, some of which may not exist.
    """

    names: Mapping[int, str]
    key_point_values: int
    places: tuple[Path, ...]

    @classmethod
    def read(cls, path: Path) -> _DataYaml:
        """Read the file.

        Raises:
            TruthError: where it cannot be read, names no classes, or has a wrong `kpt_shape`.
        """
        document = _load(path)
        return cls(_names(path, document.get("names")), _key_point_values(path, document), _places(path, document))


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
