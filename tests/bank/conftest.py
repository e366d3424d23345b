"""A bank to write to, and images as a scan would hand them over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from banks import RUN, make_image

from negmine.bank.records import RunRecord, ScannedImage
from negmine.bank.writer import BankWriter

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
