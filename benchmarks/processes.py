"""Running a command as a process of its own: how long it took, and how much memory it and its children had at most."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_EVERY_S = 0.1  # seconds between two looks at the memory
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Measured:
    """What a command did.

    Attributes:
        seconds: wall clock, from before it was started until it was gone.
        peak_mib: resident memory of the process and its descendants, MiB. It is the sum of what each of those had at
            most until then, at the moment when that sum was largest; memory that they share counts once for each.
            None where the system has no /proc.
        stdout: what it printed.
    """

    seconds: float
    peak_mib: float | None
    stdout: str


def cores() -> int:
    """How many cores this process may use, which may be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run(command: Sequence[str]) -> Measured:
    """Run a command and wait for it.

    Raises:
        SystemExit: where it failed, with the last line that it wrote to stderr.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=err)
        try:
            with _peak_memory(process.pid) as peak:
                process.wait()
                seconds = time.perf_counter() - started
        finally:
            process.kill()
            process.wait()
        if process.returncode:
            last = _text(err).strip().splitlines() or ["it said nothing"]
            raise SystemExit(f"{' '.join(command)} ended with status {process.returncode}: {last[-1]}")
        return Measured(seconds, max(peak, default=None), _text(out))


@contextmanager
def _peak_memory(pid: int) -> Iterator[list[float]]:
    """Look at the memory of a process while it runs; the list fills with MiB."""
    seen: list[float] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_EVERY_S if seen else 0):
            seen.append(tree_mib(pid))

    thread = threading.Thread(target=watch, daemon=True)
    if _PROC.is_dir():
        thread.start()
    try:
        yield seen
    finally:
        ended.set()
        if thread.is_alive():
            thread.join()


def tree_mib(pid: int) -> float:
    """What a process and its descendants had at most so far, each for itself, MiB; 0 for one that is gone."""
    total, waiting = 0.0, [pid]
    while waiting:
        here = waiting.pop()
        with suppress(OSError):  # it has ended meanwhile
            status = (_PROC / str(here) / "status").read_text()
            total += sum(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) / 1024
            for thread in (_PROC / str(here) / "task").iterdir():
                waiting += map(int, (thread / "children").read_text().split())
    return total


def _text(file: BinaryIO) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")
