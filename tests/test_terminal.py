"""Progress where there is no terminal: plain lines, and few."""

from __future__ import annotations

import pytest

from negmine.terminal import count_progress, step_progress


def test_steps_that_come_fast_are_one_line_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    with step_progress() as (step, count):
        step("training")
        for done in range(1, 151):
            count("steps", done, 150)
    assert capsys.readouterr().err.splitlines() == ["training", "150 of 150 steps"]


def test_counts_that_come_fast_are_one_line_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    with count_progress("images") as show:
        show(0, 0)
        for done in range(1, 51):
            show(done, 50)
    assert capsys.readouterr().err.splitlines() == ["50 of 50 images"]
