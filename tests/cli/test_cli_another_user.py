"""A bank of another user: one line each, and nothing of it changes. Where it may be read, it can be looked at."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from banks import MakeBank, contents
from blobs import draw, square_detector
from commands import one_line

from negmine.bank.bank import Bank
from negmine.errors import BankError
from negmine.mining.scan import scan
from negmine.reviewing.reviewed_bank import ReviewedBank

Run = Callable[..., "subprocess.CompletedProcess[str]"]

NOBODY = 65534
READING = (
    ["bank", "list"], ["bank", "stats"], ["bank", "sheet", "--out", "sheet.png"], ["bank", "show", "ID"],
    ["bank", "prune"], ["export", "--format", "voc", "--out", "exported"], ["report", "--out", "report.html"],
    ["verify"],
)  # fmt: skip
WRITING = (
    ["bank", "reject", "ID"], ["bank", "undo", "ID"], ["bank", "vacuum"], ["bank", "merge", "other"],
    ["bank", "compare"], ["augment", "--per-negative", "1"],
)  # fmt: skip
SAID = re.compile("read-only for you, so nothing was stored|you have no permission to read or change it")

pytestmark = pytest.mark.skipif(
    not hasattr(os, "setresuid") or os.geteuid() != 0, reason="needs root, and Linux, to be another user"
)


@contextmanager
def another_user() -> Iterator[None]:
    """Everything inside is done by a user who owns nothing."""
    groups = os.getgroups()
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, 0)
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)
        os.setresgid(0, 0, 0)
        os.setgroups(groups)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody may reach and write to; those of pytest are for one user."""
    with tempfile.TemporaryDirectory(prefix="negmine-") as name:
        Path(name).chmod(0o777)
        yield Path(name)


@pytest.fixture
def banks(folder: Path, make_bank: MakeBank, run: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder, with two banks of root; every command has run once, so that what it imports is there."""
    bank = shutil.copytree(make_bank(2), folder / "bank")
    shutil.copytree(bank, folder / "other")
    shutil.copytree(bank, folder / "own")
    monkeypatch.chdir(folder)
    for command in (*READING, *WRITING):
        run(*named(command, bank), "--bank", folder / "own")
    run("review", "--bank", folder / "own", "--host", "192.0.2.1", "--token", "0123456789abcdef")
    draw(folder / "new" / "a.png", [(60, 40, 80, 60, 90)], seed=1)
    scan(folder / "new", square_detector(), bank=folder / "own")
    ReviewedBank(folder / "own").close()
    for name in ("sheet.png", "report.html", "exported"):
        _remove(folder / name)
    return folder


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def named(command: list[str], bank: Path) -> list[str]:
    with Bank(bank) as opened:
        return [next(opened.negatives()).sha256 if word == "ID" else word for word in command]


def close(bank: Path, folder_mode: int, file_mode: int) -> None:
    for path in bank.rglob("*"):
        path.chmod(folder_mode if path.is_dir() else file_mode)
    bank.chmod(folder_mode)


def test_one_that_may_be_read(banks: Path, run: Run) -> None:
    bank, before = banks / "bank", contents(banks / "bank")
    reading, writing = ([named(command, bank) for command in some] for some in (READING, WRITING))
    close(bank, 0o755, 0o644)
    with another_user():
        for command in reading:
            assert run(*command, "--bank", bank).returncode == 0, command
        for command in writing:
            assert SAID.search(one_line(run(*command, "--bank", bank))), command
        with pytest.raises(BankError, match=SAID):
            scan(banks / "new", square_detector(), bank=bank)
        opened = ReviewedBank(bank)
        opened.close()
    assert opened.read_only is not None and SAID.search(opened.read_only)
    assert contents(bank) == before


def test_one_that_may_not_be_read(banks: Path, run: Run) -> None:
    bank, before = banks / "bank", contents(banks / "bank")
    commands = [named(command, bank) for command in (*READING, *WRITING)]
    close(bank, 0o700, 0o600)
    with another_user():
        for command in commands:
            assert "no permission" in one_line(run(*command, "--bank", bank)), command
        assert "no permission" in one_line(run("review", "--bank", bank))
        with pytest.raises(BankError, match="no permission"):
            scan(banks / "new", square_detector(), bank=bank)
    assert contents(bank) == before
