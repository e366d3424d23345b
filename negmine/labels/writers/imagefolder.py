"""Writing an image folder of Hugging Face `datasets`, with the columns that the object detectors of transformers take.

README.md               the card: types of the columns, and the classes in order
train/metadata.jsonl    a line an image: file_name, image_id, width, height and objects
train/NAME.jpg          its images
validation/, test/      the same

The card states types, since from empty lists alone nobody could tell them. An image of a data set has the score 0 and
the source "", which keep the types of these columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from negmine.errors import ExportError
from negmine.labels.base import LabelWriter
from negmine.labels.objects import by_split, class_numbers, json_file, written_objects
from negmine.labels.plan import Content, ExportImage, Header, Plan
from negmine.paths import printable
from negmine.plain_yaml import yaml_of

_CARD, _METADATA = "README.md", "metadata.jsonl"
_FOLDERS = {"val": "validation"}  # as `datasets` calls them
_SPLIT = re.compile(r"\w+(\.\w+)*", re.ASCII)


class ImageFolder(LabelWriter):
    """What `datasets.load_dataset(FOLDER)` reads."""

    key = "imagefolder"
    title = "Hugging Face imagefolder"
    image_suffixes = frozenset({".jpg", ".png", ".tif", ".webp", ".bmp", ".gif", ".ppm", ".jp2"})  # that Pillow opens
    tells_origin = True
    advice = "datasets.load_dataset(FOLDER) reads it; boxes are x, y, width, height in pixels, as COCO's"

    def plan(
        self, images: Sequence[ExportImage], *, class_names: Sequence[str], folder: str, header: Header | None = None
    ) -> Plan:
        """See `LabelWriter.plan`."""
        files: dict[str, Content] = {}
        numbers = class_numbers(class_names)
        number = object_number = 0
        splits = by_split(images)
        _require_readable(splits)
        for split, members in splits.items():
            place, lines = _place(split), list[bytes]()
            for image in members:
                row = _row(image, numbers, number, object_number)
                files[f"{place}/{image.file_name}"] = image.file
                lines.append(json_file(row))
                number, object_number = number + 1, object_number + len(row["objects"]["id"])  # type: ignore[index]
            files[f"{place}/{_METADATA}"] = b"".join(lines)
        files[_CARD] = _card(class_names, splits)
        return files


FORMAT = ImageFolder()


def _require_readable(splits: Mapping[str, Sequence[ExportImage]]) -> None:
    """Refuse the name of a split that `datasets` refuses, and a split without any object beside one with some.

    `datasets` tells the types of a split from its metadata, and takes no two splits of different types.

    Raises:
        ExportError: naming the split.
    """
    for split in splits:
        if not _SPLIT.fullmatch(split):
            raise ExportError(
                f"the split {printable(split)} cannot be written for `datasets`, whose splits have names of letters, "
                "digits and _; rename it, or choose another --format"
            )
    empty = [split for split, members in splits.items() if all(image.truth.crowd.all() for image in members)]
    if 0 < len(empty) < len(splits):
        raise ExportError(
            f"the split {printable(empty[0])} holds no object, and `datasets` cannot read it beside those that do; "
            "choose another --format"
        )


def _row(image: ExportImage, numbers: Mapping[str, int], number: int, first_object: int) -> Mapping[str, object]:
    """A line of the metadata; `objects` has a list for each of what is known of them."""
    objects, origin = written_objects(image, numbers, crowds=False), image.origin
    return {
        "file_name": image.file_name,
        "image_id": number,
        "width": image.size_wh[0],
        "height": image.size_wh[1],
        "objects": {
            "id": [first_object + index for index in range(len(objects))],
            "area": [each.box_xywh[2] * each.box_xywh[3] for each in objects],
            "bbox": [each.box_xywh for each in objects],
            "category": [each.number for each in objects],
        },
        "is_negative": image.is_negative,
        "score": origin.found[0].score if origin is not None and origin.found else 0.0,
        "source": "" if origin is None else origin.source,
    }


def _card(class_names: Sequence[str], splits: Iterable[str]) -> bytes:
    """The card, whose head is YAML."""
    names = {str(number): name for number, name in enumerate(class_names)}
    objects = [
        {"name": "id", "list": "int64"},
        {"name": "area", "list": "float64"},
        {"name": "bbox", "list": {"list": "float64", "length": 4}},
        {"name": "category", "list": {"dtype": {"class_label": {"names": names}}}},
    ]
    plain = {"image_id": "int64", "width": "int64", "height": "int64"}
    features = [
        {"name": "image", "dtype": "image"},
        *({"name": name, "dtype": kind} for name, kind in plain.items()),
        {"name": "objects", "struct": objects},
        {"name": "is_negative", "dtype": "bool"},
        {"name": "score", "dtype": "float64"},
        {"name": "source", "dtype": "string"},
    ]
    files = [{"split": _place(split), "path": f"{_place(split)}/**"} for split in splits]
    config = {"config_name": "default", "data_files": files, "features": features}
    head = {"task_categories": ["object-detection"], "configs": [config]}
    text = yaml_of(head)
    return f"---\n{text}---\n\nImages for object detection; those with `is_negative` hold no target.\n".encode()


def _place(split: str) -> str:
    return _FOLDERS.get(split, split)
