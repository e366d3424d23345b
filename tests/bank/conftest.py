"""A bank to write to, and images as a scan would hand them over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from negmine.bank.records import ItemRecord, JudgedDetection, NewNegative, RunRecord, ScannedImage
from negmine.bank.writer import BankWriter
from negmine.boxes import Rect
from negmine.files import sha256_of
from negmine.matching import Kind
from negmine.structures import FileStamp, GroundTruth

RUN = RunRecord("best.pt", "ab" * 32, {0: "cat"}, {"conf": 0.25}, {"crop": "context"}, {"negmine": "0"})


def make_image(
    name: str,
    *,
    content: str | None = None,
    negatives: tuple[bytes, ...] = (),
    truth: GroundTruth | None = None,
    truth_hash: str | None = None,
    mtime_ns: int = 1,
) -> ScannedImage:
    """A 100 x 80 image whose every negative comes from one background false positive, each softer than the last."""
    return ScannedImage(
        item=ItemRecord(f"/pictures/{name}", FileStamp(123, mtime_ns), truth_hash),
        sha256=sha256_of((content or name).encode("utf-8", "surrogateescape")),
        size_wh=(100, 80),
        truth=truth or GroundTruth.empty(),
        detections=tuple(
            JudgedDetection("cat", 0.9 - 0.1 * i, (20, 20, 30, 30), Kind.BACKGROUND, i) for i in range(len(negatives))
        ),
        negatives=tuple(NewNegative(data, (40, 40), "0" * 16, Rect(10, 10, 50, 50)) for data in negatives),
    )


Store = Callable[..., None]


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[BankWriter]:
    """An empty bank."""
    with BankWriter(tmp_path / "bank", purpose="a test") as writer:
        yield writer


@pytest.fixture
def store(bank: BankWriter) -> Store:
    """Store images in one transaction, under one run."""

    def run(*images: ScannedImage, record: RunRecord = RUN) -> None:
        run_id = bank.begin_run(record)
        with bank.transaction():
            for image in images:
                bank.store(run_id, image)

    return run


@pytest.fixture
def image() -> Callable[..., ScannedImage]:
    """The builder of images."""
    return make_image
