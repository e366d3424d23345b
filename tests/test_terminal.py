"""Progress where there is no terminal: plain lines, and few."""

from __future__ import annotations

import pytest

from negmine.mining.result import ScanProgress
from negmine.terminal import count_progress, scan_progress, step_progress


def test_steps_that_come_fast_are_one_line_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    with step_progress() as (step, count):
        step("training")
        for done in range(1, 151):
            count("steps", done, 150)
    assert capsys.readouterr().err.splitlines() == ["training", "150 of 150 steps"]


def test_a_scan_of_what_is_known_claims_no_speed(capsys: pytest.CaptureFixture[str]) -> None:
    with scan_progress() as (_, show):
        show(ScanProgress(total=200, done=0, scanned=0, false_positives=0, negatives=0))
        show(ScanProgress(total=200, done=200, scanned=0, false_positives=0, negatives=0))
    assert capsys.readouterr().err.splitlines() == ["looked at 200 of 200 images, none to scan"]


def test_a_name_in_what_is_counted_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    with count_progress("images of {a} [red]b\x1b[0m read") as show:
        show(2, 2)
    assert capsys.readouterr().err == "2 of 2 images of {a} [red]b\\x1b[0m read\n"


def test_counts_that_come_fast_are_one_line_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    with count_progress("images") as show:
        show(0, 0)
        for done in range(1, 51):
            show(done, 50)
    assert capsys.readouterr().err.splitlines() == ["50 of 50 images"]
