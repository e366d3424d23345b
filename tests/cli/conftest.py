"""negmine as users run it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from negmine.cli import _run

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run negmine in a folder of its own; without the seconds that a new process takes to start."""
    monkeypatch.setenv("OPENCV_LOG_LEVEL", "SILENT")  # negmine sets both for its whole process
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.chdir(tmp_path)

    def negmine(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        capsys.readouterr()
        status = _run([*map(str, arguments)])
        out, err = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, status, out, err)

    return negmine


@pytest.fixture
def shell(tmp_path: Path) -> Run:
    """Run negmine in a folder of its own, in a process of its own, as a shell does."""

    def negmine(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "negmine", *map(str, arguments)],
            cwd=tmp_path, capture_output=True, text=True, check=False, env={**os.environ, "COLUMNS": "120"},
        )  # fmt: skip

    return negmine
