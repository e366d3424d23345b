"""What every command answers to input that it refuses."""

from __future__ import annotations

import subprocess


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """The message of a command that refused its input; anything but one line and status 2 is a failure."""
    assert done.returncode == 2 and done.stdout == "", done
    (line,) = done.stderr.splitlines()
    assert line.startswith("negmine: ")
    return line
