"""YOLO text files with scores, as `yolo predict save_txt=True save_conf=True` writes them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np

from negmine.detectors.class_names import read_class_names
from negmine.detectors.predictions.base import Predictions, check_row, hash_files, read_file
from negmine.detectors.predictions.names import ImageName
from negmine.errors import PredictionsError, SourceError
from negmine.paths import printable
from negmine.structures import FloatArray
from negmine.walking import files_in

CLASSES = "classes.txt"  # of labelImg, the class names
_NAMES = ("data.yaml", CLASSES)


def read_yolo(
    texts: Mapping[Path, bytes], home: Path, class_names: Path | None, base: Literal[0, 1] | None
) -> Predictions:
    """Read files `STEM.txt`, rows `class cx cy w h conf` as fractions of the image.

    An image without a file has no predictions: Ultralytics writes none where it finds nothing.

    Args:
        texts: contents by path; each is named after its image.
        home: their folder.
        class_names: None for the `data.yaml` or `classes.txt` in the folder or above it.
        base: the number of the first class; None for 0.

    Raises:
        PredictionsError: where a file cannot be read, a row is invalid, or its class has no name.
        ConfigError: where the file of class names cannot be read.
    """
    named = class_names or _names_beside(home)
    names = read_class_names(named)
    rows = {(path.stem,): _rows(path, data, names, base or 0) for path, data in texts.items()}
    files = [(path.name, data) for path, data in texts.items()]
    filled: dict[ImageName, FloatArray] = {name: found for name, found in rows.items() if len(found)}
    return Predictions(names, filled, True, None, hash_files([*files, ("names", read_file(named))]))


def text_files(folder: Path, named: Path | None) -> list[Path]:
    """The text files of a folder, one per image or class; `named` is none of them.

    Raises:
        PredictionsError: where there is none, or the folder cannot be read.
    """
    try:
        paths = [path for name in files_in(str(folder), {".txt"}) if _is_predictions(path := folder / name, named)]
    except SourceError as error:
        raise PredictionsError(f"cannot read predictions: {error}") from error
    if not paths:
        raise PredictionsError(f"{printable(folder)} holds no predictions: expected .txt or .json files, one per image")
    return paths


def lines_of(path: Path, data: bytes) -> list[tuple[str, str]]:
    """Each line that is not blank, after where it is, for a message.

    Raises:
        PredictionsError: where it is no text.
    """
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise PredictionsError(
            f"{printable(path)}: expected rows `class cx cy w h conf`, found bytes that are not UTF-8"
        ) from error
    return [(f"{printable(path)}:{number}", line) for number, line in enumerate(lines, 1) if line.strip()]


def _names_beside(folder: Path) -> Path:
    for place in (folder, folder.absolute().parent):
        for name in _NAMES:
            if (place / name).is_file():
                return place / name
    raise PredictionsError(
        f"{printable(folder)}: expected class names in a {' or '.join(_NAMES)} beside the predictions, found none; "
        "give them with --class-names"
    )


def _is_predictions(path: Path, named: Path | None) -> bool:
    is_names = named is not None and named.exists() and path.samefile(named)
    return path.name != CLASSES and path.is_file() and not is_names


def _rows(path: Path, data: bytes, names: dict[int, str], first: int) -> FloatArray:
    """[N, 6]: x1, y1, x2, y2 as fractions, score, class id."""
    rows = [_row(line, where, names, first) for where, line in lines_of(path, data)]
    return np.array(rows, dtype=np.float64).reshape(-1, 6)


def _row(line: str, where: str, names: dict[int, str], first: int) -> tuple[float, ...]:
    fields = line.split()
    try:
        values = [float(each) for each in fields]
    except ValueError:
        values = []
    if len(values) != 6:
        found = f"{len(fields)} values" if values or len(fields) != 6 else printable(repr(line[:60]))
        how = "; write them with save_conf=True" if len(fields) == 5 else "; correct the row"
        raise PredictionsError(f"{where}: expected six numbers, `class cx cy w h conf`, found {found}{how}")
    number, x, y, width, height, score = values
    check_row(values[1:5], score, where)
    if not math.isfinite(number) or number != int(number) or int(number) - first not in names:
        from_1 = "name it, or say that classes are counted from 1 (--category-base 1)"
        advice = from_1 if number == len(names) and not first else "name it"
        raise PredictionsError(f"{where}: class {number:g} is not among the {len(names)} that have names; {advice}")
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2, score, number - first
