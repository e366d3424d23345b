"""YOLO: a `data.yaml` with class names, and a text file an image, in `labels` where the image is in `images`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import yaml

from negmine.errors import LabelError, TruthError
from negmine.labels.checks import checked_boxes
from negmine.labels.files import hash_of, read_label
from negmine.paths import printable
from negmine.structures import GroundTruth

_TOLERANCE = 0.01  # a share this far outside [0, 1] is rounding; further, the label is for something else


class YoloTruth:
    """The labels of an Ultralytics data set.

    A row is `class x y width height` (shares of the image), a polygon or oriented box `class x1 y1 x2 y2 ...`, whose
    extent is taken, or, where the yaml has a `kpt_shape`, a box followed by key points.

    Args:
        data_yaml: the file.

    Raises:
        TruthError: where it cannot be read or names no classes.
    """

    format_name = "YOLO"

    def __init__(self, data_yaml: Path) -> None:
        document = _load(data_yaml)
        self._names = _names(data_yaml, document.get("names"))
        self._key_points = bool(document.get("kpt_shape"))
        self.class_names = tuple(self._names[number] for number in sorted(self._names))
        root = data_yaml.parent / str(document.get("path") or ".")
        folders = {folder for base in {root, data_yaml.parent} for folder in base.rglob("labels") if folder.is_dir()}
        self.images_labelled = len({path for folder in folders for path in folder.rglob("*.txt")})

    def label_hash(self, image_path: Path) -> str | None:
        """The hash of the image's label file."""
        data = self._label(image_path)
        if isinstance(data, LabelError):
            raise data
        return None if data is None else hash_of(data)

    def read(self, image_path: Path, size_wh: tuple[int, int]) -> GroundTruth | None:
        """The objects of an image; see `Truth.read`."""
        data = self._label(image_path)
        if isinstance(data, LabelError):
            raise data
        if data is None:
            return None
        where = printable(label_path(image_path))
        try:
            lines = data.decode("utf-8-sig").splitlines()
        except UnicodeDecodeError as error:
            raise LabelError(f"{where}: no text; expected rows of `class x y width height`") from error
        rows = [self._row(line, f"{where}, line {number}") for number, line in enumerate(lines, 1) if line.strip()]
        width, height = size_wh
        boxes = [(x1 * width, y1 * height, x2 * width, y2 * height) for _, (x1, y1, x2, y2) in rows]
        return GroundTruth.of(checked_boxes(boxes, size_wh, where), [name for name, _ in rows])

    def _label(self, image_path: Path) -> bytes | LabelError | None:
        path = label_path(image_path)
        return read_label(path) if path.exists() else None

    def _row(self, line: str, where: str) -> tuple[str, tuple[float, float, float, float]]:
        """Class name and xyxy, as shares of the image."""
        try:
            number, *values = (float(word) for word in line.split())
        except ValueError as error:
            raise LabelError(f"{where}: expected numbers, found {printable(line.strip())!r}") from error
        if number not in self._names:
            raise LabelError(f"{where}: class {number:g} is not among the {len(self._names)} names of the data.yaml")
        if not all(-_TOLERANCE <= value <= 1 + _TOLERANCE for value in values[: 4 if self._key_points else None]):
            raise LabelError(f"{where}: expected shares of the image, 0 to 1, found {printable(line.strip())!r}")
        if len(values) == 4 or (self._key_points and len(values) > 4):
            x, y, width, height = values[:4]
            return self._names[int(number)], (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        if len(values) >= 6 and len(values) % 2 == 0:
            xs, ys = values[::2], values[1::2]
            return self._names[int(number)], (min(xs), min(ys), max(xs), max(ys))
        raise LabelError(f"{where}: expected 4 values or 3 or more points after the class, found {len(values)} values")


def label_path(image_path: Path) -> Path:
    """Where the labels of an image are: the last `/images/` of its path becomes `/labels/`, as in Ultralytics."""
    images, labels = f"{os.sep}images{os.sep}", f"{os.sep}labels{os.sep}"
    return Path(labels.join(str(image_path.absolute()).rsplit(images, 1))).with_suffix(".txt")


def _load(data_yaml: Path) -> Mapping[str, object]:
    try:
        document = yaml.safe_load(data_yaml.read_bytes())
    except (OSError, yaml.YAMLError, UnicodeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TruthError(f"{printable(data_yaml)} cannot be read as YAML: {reason}") from error
    if not isinstance(document, dict):
        raise TruthError(f"{printable(data_yaml)} is no data.yaml: expected the key names, found none")
    return document


def _names(data_yaml: Path, names: object) -> dict[int, str]:
    """Class id to name, from a list or a mapping."""
    pairs = names.items() if isinstance(names, dict) else enumerate(names) if isinstance(names, list) else ()
    try:
        found = {int(number): str(name) for number, name in pairs}
    except (TypeError, ValueError) as error:
        raise TruthError(f"{printable(data_yaml)}: expected names to be numbered, found {names!r}") from error
    if not found:
        raise TruthError(f"{printable(data_yaml)} names no classes: expected names, a list or a mapping by number")
    return found
