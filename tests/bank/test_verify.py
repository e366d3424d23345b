"""Verify finds each kind of damage, and repair removes leftovers and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from negmine.bank.content_files import content_name
from negmine.bank.records import ScannedImage
from negmine.bank.verify import VerifyResult, verify
from negmine.bank.writer import BankWriter
from negmine.errors import BankError, BankLockedError
from negmine.files import sha256_of
from negmine.structures import GroundTruth

Make = Callable[..., ScannedImage]
Store = Callable[..., None]


def _kinds(result: VerifyResult) -> list[str]:
    return [problem.kind for problem in result.problems]


@pytest.fixture
def folder(bank: BankWriter, store: Store, image: Make) -> Path:
    """A sound bank of two negatives, closed."""
    truth = GroundTruth.of([(60, 60, 70, 70)], ["dog"])
    store(image("a.jpg", negatives=(b"one", b"two"), truth=truth, truth_hash="t"))
    bank.close()
    return bank.folder


def _change(folder: Path, sql: str) -> None:
    with BankWriter(folder, purpose="a test") as writer:
        writer._connection.execute("PRAGMA foreign_keys = OFF")
        writer._connection.execute(sql)


def test_an_empty_bank_is_sound(bank: BankWriter) -> None:
    bank.close()
    assert verify(bank.folder).ok


def test_a_sound_bank_is_sound(folder: Path) -> None:
    result = verify(folder)
    assert result.ok and result.negatives == 2


def test_no_bank_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BankError, match="no bank"):
        verify(tmp_path)


def test_a_bank_being_written_is_left_alone(bank: BankWriter) -> None:
    with pytest.raises(BankLockedError):
        verify(bank.folder)


def test_a_missing_and_a_changed_file(folder: Path) -> None:
    (folder / content_name("negatives", sha256_of(b"one"))).unlink()
    (folder / content_name("negatives", sha256_of(b"two"))).write_bytes(b"damaged")
    assert sorted(_kinds(verify(folder, repair=True))) == ["changed", "missing"]


def test_repair_removes_leftovers_and_nothing_else(folder: Path) -> None:
    leftover = folder / content_name("negatives", sha256_of(b"killed"))
    leftover.parent.mkdir(exist_ok=True)
    leftover.write_bytes(b"killed")
    half = folder / "tmp" / f"{sha256_of(b'whole')}-0.part"
    half.parent.mkdir()
    half.write_bytes(b"ha")
    notes = folder / "tmp" / "notes.txt"
    notes.write_text("mine")
    dangling = folder / content_name("negatives", "1" * 64)
    dangling.parent.mkdir(exist_ok=True)
    dangling.symlink_to("nowhere")
    false_name = folder / content_name("negatives", "0" * 64)
    false_name.parent.mkdir(exist_ok=True)
    false_name.write_bytes(b"not of that hash")
    assert sorted(_kinds(verify(folder))) == ["foreign"] * 3 + ["leftover"] * 2
    assert leftover.exists() and half.exists()  # looking changes nothing
    result = verify(folder, repair=True)
    assert _kinds(result) == ["foreign"] * 3 and len(result.repaired) == 2
    assert not leftover.exists() and not half.exists() and notes.exists() and false_name.exists()


def test_a_crop_that_leaves_its_image(folder: Path) -> None:
    _change(folder, "UPDATE crops SET x2 = 101 WHERE id = 1")
    assert _kinds(verify(folder)) == ["outside"]


def test_a_crop_that_touches_a_target(folder: Path) -> None:
    _change(folder, "UPDATE objects SET x1 = 49.9, y1 = 49.9")  # the crop's last pixel is 49
    assert _kinds(verify(folder)) == ["target", "target"]
    _change(folder, "UPDATE objects SET x1 = 50, y1 = 50")
    assert verify(folder).ok


def test_a_negative_without_a_reason_to_be(folder: Path) -> None:
    _change(folder, "DELETE FROM detections WHERE negative_id = 1")
    assert _kinds(verify(folder)) == ["unfounded"]


def test_rows_that_point_nowhere(folder: Path) -> None:
    _change(folder, "UPDATE crops SET source_id = 99 WHERE id = 1")
    assert "database" in _kinds(verify(folder))
