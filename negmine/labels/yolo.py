"""YOLO: a `data.yaml` with class names, and a text file an image, in `labels` where the image is in `images`."""

from __future__ import annotations

import os
from pathlib import Path

from negmine.errors import LabelError
from negmine.labels.checks import Box, clipped_box
from negmine.labels.files import hash_of, read_label
from negmine.labels.yolo_yaml import YoloYaml
from negmine.paths import printable
from negmine.structures import GroundTruth

_TOLERANCE = 0.01  # a share this far outside [0, 1] is rounding, as for Ultralytics; further, the label is wrong


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

    format_name = "YOLO"

    def __init__(self, data_yaml: Path) -> None:
        self.data_yaml = data_yaml
        document = YoloYaml.read(data_yaml)
        self._names = document.names
        self._key_point_values = document.key_point_values
        self.class_names = tuple(dict.fromkeys(self._names[number] for number in sorted(self._names)))
        self.images_labelled = len({label for place in document.places for label in _labels_of(place)})

    def label_hash(self, image_path: Path) -> str | None:
        """The hash of the image's label file; see `Truth.label_hash`.

        Raises:
            LabelError: where the file cannot be read.
        """
        path = label_path(image_path)
        return hash_of(read_label(path)) if path.exists() else None

    def object_names(self, image_path: Path) -> tuple[str, ...] | None:
        """The class of every object; see `Truth.object_names`."""
        rows = _rows(label_path(image_path))
        if rows is None:
            return None
        for where, _, values in rows:
            self._shares(values, where)  # a row that is no object counts as none
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
        count = len(values)
        if self._key_point_values and count == 4 + self._key_point_values:
            return values[:4]
        if count == 4 or (not self._key_point_values and count >= 6 and count % 2 == 0):
            return values
        also = f"4 + {self._key_point_values}" if self._key_point_values else "3 or more pairs"
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
    except (OSError, ValueError):  # no text, or a NUL in a name
        return set()
    images = [place.parent / line.strip() for line in lines if line.strip()]
    return {label for image in images if (label := label_path(image)).is_file()}
