"""What supervision's `CSVSink` and `JSONSink` write: a row for each detection, in pixels.

supervision's own columns do not say which image a row is of; a program passes that as `custom_data`, under a name of
its choice: https://supervision.roboflow.com/latest/how_to/save_detections/.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from negmine.detectors.predictions.base import Predictions, is_number, kind_of, short
from negmine.detectors.predictions.collecting import FoundBox, collected
from negmine.detectors.predictions.names import image_name
from negmine.errors import PredictionsError
from negmine.paths import printable

CORNERS = ("x_min", "y_min", "x_max", "y_max")
_IMAGE = ("file_name", "filename", "image", "image_name", "image_path", "image_id", "source_name", "path", "file")


def csv_rows(path: Path, data: bytes) -> list[Mapping[str, object]]:
    """The rows of a CSV file.

    Raises:
        PredictionsError: where it is none of `CSVSink`.
    """
    where = printable(path)
    try:
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        rows: list[Mapping[str, object]] = [{str(key): value for key, value in row.items()} for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise PredictionsError(f"{where} cannot be read as CSV: {printable(str(error))}") from error
    missing = [name for name in CORNERS if name not in (reader.fieldnames or ())]
    if missing:
        raise PredictionsError(f"{where}: expected columns {', '.join(CORNERS)}, as supervision's CSVSink writes them")
    return rows


def read_sink(
    path: Path,
    data: bytes,
    rows: Sequence[object],
    *,
    class_names: Path | None,
    base: Literal[0, 1] | None,
) -> Predictions:
    """Read the rows of either.

    Args:
        path: the file.
        data: its bytes.
        rows: what is in it.
        class_names: of the class ids; None where rows have a `class_name`.
        base: the number of the first class; None where the numbers tell.

    Raises:
        PredictionsError: where a row is something else, or does not say which image it is of.
    """
    line = 2 if path.suffix.lower() == ".csv" else 0
    places = [
        f"{printable(path)}:{line + index}" if line else f"{printable(path)}[{index}]" for index in range(len(rows))
    ]
    found = [_box(row, where, by_name=class_names is None) for row, where in zip(rows, places, strict=True)]
    return collected(found, [("predictions", data)], path, class_names=class_names, base=base)


def _box(row: object, where: str, *, by_name: bool) -> FoundBox:
    if not isinstance(row, Mapping):
        raise PredictionsError(f"{where}: expected {', '.join(CORNERS)}, found {kind_of(row)}")
    x1, y1, x2, y2 = (_number(row, name, where) for name in CORNERS)
    score = _number(row, "confidence", where)
    image = next((row[name] for name in _IMAGE if row.get(name) not in (None, "")), None)
    if image is None:
        raise PredictionsError(
            f"{where} does not say which image it is of; write it with sink.append(detections, custom_data="
            "{'file_name': NAME})"
        )
    name = row.get("class_name")
    label = name if by_name and isinstance(name, str) and name else int(_number(row, "class_id", where))
    return FoundBox(image_name(str(image)), (x1, y1, x2, y2), score, label, where)


def _number(row: Mapping[str, object], name: str, where: str) -> float:
    value = row.get(name)
    try:
        number = float(value) if isinstance(value, str) else value
    except ValueError:
        number = None
    if not is_number(number):
        raise PredictionsError(f"{where}: expected {name} to be a number, found {short(value)}; correct it")
    return float(number)
