"""A bank on a disk that is full, or that nobody can write to: one clear line, and the bank stays as it was."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from blobs import draw, square_detector

from negmine.bank.bank import Bank
from negmine.bank.verify import verify
from negmine.bank.writer import BankWriter
from negmine.errors import BankError
from negmine.mining.config import CropConfig, OutputSize, ScanConfig
from negmine.mining.scan import scan

LARGE = ScanConfig(crop=CropConfig(size=OutputSize("fixed", (2000, 2000))))


def test_a_disk_that_fills_up_keeps_what_was_stored_and_the_scan_goes_on_elsewhen(disk: Path, tmp_path: Path) -> None:
    for i in range(40):
        draw(tmp_path / "in" / f"{i:02d}.png", [(60, 40, 80, 60, 40 + i)], seed=i)
    with pytest.raises(BankError, match=r"free some space and run the same command again"):
        scan(tmp_path / "in", square_detector(), bank=disk / "bank", config=LARGE)
    result = verify(disk / "bank")
    assert result.ok and result.negatives % 8 == 0  # whole chunks, and no file without its row
    subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
    assert scan(tmp_path / "in", square_detector(), bank=disk / "bank", config=LARGE).total == 40
    assert verify(disk / "bank").ok


def test_a_file_that_cannot_be_staged_is_one_line(disk: Path, tmp_path: Path) -> None:
    draw(tmp_path / "in" / "a.png", [(60, 40, 80, 60, 50)])
    scan(tmp_path / "in", square_detector(), bank=disk / "bank")
    with BankWriter(disk / "bank", purpose="a test") as writer:
        with pytest.raises(BankError, match="free some space and run the same command again"):
            writer.stage(bytes(80_000_000))
        assert not list((disk / "bank" / "tmp").iterdir())


def test_a_read_only_bank_is_read_and_not_written(disk: Path, tmp_path: Path) -> None:
    draw(tmp_path / "in" / "a.png", [(60, 40, 80, 60, 50)])
    scan(tmp_path / "in", square_detector(), bank=disk / "bank")
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    assert verify(disk / "bank").ok
    with Bank(disk / "bank") as bank:
        assert bank.negative_count() == 1
    with pytest.raises(BankError, match=r"[Rr]ead-only|readonly"):
        scan(tmp_path / "in", square_detector(key="2"), bank=disk / "bank")
