"""Drawn data to evaluate on, whose every figure is known by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from blobs import draw, find_squares

from negmine.detectors.function import FunctionDetector
from negmine.structures import Detections, Image

SIZE_WH = (200, 120)
LEFT, RIGHT, LOW = (20, 20, 40, 40), (100, 20, 120, 40), (100, 60, 120, 80)

Box = tuple[int, int, int, int]


def label(path: Path, objects: Sequence[tuple[int, Box]]) -> Path:
    """Write a YOLO label of objects (class id, xyxy in pixels)."""
    width, height = SIZE_WH
    rows = [
        f"{number} {(x1 + x2) / 2 / width} {(y1 + y2) / 2 / height} {(x2 - x1) / width} {(y2 - y1) / height}\n"
        for number, (x1, y1, x2, y2) in objects
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(rows))
    return path


def labelled(root: Path, name: str, squares: Sequence[tuple[Box, int]], objects: Sequence[tuple[int, Box]]) -> Path:
    """An image `name` such as `val/a`, and its label."""
    path = draw(
        root / "images" / f"{name}.png", [(*box, score) for box, score in squares], seed=len(name) * 7 + ord(name[-1])
    )
    label(root / "labels" / f"{name}.txt", objects)
    return path


def scene(root: Path) -> Path:
    """A data set with four lamps to find, one empty image, and two backgrounds in `root / "backgrounds"`.

    The square detector finds lamps with 0.9, 0.6 and 0.3 and misses one. It fires with 0.8 beside a lamp, with 0.5 on
    the empty image, and with 0.7 and 0.2 on a background. The other background stays silent.
    """
    labelled(root, "val/a", [(LEFT, 90), (RIGHT, 60)], [(0, LEFT), (0, RIGHT)])
    labelled(root, "val/b", [(LEFT, 30), (LOW, 80)], [(0, LEFT)])
    labelled(root, "val/c", [(LOW, 50)], [])
    labelled(root, "val/d", [], [(0, LEFT)])
    labelled(root, "train/t", [(LEFT, 90)], [(0, LEFT)])
    draw(root / "backgrounds" / "e.png", [(*LEFT, 70), (*LOW, 20)], seed=50)
    draw(root / "backgrounds" / "f.png", seed=51)
    (root / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [lamp, sign]\n")
    return root


def scaled_detector(factor: float, *, name: str = "squares", batch_size: int = 1) -> FunctionDetector:
    """Finds squares, each with a share of its score."""

    def find(image: Image) -> Detections:
        found = find_squares(image)
        return Detections(found.boxes_xyxy, found.scores * factor, found.class_ids)

    return FunctionDetector(find, ["lamp", "sign"], name=name, batch_size=batch_size)


def blind_detector(name: str = "blind") -> FunctionDetector:
    """Detects nothing."""
    return FunctionDetector(lambda image: Detections.empty(), ["lamp", "sign"], name=name)


def picky_detector(least_percent: int, name: str = "picky") -> FunctionDetector:
    """Finds only squares that score so much."""

    def find(image: Image) -> Detections:
        found = find_squares(image)
        return found.select(np.asarray(found.scores >= least_percent / 100))

    return FunctionDetector(find, ["lamp", "sign"], name=name)


def many_classes(root: Path, count: int) -> tuple[Path, FunctionDetector]:
    """A data set with an object of each class but the last in one image, and a detector.

    It finds every object with 0.9, calls that of the first class a second one, and fires on an empty image with 0.5 as
    each class.
    """
    boxes = [(10 * n % 200, 20 * (n // 20), 10 * n % 200 + 9, 20 * (n // 20) + 15) for n in range(count)]
    labelled(root, "val/a", [], [(n, box) for n, box in enumerate(boxes[:-1])])
    labelled(root, "val/b", [(LEFT, 90)], [])
    names = [f"class {n}" for n in range(count)]
    (root / "data.yaml").write_text(f"val: images/val\nnames: {names}\n")

    def find(image: Image) -> Detections:
        empty = bool((image[..., 2] > 180).any())
        ids = [1 if n == 0 and not empty else n for n in range(count)]
        last = count if empty else count - 1
        return Detections(
            np.array(boxes[:last], dtype=np.float64), np.full(last, 0.5 if empty else 0.9), np.array(ids[:last])
        )

    return root, FunctionDetector(find, names, name="many")
