"""The driver of kills counts what it kills, and says what ended otherwise."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner


@pytest.mark.slow
def test_a_few_kills_are_counted(benchmarks: Path) -> None:
    kills = importlib.import_module("kills")
    result = CliRunner().invoke(kills.main, ["--kills", "3", "--only", "verify-repair"])
    assert result.exit_code == 0 and "all                3 runs" in result.output and "0 different" in result.output


@pytest.mark.slow
def test_a_run_that_ends_otherwise_is_told(benchmarks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kills = importlib.import_module("kills")
    numbers = iter(range(100))
    case = replace(kills.cases.CASES["export-yolo"], left=lambda _: {"images/a.jpg": next(numbers)})
    monkeypatch.setattr(kills.cases, "CASES", {"export-yolo": case})
    result = CliRunner().invoke(kills.main, ["--kills", "1", "--only", "export-yolo"])
    assert result.exit_code == 1 and "export-yolo: differs in images/a.jpg" in result.output
