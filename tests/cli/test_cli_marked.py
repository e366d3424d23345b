"""Every command that asks what is marked, on a bank with one mark of each kind."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from banks import MakeBank, bank_maker, copy_banks, judge

from negmine.bank.bank import Bank
from negmine.bank.unlabelled_targets import gap_images, marked_images
from negmine.bank.verdicts import Verdicts
from negmine.bank.writer import BankWriter

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the bank."""
    folder = tmp_path_factory.mktemp("made")
    make: MakeBank = bank_maker(folder)
    bank = make(4)
    with Bank(bank) as opened:
        numbers = {each.source.name: each.id for each in opened.negatives()}
    judge(bank, numbers["000.png"], "target")
    judge(bank, numbers["001.png"], "target")
    with BankWriter(bank, purpose="a test") as writer, writer.transaction():
        writer.drop([numbers["001.png"]])
    with closing(sqlite3.connect(bank / "bank.db")) as connection, connection:
        connection.execute(
            "INSERT INTO gaps (run_id, source_id, class_name, score, x1, y1, x2, y2)"
            " SELECT 1, id, 'lamp', 0.5, 120, 80, 140, 100 FROM sources WHERE path LIKE '%002.png'"
        )
    with Verdicts(bank) as verdicts:
        assert len(verdicts.judge_gaps({1: ""}, "target")) == 1
    return folder


@pytest.fixture
def bank(made: Path, tmp_path: Path) -> Path:
    """A negative that is a target, the target of one that is gone, a confirmed likely miss, and one more negative."""
    copy_banks(made, tmp_path)
    return tmp_path / "bank"


def test_there_is_one_mark_of_each_kind(bank: Path) -> None:
    with Bank(bank) as opened:
        boxes = [box for image in marked_images(opened) for box in image.boxes]
        assert len(gap_images(opened)) == 1
    assert sorted((bool(box.negative), box.is_gap) for box in boxes) == [(False, False), (False, True), (True, False)]


@pytest.mark.parametrize(
    ("words", "says", "what"),
    [
        (("bank", "stats"), "negatives", 3),
        (("export", "--out", "out"), "negatives", 1),
        (("export", "--only", "targets", "--out", "out"), "images", 3),
        (("export", "--only", "gaps", "--out", "out"), "images", 1),
    ],
    ids=lambda each: "-".join(each[:3]) if isinstance(each, tuple) else "",
)
def test_commands_take_every_kind_of_mark(bank: Path, run: Run, words: tuple[str, ...], says: str, what: int) -> None:
    done = run(*words, "--bank", "bank", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[says] == what


def test_the_report_takes_every_kind_of_mark(bank: Path, run: Run, tmp_path: Path) -> None:
    done = run("report", "--bank", "bank", "--out", "r.html", "--pictures", "1")
    assert done.returncode == 0 and (tmp_path / "r.html").stat().st_size > 1000, done.stderr
