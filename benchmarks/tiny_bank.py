"""A bank of many tiny negatives, made through negmine's own writer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rounds import Work

from negmine.bank.records import ItemRecord, JudgedDetection, NewNegative, RunRecord, ScannedImage
from negmine.bank.writer import BankWriter
from negmine.boxes import Rect
from negmine.images import encode_jpeg
from negmine.matching import Kind
from negmine.structures import FileStamp, GroundTruth

SIZE_WH = (48, 48)  # pixels; about 2 KB each, so that the files are counted and not their bytes
_TOGETHER = 500  # stored in one transaction


def make_bank(count: int, folder: Path) -> Work:
    """A new bank of so many negatives, no two alike; the same count gives the same bank."""
    rng = np.random.default_rng(0)
    with BankWriter(folder, purpose="a benchmark") as bank:
        run = bank.begin_run(RunRecord("none", "0" * 64, {0: "any"}, {}, {}, {}))
        for first in range(0, count, _TOGETHER):
            with bank.transaction():
                for number in range(first, min(first + _TOGETHER, count)):
                    bank.store(run, _scanned(number, rng))
    return Work(folder, count)


def _scanned(number: int, rng: np.random.Generator) -> ScannedImage:
    """A picture of noise that is one negative, whole."""
    image = rng.integers(0, 256, size=(SIZE_WH[1], SIZE_WH[0], 3), dtype=np.uint8)
    negative = NewNegative(encode_jpeg(image), SIZE_WH, "0" * 16, Rect(0, 0, *SIZE_WH))
    found = JudgedDetection("any", 0.5, (0, 0, 1, 1), Kind.BACKGROUND, negative=0)
    item = ItemRecord(f"/backgrounds/{number:07d}.jpg", FileStamp(0, 0), None)
    return ScannedImage(item, f"{number:064x}", SIZE_WH, GroundTruth.empty(), (found,), (negative,))
