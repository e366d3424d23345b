"""What the formats of Hugging Face's `datasets` have in common: their columns, and the names of splits.

An image of a data set has the score 0 and the source "", which keep the types of these columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from negmine.errors import ExportError
from negmine.labels.base import LabelWriter
from negmine.labels.objects import by_split, class_numbers, written_objects
from negmine.labels.plan import ExportImage
from negmine.paths import printable
from negmine.plain_yaml import yaml_of

CARD = "README.md"
_PILLOW_SUFFIXES = frozenset({".jpg", ".png", ".tif", ".webp", ".bmp", ".gif", ".ppm", ".jp2"})  # that Pillow opens
_SPLITS = {"val": "validation"}  # as `datasets` calls them
_SPLIT = re.compile(r"\w+(\.\w+)*", re.ASCII)

# Types of the columns before and after `objects`.
FIRST = {"image_id": "int64", "width": "int64", "height": "int64"}
LAST = {"is_negative": "bool", "score": "float64", "source": "string"}


class DatasetsWriter(LabelWriter):
    """A format that `datasets.load_dataset(FOLDER)` reads."""

    image_suffixes = _PILLOW_SUFFIXES
    tells_origin = True
    advice = "datasets.load_dataset(FOLDER) reads it; boxes are x, y, width, height in pixels, as COCO's"


def split_name(split: str) -> str:
    """What `datasets` calls a split."""
    return _SPLITS.get(split, split)


def _require_split_names(splits: Iterable[str]) -> None:
    """Refuse the name of a split that `datasets` refuses.

    Raises:
        ExportError: naming the split.
    """
    for split in splits:
        if not _SPLIT.fullmatch(split):
            raise ExportError(
                f"the split {printable(split)} cannot be written for `datasets`, whose splits have names of letters, "
                "digits and _; rename it, or choose another --format"
            )


def rows_by_split(
    images: Sequence[ExportImage], class_names: Sequence[str]
) -> Iterator[tuple[str, Sequence[ExportImage], list[dict[str, object]]]]:
    """The images of each split, and the columns beside each image; ids are counted through all splits.

    Raises:
        ExportError: for the name of a split that `datasets` refuses.
        LabelError: as `written_objects`.
    """
    splits, numbers = by_split(images), class_numbers(class_names)
    _require_split_names(splits)
    number = object_number = 0
    for split, members in splits.items():
        rows = []
        for image in members:
            objects = _objects(image, numbers, object_number)
            rows.append(_row(image, number, objects))
            number, object_number = number + 1, object_number + len(objects["id"])
        yield split, members, rows


def card(data_files: Mapping[str, str], **config: object) -> bytes:
    """The card of a data set, whose head is YAML.

    Args:
        data_files: the files of each split, a pattern.
        config: what else is told of the data set.
    """
    files = [{"split": split_name(split), "path": path} for split, path in data_files.items()]
    configs = [{"config_name": "default", "data_files": files, **config}]
    text = yaml_of({"task_categories": ["object-detection"], "configs": configs})
    return f"---\n{text}---\n\nImages for object detection; those with `is_negative` hold no target.\n".encode()


def _row(image: ExportImage, number: int, objects: Mapping[str, object]) -> dict[str, object]:
    origin = image.origin
    return {
        "image_id": number,
        "width": image.size_wh[0],
        "height": image.size_wh[1],
        "objects": objects,
        "is_negative": image.is_negative,
        "score": origin.found[0].score if origin is not None and origin.found else 0.0,
        "source": "" if origin is None else origin.source,
    }


def _objects(image: ExportImage, numbers: Mapping[str, int], first: int) -> dict[str, list[object]]:
    """A list for each of what is known of the objects of an image."""
    objects = written_objects(image, numbers, crowds=False)
    return {
        "id": [first + index for index in range(len(objects))],
        "area": [each.box_xywh[2] * each.box_xywh[3] for each in objects],
        "bbox": [each.box_xywh for each in objects],
        "category": [each.number for each in objects],
    }
