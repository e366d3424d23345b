"""Writing an image folder of Hugging Face `datasets`, with the columns that the object detectors of transformers take.

README.md               the card: types of the columns, and the classes in order
train/metadata.jsonl    a line an image: file_name, image_id, width, height and objects
train/NAME.jpg          its images
validation/, test/      the same

The types are stated, since from empty lists alone nobody could tell them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import yaml

from negmine.labels.base import LabelWriter
from negmine.labels.objects import as_json, by_split, numbered, written_objects
from negmine.labels.plan import Content, ExportImage, Header, Plan
from negmine.paths import printable

_CARD, _METADATA = "README.md", "metadata.jsonl"
_FOLDERS = {"val": "validation"}  # as `datasets` calls them


class ImageFolder(LabelWriter):
    """What `datasets.load_dataset("imagefolder", data_dir=...)` and `load_dataset(FOLDER)` read."""

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
        numbers = numbered(class_names)
        number = object_number = 0
        for split, members in by_split(images).items():
            place, lines = _FOLDERS.get(split, split), list[bytes]()
            for image in members:
                row = _row(image, numbers, number, object_number)
                files[f"{place}/{image.file_name}"] = image.file
                lines.append(as_json(row))
                number, object_number = number + 1, object_number + len(row["objects"]["id"])  # type: ignore[index]
            files[f"{place}/{_METADATA}"] = b"".join(lines)
        files[_CARD] = _card(class_names)
        return files


FORMAT = ImageFolder()


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
        "score": origin.found[0].score if origin is not None and origin.found else None,
        "source": None if origin is None else origin.source,
    }


def _card(class_names: Sequence[str]) -> bytes:
    """The card, whose head is YAML."""
    names = {str(number): printable(name) for number, name in enumerate(class_names)}
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
    head = {"task_categories": ["object-detection"], "dataset_info": {"features": features}}
    text = yaml.safe_dump(head, sort_keys=False, allow_unicode=True)
    return f"---\n{text}---\n\nImages for object detection; those with `is_negative` hold no target.\n".encode()
