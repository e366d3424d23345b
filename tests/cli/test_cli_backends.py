"""What a user sees of the backends."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import pytest
from firing import break_model, pictures

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.slow
def test_a_model_that_is_refused_is_told_on_stderr_and_the_scan_goes_on(
    run: Run, converted: Path, firing_weights: Path, tmp_path: Path
) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), pictures(1)[0])
    break_model(converted)
    done = run("scan", "a.png", "--weights", firing_weights, "--device", "cpu", "--json")
    assert done.returncode == 0 and done.stdout.startswith("{"), done
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("warning:")]
    assert "firing.pt does not find the same on openvino as on torch" in line and str(converted) in line


@pytest.mark.slow
def test_a_terminal_is_told_once_too(converted: Path, firing_weights: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), pictures(1)[0])
    break_model(converted)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "negmine", "scan", str(tmp_path / "a.png"), "--device", "cpu", "--json"]
    with subprocess.Popen(
        [*command, "--weights", str(firing_weights), "--bank", str(tmp_path / "bank")],
        stdout=subprocess.DEVNULL, stderr=theirs,
    ) as process:  # fmt: skip
        os.close(theirs)
        said = b"".join(_read(ours))
    assert process.returncode == 0 and said.count(b"warning:") == 1, said
    assert b"opening the detector" in said


def _read(terminal: int) -> Iterator[bytes]:
    """All that is written to a terminal, until nobody has it open."""
    with contextlib.suppress(OSError), open(terminal, "rb", buffering=0) as file:
        while data := file.read(1 << 16):
            yield data


@pytest.mark.parametrize(("command", "default"), [("scan", "auto"), ("eval", "torch")])
def test_the_help_says_which_backend_is_taken_and_why(run: Run, command: str, default: str) -> None:
    text = " ".join(run(command, "--help").stdout.split())
    assert "--backend [auto|torch|openvino|onnx|tensorrt]" in text and "--int8" in text
    assert f"{default}: the f" in text and f"[default: {default}]" in text
