"""A detector that needs no weights: it finds bright squares, and their blue says how sure it is of them.

It is a real detector behind the real port; its scenes are drawn so that what it must find is known by hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from negmine.detectors.function import FunctionDetector
from negmine.structures import Detections, Image

Square = tuple[int, int, int, int, int]  # x1, y1, x2, y2, score in percent


def find_squares(image: Image) -> Detections:
    """Bright rectangles; the blue channel says the score in percent, the green one the class (over 100: class 1)."""
    mask = (image[..., 2] > 180).astype(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask)
    rows = [(x, y, x + w, y + h) for x, y, w, h, area in stats[1:count] if area >= 16]
    scores, classes = [], []
    for x1, y1, x2, y2 in rows:
        middle = image[(y1 + y2) // 2, (x1 + x2) // 2]
        scores.append(min(round(int(middle[0]) / 2.5) / 100, 1.0))
        classes.append(int(middle[1] > 100))
    return Detections(np.array(rows, dtype=np.float64).reshape(-1, 4), np.array(scores), np.array(classes, dtype=int))


def square_detector(*, batch_size: int = 1, key: str = "1") -> FunctionDetector:
    """The detector."""
    return FunctionDetector(find_squares, {0: "lamp", 1: "sign"}, name="squares", batch_size=batch_size, key=key)


def draw(
    path: Path, squares: Sequence[Square] = (), *, size_wh: tuple[int, int] = (200, 120), seed: int = 0, kind: int = 0
) -> Path:
    """Save a dim noisy picture with bright squares as PNG, so that every pixel is known."""
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 80, size=(size_wh[1], size_wh[0], 3), dtype=np.uint8)
    for x1, y1, x2, y2, percent in squares:
        image[y1:y2, x1:x2] = (round(percent * 2.5), 150 if kind else 0, 255)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", image)[1].tobytes())
    return path


def voc_xml(
    path: Path, image_name: str, boxes: Sequence[tuple[str, int, int, int, int]], *, difficult: int = 0
) -> Path:
    """Write a VOC annotation; boxes in VOC's own 1-based inclusive pixels."""
    objects = "".join(
        f"<object><name>{name}</name><difficult>{difficult}</difficult><bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin>"
        f"<xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>"
        for name, x1, y1, x2, y2 in boxes
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"<annotation><filename>{image_name}</filename>{objects}</annotation>")
    return path
