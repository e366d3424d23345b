"""Putting files in place: never under their names before they are on disk."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from negmine import files
from negmine.errors import BankError, ExportError
from negmine.exporting import staging
from negmine.exporting.config import CopyMethod
from negmine.exporting.folder import MANIFEST, write_plan
from negmine.labels.plan import Plan, StoredFile


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """Five pictures of a bank, and a text beside each."""
    found: dict[str, StoredFile | bytes] = {}
    for number in range(5):
        path = tmp_path / "bank" / f"{number}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"picture %d" % number)
        found[f"images/{number}.jpg"] = StoredFile(path, hashlib.sha256(path.read_bytes()).hexdigest(), in_bank=True)
        found[f"labels/{number}.txt"] = b"text %d" % number
    return found


def files_in(out: Path) -> list[str]:
    return sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file() or path.is_symlink())


@pytest.mark.parametrize("method", ["copy", "hardlink", "symlink"])
def test_what_is_staged_is_flushed_before_it_has_its_name(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: CopyMethod
) -> None:
    out, seen = tmp_path / "out", list[tuple[int, int]]()

    def sync(_: int) -> None:
        names = [name for name in files_in(out) if not name.startswith("negmine-export")]
        seen.append((len(names), sum(name.endswith(files.PART) for name in names)))

    monkeypatch.setattr(files, "_syncfs", lambda: sync)
    monkeypatch.setattr(staging, "_TOGETHER", 4)
    write_plan(plan, out, format_name="yolo", method=method)
    assert seen == [(4, 4), (8, 4), (10, 2), (10, 0)]
    assert files_in(out) == sorted([*plan, MANIFEST])
    assert (out / "labels" / "3.txt").read_bytes() == b"text 3"
    assert (out / "images" / "3.jpg").read_bytes() == b"picture 3"


def test_without_such_a_call_each_file_is_flushed(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[int] = []
    monkeypatch.setattr(files, "_syncfs", lambda: None)
    monkeypatch.setattr("os.fsync", flushed.append)
    write_plan(plan, tmp_path / "out", format_name="yolo", method="copy")
    assert len(flushed) == 10 + 4, "each file, and the manifest and its name before and after"


def test_a_disk_that_fails_leaves_nothing_half_and_the_export_goes_on(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, calls = tmp_path / "out", list[int]()

    def sync(number: int) -> None:
        calls.append(number)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(staging, "_TOGETHER", 4)
    with monkeypatch.context() as patch:
        patch.setattr(files, "_syncfs", lambda: sync)
        with pytest.raises(ExportError, match="No space left on device"):
            write_plan(plan, out, format_name="yolo", method="copy")
    assert files_in(out) == sorted([*list(plan)[:4], MANIFEST])
    result = write_plan(plan, out, format_name="yolo", method="copy")
    assert files_in(out) == sorted([*plan, MANIFEST]) and result.written + result.unchanged == len(plan)
    assert result.unchanged == 2, "texts; nobody knows any more whether pictures were copies or links"


def test_a_damaged_file_of_the_bank_leaves_nothing_half(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "bank" / "2.jpg").write_bytes(b"damaged")
    with pytest.raises(BankError, match=r"2\.jpg is damaged"):
        write_plan(plan, tmp_path / "out", format_name="yolo", method="copy", workers=3)
    assert files_in(tmp_path / "out") == [MANIFEST]
