"""What negatives are compared by, made by hand."""

from __future__ import annotations

from pathlib import Path

from negmine.bank.embeddings import Box, HardestFinding
from negmine.bank.filters import ReviewState
from negmine.boxes import Rect
from negmine.files import sha256_of

BOX: Box = (10, 10, 50, 50)


def finding(
    box: Box = BOX, *, number: int = 1, source: str = "/yard/1.jpg", size_wh: tuple[int, int] = (640, 480),
    name: str = "cat", score: float = 0.5, review: ReviewState = "unreviewed", phash: int = 0,
) -> HardestFinding:  # fmt: skip
    """A negative that was cut from an image of its own name."""
    return HardestFinding(
        number, sha256_of(b"%d" % number), Path("bank/negatives/ab/c.jpg"), (64, 64), phash, review, name, score, box,
        Path(source), sha256_of(source.encode()), size_wh, Rect(0, 0, 64, 64),
    )  # fmt: skip
