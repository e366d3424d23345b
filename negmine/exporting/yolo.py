"""YOLO: `images` and `labels` with a folder for each split, and the `data.yaml` that Ultralytics trains on."""

from __future__ import annotations

from collections.abc import Sequence

import yaml

from negmine.exporting.plan import TRAIN, Content, Picture, Plan
from negmine.labels.yolo_writer import yolo_lines

DATA_YAML = "data.yaml"
VAL = "val"
_NO_VAL = b"# There are no images to validate on here, and Ultralytics asks for some: name your own for val.\n"


def plan_yolo(pictures: Sequence[Picture], *, class_names: Sequence[str]) -> Plan:
    """The files of an Ultralytics data set. Its `data.yaml` names no root, so the folder can be moved.

    Where nothing is there to validate on, `val` names the training images, and a comment says so: without the key,
    Ultralytics refuses the file.

    Args:
        pictures: what to export.
        class_names: by class id.

    Raises:
        LabelError: for an object of another class.
    """
    plan: dict[str, Content] = {}
    class_ids = {name: number for number, name in enumerate(class_names)}
    for picture in pictures:
        label = yolo_lines(picture.truth, picture.size_wh, class_ids).encode("ascii")
        for split in picture.splits:
            plan[f"images/{split}/{picture.name}{picture.suffix}"] = picture.file
            plan[f"labels/{split}/{picture.name}.txt"] = label
    present = {split for picture in pictures for split in picture.splits}
    plan[DATA_YAML] = _data_yaml(sorted(present | {TRAIN}), class_names)
    return plan


def _data_yaml(splits: Sequence[str], class_names: Sequence[str]) -> bytes:
    """`train`, `val`, then any other split, and the names by number."""
    document: dict[str, object] = {TRAIN: f"images/{TRAIN}", VAL: f"images/{VAL if VAL in splits else TRAIN}"}
    document |= {split: f"images/{split}" for split in splits}
    document["names"] = dict(enumerate(class_names))
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True).encode()
    return text if VAL in splits else _NO_VAL + text
