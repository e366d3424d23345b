"""A bank to export."""

from __future__ import annotations

from pathlib import Path

import pytest
from blobs import draw, square_detector

from negmine.mining.config import CropConfig, OutputSize, ScanConfig
from negmine.mining.scan import scan


@pytest.fixture
def small_bank(tmp_path: Path) -> Path:
    """Two negatives of two backgrounds, each cut from around one bright square."""
    for i in range(2):
        draw(tmp_path / "in" / f"{i}.png", [(60, 40, 80, 60, 50 + i)], seed=i)
    config = ScanConfig(crop=CropConfig(size=OutputSize("none")))
    scan(tmp_path / "in", square_detector(), bank=tmp_path / "bank", config=config)
    return tmp_path / "bank"
