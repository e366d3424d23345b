"""The label formats: the one list that opening data sets, exporting them and `--format` go by.

A new format is a file here, with a subclass of `LabelFormat` as `FORMAT`, or one in `writers` with a subclass of
`LabelWriter` where it is only written; and a line in `_FORMATS`.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from negmine.labels.base import LabelFormat, LabelWriter


@dataclass(frozen=True, slots=True)
class FormatRow:
    """A format in the list.

    Attributes:
        module: that has it, imported on use, since `--help` needs no more than this.
        about: what is written, for `--help`; "" where it is only read.
        is_read: whether data sets of it are opened.
        has_objects: whether it can say which objects an image holds.
    """

    module: str
    about: str
    is_read: bool = False
    has_objects: bool = True


_WRITERS = "negmine.labels.writers"
_FORMATS = {
    "voc": FormatRow("negmine.labels.voc", "Pascal VOC: an XML file an image, and lists of splits", is_read=True),
    "yolo": FormatRow("negmine.labels.yolo", "YOLO: a text file an image, and data.yaml (Ultralytics)", is_read=True),
    "coco": FormatRow("negmine.labels.coco", "COCO: images/, a JSON a split (MMDetection, torchvision)", is_read=True),
    "roboflow": FormatRow(f"{_WRITERS}.roboflow", "COCO in Roboflow's folders, train/ and valid/ (RF-DETR)"),
    "darknet": FormatRow(f"{_WRITERS}.darknet", "Darknet: obj.data, train.txt and a text file an image"),
    "imagefolder": FormatRow(f"{_WRITERS}.imagefolder", "Hugging Face imagefolder: metadata.jsonl (transformers)"),
    "parquet": FormatRow(f"{_WRITERS}.parquet", "Parquet, images inside (Hugging Face datasets, the Hub)"),
    "createml": FormatRow(f"{_WRITERS}.createml", "Create ML: a JSON a split"),
    "datumaro": FormatRow(f"{_WRITERS}.datumaro", "Datumaro: a JSON a split, with what the bank knows"),
    "fiftyone": FormatRow(f"{_WRITERS}.fiftyone", "FiftyOne: samples with tags, scores and sources"),
    "label-studio": FormatRow(f"{_WRITERS}.label_studio", "Label Studio: tasks, with the detector's boxes to judge"),
    "cvat": FormatRow(f"{_WRITERS}.cvat_images", "CVAT for images 1.1: an XML a task"),
    "csv": FormatRow(f"{_WRITERS}.provenance", "a CSV of where each negative comes from", has_objects=False),
}
WRITTEN_FORMATS = tuple(key for key, entry in _FORMATS.items() if entry.about)
OBJECT_FORMATS = tuple(key for key in WRITTEN_FORMATS if _FORMATS[key].has_objects)
ABOUT_FORMATS = {key: _FORMATS[key].about for key in WRITTEN_FORMATS}


def label_formats() -> tuple[LabelFormat, ...]:
    """All formats of data sets that can be opened."""
    return tuple(label_format(key) for key, entry in _FORMATS.items() if entry.is_read)


def label_format(key: str) -> LabelFormat:
    """The format of a key, to open data sets.

    Raises:
        KeyError: where there is none.
    """
    from negmine.labels.base import LabelFormat  # what it imports is not needed for `--help`

    found = label_writer(key)
    if not isinstance(found, LabelFormat):
        raise KeyError(key)
    return found


def key_of(title: str) -> str | None:
    """The key of the format of a data set, by what people call it; None where no data set has that format."""
    return next((each.key for each in label_formats() if each.title == title), None)


@cache
def label_writer(key: str) -> LabelWriter:
    """The format of a key, to write data sets.

    Raises:
        KeyError: where there is none.
    """
    found: LabelWriter = importlib.import_module(_FORMATS[key].module).FORMAT
    return found
