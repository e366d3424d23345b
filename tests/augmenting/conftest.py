"""Banks with negatives to make variants of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from blobs import draw, square_detector

from negmine.mining.config import CropConfig, OutputSize, ScanConfig
from negmine.mining.scan import scan

MakeBank = Callable[..., Path]


@pytest.fixture
def make_bank(tmp_path: Path) -> MakeBank:
    """A bank of so many negatives, each harder than the last."""

    def make(negatives: int, name: str = "bank") -> Path:
        for i in range(negatives):
            draw(tmp_path / f"{name}-in" / f"{i:03d}.png", [(60, 40, 80, 60, 20 + i)], seed=i)
        config = ScanConfig(crop=CropConfig(size=OutputSize("none")))
        scan(tmp_path / f"{name}-in", square_detector(), bank=tmp_path / name, config=config)
        return tmp_path / name

    return make
