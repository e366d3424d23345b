"""Writing an image folder of Hugging Face `datasets`, with the columns that the object detectors of transformers take.

README.md               the card: types of the columns, and the classes in order
train/metadata.jsonl    a line an image: file_name, image_id, width, height and objects
train/NAME.jpg          its images
validation/, test/      the same

The card states types, since from empty lists alone nobody could tell them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from negmine.errors import ExportError
from negmine.labels.objects import json_file
from negmine.labels.plan import Content, ExportImage, Header, Plan
from negmine.labels.writers.hugging_face import CARD, FIRST, LAST, DatasetsWriter, card, rows_by_split, split_name
from negmine.paths import printable

_METADATA = "metadata.jsonl"


class ImageFolder(DatasetsWriter):
    """Images in a folder for each split."""

    key = "imagefolder"
    title = "Hugging Face imagefolder"

    def plan(
        self, images: Sequence[ExportImage], *, class_names: Sequence[str], folder: str, header: Header | None = None
    ) -> Plan:
        """See `LabelWriter.plan`."""
        files: dict[str, Content] = {}
        splits = dict[str, Sequence[ExportImage]]()
        for split, members, rows in rows_by_split(images, class_names):
            splits[split] = members
            place, lines = split_name(split), list[bytes]()
            for image, row in zip(members, rows, strict=True):
                files[f"{place}/{image.file_name}"] = image.file
                lines.append(json_file({"file_name": image.file_name, **row}))
            files[f"{place}/{_METADATA}"] = b"".join(lines)
        _require_objects(splits)
        files[CARD] = _card(class_names, splits)
        return files


FORMAT = ImageFolder()


def _require_objects(splits: Mapping[str, Sequence[ExportImage]]) -> None:
    """Refuse a split without any object beside one with some.

    `datasets` tells the types of a split from its metadata, and takes no two splits of different types.

    Raises:
        ExportError: naming the split.
    """
    empty = [split for split, members in splits.items() if all(image.truth.crowd.all() for image in members)]
    if 0 < len(empty) < len(splits):
        raise ExportError(
            f"the split {printable(empty[0])} holds no object, and `datasets` cannot read it beside those that do; "
            "choose another --format, such as parquet"
        )


def _card(class_names: Sequence[str], splits: Iterable[str]) -> bytes:
    """The card, with the types of all columns."""
    names = {str(number): name for number, name in enumerate(class_names)}
    objects = [
        {"name": "id", "list": "int64"},
        {"name": "area", "list": "float64"},
        {"name": "bbox", "list": {"list": "float64", "length": 4}},
        {"name": "category", "list": {"dtype": {"class_label": {"names": names}}}},
    ]
    features = [
        {"name": "image", "dtype": "image"},
        *({"name": name, "dtype": kind} for name, kind in FIRST.items()),
        {"name": "objects", "struct": objects},
        *({"name": name, "dtype": kind} for name, kind in LAST.items()),
    ]
    return card({split: f"{split_name(split)}/**" for split in splits}, features=features)
