"""`negmine report` as users meet it."""

from __future__ import annotations

import datetime
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import one_line
from page_read import Page

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def test_it_says_where_the_report_is(run: Run, small_bank: Path, tmp_path: Path) -> None:
    before = datetime.date.today()
    done = run("report", "--bank", small_bank)
    assert done.returncode == 0
    assert re.fullmatch(r"negmine-report\.html: 2 pictures, \d+ kB; open it in a browser\n", done.stdout)
    text = Page(tmp_path / "negmine-report.html").text
    assert any(f"made on {day}" in text for day in (before, datetime.date.today()))


def test_json_is_one_document_and_the_file_is_there_too(run: Run, small_bank: Path, tmp_path: Path) -> None:
    done = run("report", "--bank", small_bank, "--out", "r.html", "--json", "--pictures", "1", "--made-on", "")
    document = json.loads(done.stdout)
    assert done.returncode == 0 and document["schema_version"] == 1 and document["pictures"] == 1
    assert document["ratio"] is document["retraining"] is None
    assert document["bytes"] == (tmp_path / "r.html").stat().st_size
    assert "made on" not in Page(tmp_path / "r.html").text


def test_missing_pictures_are_said(run: Run, small_bank: Path) -> None:
    next((small_bank / "negatives").rglob("*.jpg")).unlink()
    assert (
        "1 picture missing: this negative cannot be shown: its file is gone"
        in run("report", "--bank", small_bank).stdout
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--bank", "nowhere"], "bank nowhere does not exist"),
        (["--out", "r.pdf"], "expected a file that ends in .html, found r.pdf"),
        (["--out", "thesis.html"], "thesis.html is there and is no report of negmine"),
        (["--pictures", "101"], "expected 0 to 100 pictures in a row, found 101"),
        (["--retrain", "nowhere"], "expected the folder of a retraining, found no retrain.json in nowhere"),
        (["--data", "nowhere"], "nowhere does not exist"),
        (["--target", "1:0", "--data", "x"], "expected a target of P:N"),
    ],
)
def test_bad_input_is_one_line(run: Run, small_bank: Path, tmp_path: Path, arguments: list[str], said: str) -> None:
    (tmp_path / "thesis.html").write_text("years of work")
    done = run("report", *(["--bank", str(small_bank)] if "--bank" not in arguments else []), *arguments)
    said_lines = [line for line in done.stderr.splitlines() if line.startswith("negmine: ")]
    assert done.returncode == 2 and len(said_lines) == 1 and said in said_lines[0]
    assert (tmp_path / "thesis.html").read_text() == "years of work"
    assert not list(tmp_path.glob("negmine-report.html*"))


def test_help_needs_no_bank(run: Run) -> None:
    assert run("report", "--help").returncode == 0
    assert "is there and is no report" in one_line(_over_a_thesis(run))


def _over_a_thesis(run: Run) -> subprocess.CompletedProcess[str]:
    Path("thesis.html").write_text("years of work")
    return run("report", "--out", "thesis.html")


@pytest.mark.parametrize("option", [("--target", "1:1"), ("--split", "val"), ("--missing-is-empty",)])
def test_what_is_about_data_is_refused_without_it(run: Run, small_bank: Path, option: tuple[str, ...]) -> None:
    done = run("report", "--bank", str(small_bank), "--out", "r.html", *option)
    assert done.returncode == 2 and f"expected --data with {option[0]}" in done.stderr
    assert not Path("r.html").exists()
