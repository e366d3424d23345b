"""Files as other tools write them, about images of 200 x 120 pixels, and the negatives of a bank."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

from negmine.bank.bank import Bank
from negmine.bank.records import Negative

TARGET = (60, 40, 80, 60)  # the square of every image of `small_bank`, 200 x 120


def negatives(bank: Path) -> list[Negative]:
    with Bank(bank) as opened:
        return list(opened.negatives())


def of_first(bank: Path) -> Negative:
    return next(each for each in negatives(bank) if each.source.name == "000.png")


def states(bank: Path) -> dict[str, str]:
    return {each.sha256: each.review for each in negatives(bank)}


def write_rows(path: Path, *rows: Sequence[str]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


def write_csv(path: Path, rows: Sequence[tuple[str, str]], head: tuple[str, str] = ("id", "verdict")) -> Path:
    return write_rows(path, head, *rows)


def write(path: Path, document: object) -> Path:
    path.write_text(json.dumps(document))
    return path


def task(image: str, boxes: Sequence[tuple[float, ...]], **more: object) -> dict[str, object]:
    """A task of Label Studio for an image of 200 x 120, with boxes in pixels."""
    results = [
        {
            "id": f"r{number}", "type": "rectanglelabels", "original_width": 200, "original_height": 120,
            "image_rotation": 0,
            "value": {
                "x": x1 / 2, "y": y1 / 1.2, "width": (x2 - x1) / 2, "height": (y2 - y1) / 1.2, "rotation": 0,
                "rectanglelabels": ["sign"],
            },
        }
        for number, (x1, y1, x2, y2) in enumerate(boxes)
    ]  # fmt: skip
    return {"id": 7, "data": {"image": image, **more}, "annotations": [{"result": results, "was_cancelled": False}]}


def coco(boxes: Sequence[tuple[float, ...]], name: str = "000.png", size_wh: tuple[int, int] = (200, 120)) -> object:
    return {
        "images": [{"id": 1, "file_name": name, "width": size_wh[0], "height": size_wh[1]}],
        "annotations": [
            {"id": number, "image_id": 1, "category_id": 1, "bbox": [x1, y1, x2 - x1, y2 - y1]}
            for number, (x1, y1, x2, y2) in enumerate(boxes)
        ],
        "categories": [{"id": 1, "name": "sign"}],
    }


def cvat(inner: str, name: str = "000.png") -> str:
    image = f'<image id="0" name="{name}" width="200" height="120">{inner}</image>'
    return f"<annotations><version>1.1</version>{image}</annotations>"


def fiftyone(filepath: str, tags: Sequence[str], boxes: Sequence[tuple[float, ...]] | None = None) -> object:
    found = [
        {"label": "sign", "bounding_box": [x1 / 200, y1 / 120, (x2 - x1) / 200, (y2 - y1) / 120]}
        for x1, y1, x2, y2 in boxes or ()
    ]
    labels = {} if boxes is None else {"ground_truth": {"_cls": "Detections", "detections": found}}
    return {"samples": [{"filepath": filepath, "tags": list(tags), **labels}]}
