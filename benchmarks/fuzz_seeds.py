"""What the inputs of all readers are made of."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage

Read = Callable[[random.Random], None]  # makes an input of these random numbers, and reads it
Make = Callable[[Path], Read]  # in a folder of its own

WH = (96, 64)
NAMES = ("cat", "traffic light")


def pixels(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (WH[1], WH[0], 3), dtype=np.uint8)


def saved(kind: str, mode: str = "RGB", frames: int = 1, **options: object) -> bytes:
    first, *others = [PillowImage.fromarray(pixels(seed)).convert(mode) for seed in range(frames)]
    buffer = io.BytesIO()
    more: dict[str, object] = {"save_all": True, "append_images": others} if others else {}
    first.save(buffer, kind, **more, **options)
    return buffer.getvalue()


def images_in(folder: Path) -> Path:
    """Two images, one with a label of YOLO beside it."""
    for name in ("images/a.png", "images/b.png"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(saved("PNG"))
    return folder


def require_line(error: Exception) -> None:
    assert "\n" not in str(error), "a message of several lines"


def write_text(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
