"""The script for machines with a GPU, on one without."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch


def run(benchmarks: Path, *arguments: str, python: str = sys.executable) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(benchmarks / "gpu.sh"), *arguments],
        env={**os.environ, "PYTHON": python},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has an NVIDIA GPU")
def test_without_a_gpu_it_is_one_line_and_status_2(benchmarks: Path) -> None:
    done = run(benchmarks)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "gpu.sh: torch finds no NVIDIA GPU here; run it on a machine with one, or with --dry-run-cpu\n"
    )


def test_a_python_without_torch_is_one_line_and_status_2(benchmarks: Path) -> None:
    done = run(benchmarks, python="/nowhere/python")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "cannot import torch, ultralytics and negmine" in done.stderr and "set PYTHON" in done.stderr


def test_an_unknown_argument_is_one_line_and_status_2(benchmarks: Path) -> None:
    done = run(benchmarks, "--dry")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "gpu.sh: unknown argument --dry; expected nothing or --dry-run-cpu\n"
