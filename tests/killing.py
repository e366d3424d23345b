"""Starting a script that says "ready" and then works, and killing it at all kinds of moments."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from negmine.training.base import TrainProgress


class Killed(BaseException):
    """Not one that anything catches."""


def killed_at(step: int) -> Callable[[TrainProgress], None]:
    """What to tell the progress of a training, so that it is gone after so many steps."""

    def kill(now: TrainProgress) -> None:
        if now.step == step:
            raise Killed

    return kill


Start = Callable[[], "subprocess.Popen[str]"]


def start(script: str, *arguments: str | Path) -> subprocess.Popen[str]:
    """Run a Python script in a session of its own, up to where it says that it is ready."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    process = subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def end(process: subprocess.Popen[str]) -> int:
    """Wait for the exit status."""
    process.communicate()
    return process.returncode


def until(
    condition: Callable[[], object], process: subprocess.Popen[str] | None = None, *, patience: float = 60
) -> None:
    """Wait until something is so, as long as a process runs, and for at most so many seconds."""
    deadline = time.monotonic() + patience
    while not condition():
        assert process is None or process.poll() is None, "the process ended before"
        assert time.monotonic() < deadline, f"not so after {patience} s"
        time.sleep(0.002)


def seconds(begin: Start) -> float:
    """How long a script that nobody disturbs takes, start-up included."""
    started = time.perf_counter()
    assert end(begin()) == 0
    return time.perf_counter() - started


def kill_often(begin: Start, how: signal.Signals, *, times: int, within: float) -> None:
    """Start again and again, and send a signal so many seconds after it was ready, at most; at last let it finish."""
    moments, cut_short = random.Random(int(how)), 0
    for _ in range(times):
        process = begin()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(moments.uniform(0, within))
        process.send_signal(how)
        cut_short += end(process) != 0
    assert cut_short  # else nothing was tried
    assert end(begin()) == 0
