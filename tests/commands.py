"""What every command answers to input that it refuses."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """The message of a command that refused its input; anything but one line and status 2 is a failure."""
    assert done.returncode == 2 and done.stdout == "", done
    (line,) = done.stderr.splitlines()
    assert line.startswith("negmine: ")
    return line


def unless_given(options: Sequence[str], **defaults: object) -> list[str]:
    """Options with defaults for those of one value that are not among them: a command refuses one that is repeated."""
    left = [(f"--{name}", str(value)) for name, value in defaults.items() if f"--{name}" not in options]
    return [*(word for pair in left for word in pair), *options]
