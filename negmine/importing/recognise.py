"""Telling the format of a file of another tool from its content, and what it says of each image."""

from __future__ import annotations

import json
from pathlib import Path

from negmine.errors import TruthError
from negmine.files import read_regular, reason_of
from negmine.importing import csv_verdicts, cvat_tasks, fiftyone_samples, label_studio_tasks
from negmine.importing.entry import Entry
from negmine.labels.coco import CocoLabels
from negmine.labels.coco_json import KEYS, LARGEST
from negmine.paths import printable

IMPORTED_FORMATS = frozenset({"coco", "cvat", "fiftyone", "label-studio", "roboflow"})  # of those that are written
_EXPECTED = (
    "expected a CSV of verdicts, the JSON export of Label Studio, CVAT for images (XML), COCO (JSON) or the "
    "samples.json of FiftyOne"
)


def read_entries(path: Path) -> tuple[str, list[Entry]]:
    """What people call the format of a file, and what it says of each image.

    Args:
        path: the file, or the folder of a FiftyOneDataset.

    Raises:
        TruthError: where it cannot be read, or is of no format that is known.
    """
    file = path / "samples.json" if path.is_dir() else path
    if path.is_dir() and not file.is_file():
        raise TruthError(
            f"{printable(path)} is a folder without samples.json; {_EXPECTED}. "
            "A folder of Pascal VOC or YOLO is read by `negmine scan IMAGES --data FOLDER`"
        )
    try:
        data = read_regular(file, most=LARGEST)
    except (OSError, ValueError) as error:
        raise TruthError(
            f"{printable(file)} cannot be read: {reason_of(error)}; name the file that was exported"
        ) from error
    suffix = file.suffix.lower()
    if suffix in (".csv", ".tsv"):
        return csv_verdicts.TITLE, csv_verdicts.read_csv(file, data)
    if suffix == ".xml":
        return cvat_tasks.TITLE, cvat_tasks.read_cvat(file, data)
    if suffix != ".json":
        raise TruthError(f"{printable(file)} is a file of type {suffix or 'none'}; {_EXPECTED}")
    return _read_json(file, data)


def _read_json(path: Path, data: bytes) -> tuple[str, list[Entry]]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise TruthError(
            f"{printable(path)} cannot be read as JSON: {printable(str(error))}; export it again"
        ) from error
    if label_studio_tasks.is_label_studio(document):
        return label_studio_tasks.TITLE, label_studio_tasks.read_tasks(document)
    if fiftyone_samples.is_fiftyone(document):
        return fiftyone_samples.TITLE, fiftyone_samples.read_samples(document)
    if isinstance(document, dict) and document.keys() >= set(KEYS):
        labels = CocoLabels(path)
        return labels.format_name, [
            Entry(f"image {each.name}", each.name, read=each.read_placed) for each in labels.labels
        ]
    raise TruthError(f"{printable(path)} is JSON of another kind; {_EXPECTED}")
