"""Predictions as they are in memory, and the checks that all formats share."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

import numpy as np

from negmine.detectors.predictions.names import ImageName
from negmine.detectors.weights_files import hash_named
from negmine.errors import BoxError, PredictionsError
from negmine.files import read_regular, reason_of, sha256_of
from negmine.paths import printable
from negmine.structures import FloatArray

_HUGE = 1e15
_PIXELS, _SHARE = 1.0, 0.01  # a box may stick out by the larger: rounding, and resizing back


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """Predictions of any number of images.

    Attributes:
        class_names: class id to name.
        rows: for each image with predictions [N, 6]: x1, y1, x2, y2, score, class id.
        shares: whether coordinates are fractions of the image's sides, and not pixels.
        listed: the images that were predicted on; None if only those with predictions are known.
        sha256: of all files that they were read from, hex.
        notes: what the user may want to know of how they were understood, one sentence each.
    """

    class_names: Mapping[int, str]
    rows: Mapping[ImageName, FloatArray]
    shares: bool
    listed: Set[ImageName] | None
    sha256: str
    notes: tuple[str, ...] = ()


def read_file(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        PredictionsError: where it cannot be read.
    """
    try:
        return read_regular(path, most=4 << 30)
    except (OSError, ValueError) as error:
        raise PredictionsError(f"cannot read predictions {printable(path)}: {reason_of(error)}") from error


def parse_json(path: Path, data: bytes) -> object:
    """What JSON says.

    Raises:
        PredictionsError: where it is none, with the line.
    """
    try:
        document: object = json.loads(data)
    except json.JSONDecodeError as error:
        raise PredictionsError(
            f"{printable(path)}:{error.lineno}: expected JSON, found an error at column {error.colno} ({error.msg})"
        ) from error
    except (ValueError, RecursionError) as error:  # ValueError: not UTF-8, or an absurd number
        raise PredictionsError(f"{printable(path)} cannot be read as JSON: {printable(str(error)[:100])}") from error
    return document


def is_number(value: object) -> TypeGuard[float]:
    """Whether it is a finite number that a float can hold."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _HUGE


def short(value: object) -> str:
    """A value, for a message."""
    return printable(repr(value)[:60])


def kind_of(value: object) -> str:
    """What kind of a JSON value it is, for a message."""
    return "an object" if isinstance(value, dict) else "a list" if isinstance(value, list) else short(value)


def hash_files(files: Sequence[tuple[str, bytes]]) -> str:
    """SHA-256, hex, of names and contents."""
    return hash_named((name, sha256_of(data)) for name, data in files)


def check_row(box: Sequence[float], score: float, where: str) -> None:
    """Refuse a box or score that is invalid in every image.

    Args:
        box: x, y, width, height.
        score: of the box.
        where: for a message.

    Raises:
        PredictionsError: for a value that is not finite, a negative side, or a score outside 0 to 1.
    """
    if not np.isfinite(box).all() or min(box[2:]) < 0:
        raise PredictionsError(f"{where}: expected a box of x, y, width and height, found {list(box)}; correct it")
    if not 0 <= score <= 1:  # NaN compares false
        raise PredictionsError(f"{where}: expected a score from 0 to 1, found {score:g}; correct it")


def clipped(boxes_xyxy: FloatArray, size_wh: tuple[int, int]) -> FloatArray:
    """Boxes clipped to the image.

    Raises:
        BoxError: where one sticks out by more than a pixel and a hundredth of that side.
    """
    limits = np.array([*size_wh, *size_wh], dtype=np.float64)
    slack = np.maximum(_PIXELS, _SHARE * limits)
    outside = ((boxes_xyxy < -slack) | (boxes_xyxy > limits + slack)).any(axis=1)
    if outside.any():
        index = int(np.argmax(outside))
        raise BoxError(
            f"prediction {index} is outside the image of {size_wh[0]}x{size_wh[1]} pixels: "
            f"{[round(float(v), 2) for v in boxes_xyxy[index]]}; is it of another image, or of another size of it?"
        )
    return boxes_xyxy.clip(0, limits)
