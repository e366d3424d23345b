"""Give every reader of foreign files damaged ones: each must end as an error with one line or a counted skip, and soon.

    python benchmarks/fuzz.py                                  1,000 inputs for each reader
    python benchmarks/fuzz.py --reader png --count 20000 --seed 3
    python benchmarks/fuzz.py --reader png --seed 3 --only 1234    one input again, with its traceback

Each reader runs in a process of its own, which is started again where it hangs, dies or grows. An input depends on the
reader, the seed and its number alone.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import resource
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from fuzz_readers import READERS, prepared

from negmine.errors import NegmineError

SECONDS, MIB = 2.0, 1024  # of one input, CPU time; and memory above what the process began with
_HANGS_S = 20.0  # without a sign of life, on a machine that is not busy with something else
_PATIENCE_S = 180.0  # while a reader imports what it needs, and makes its first inputs


@dataclass(frozen=True, slots=True)
class Failure:
    """An input that was not taken well.

    Attributes:
        number: of the input.
        what: an exception and where it was raised, or what else happened.
    """

    number: int
    what: str


@dataclass(slots=True)
class Tally:
    """What became of the inputs of one reader."""

    reader: str
    done: int = 0
    refused: int = 0
    slowest_s: float = 0.0
    failures: tuple[Failure, ...] = ()


def fuzz(reader: str, *, count: int, seed: int, seconds: float | None = None, patience: float = _HANGS_S) -> Tally:
    """Give a reader `count` inputs, or as many as it takes in so many seconds."""
    tally, at = Tally(reader), 0
    end = None if seconds is None else time.monotonic() + seconds
    while at < count and (end is None or time.monotonic() < end):
        at = _watched(tally, at, count, seed, end, patience)
    return tally


def _watched(tally: Tally, start: int, count: int, seed: int, end: float | None, patience: float) -> int:
    """Run a process until it is done or has to be stopped; the number of the next input."""
    ours, theirs = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_work, args=(theirs, tally.reader, start, count, seed, end), daemon=True)
    process.start()
    theirs.close()
    at, waits = start, max(_PATIENCE_S, patience)
    try:
        while ours.poll(waits):
            try:
                number, what, spent_s = ours.recv()
            except EOFError:
                process.join()
                if process.exitcode == 0:
                    return at  # all of them; or it grew, or time is up
                tally.failures += (Failure(at, f"the process died with status {process.exitcode}"),)
                return at + 1
            at, waits = number + 1, patience
            tally.done, tally.slowest_s = tally.done + 1, max(tally.slowest_s, spent_s)
            tally.refused += what == ""
            if what:
                tally.failures += (Failure(number, what),)
        tally.failures += (Failure(at, f"it hangs: over {waits:.0f} s"),)
        return at + 1
    finally:
        process.kill()
        process.join()


def _work(parent: Connection, reader: str, start: int, count: int, seed: int, end: float | None) -> None:
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    sys.stderr = open(os.devnull, "w")  # noqa: PTH123
    sys.stdout = sys.stderr  # what frameworks print
    os.dup2(sys.stderr.fileno(), 2)
    with tempfile.TemporaryDirectory(prefix="negmine-fuzz-") as folder:
        read = prepared(reader, Path(folder))
        began = _peak_mib()
        for number in range(start, count):
            if end is not None and time.monotonic() > end:
                break
            before, what = time.process_time(), None
            try:
                read(random.Random(f"{seed} {reader} {number}"))
            except NegmineError as error:
                what = "a message of several lines" if "\n" in str(error) else ""
            except Exception as error:
                what = _place_of(error)
            spent_s = time.process_time() - before
            if spent_s > SECONDS:
                what = f"it took {spent_s:.1f} s"
            grown = _peak_mib() - began
            if grown > MIB:
                what = f"it took {grown} MiB"
            parent.send((number, what, spent_s))
            if grown > MIB:
                break  # the peak stays: a fresh process goes on
    parent.close()


def _peak_mib() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak >> (20 if sys.platform == "darwin" else 10)


def _place_of(error: Exception) -> str:
    """The exception, and the innermost lines of negmine that it went through."""
    frames = [each for each in traceback.extract_tb(error.__traceback__) if "negmine" in Path(each.filename).parts]
    where = " < ".join(f"{Path(each.filename).name}:{each.lineno}" for each in reversed(frames[-3:]))
    return f"{type(error).__name__}: {str(error)[:120]!r} at {where}"


def _kinds(failures: tuple[Failure, ...]) -> Iterator[tuple[str, int, int]]:
    """Each kind of failure with its count and its first input."""
    counts = Counter(each.what.split(" s")[0] if each.what.startswith("it took") else each.what for each in failures)
    for what, number in counts.most_common():
        yield what, number, next(each.number for each in failures if each.what.startswith(what))


def main() -> int:
    """Print a line for each reader, and what failed; the exit status is 1 if anything did."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--reader", action="append", choices=list(READERS), help="one of them; repeatable")
    parser.add_argument("--count", type=int, default=1000, help="inputs for each reader")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, help="at most so long for each reader")
    parser.add_argument(
        "--patience", type=float, default=_HANGS_S, help="seconds without a sign of life that are a hang"
    )
    parser.add_argument("--only", type=int, metavar="NUMBER", help="one input, here, with its traceback")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    given = parser.parse_args()
    names = given.reader or list(READERS)
    if given.only is not None:
        with tempfile.TemporaryDirectory(prefix="negmine-fuzz-") as folder:
            prepared(names[0], Path(folder))(random.Random(f"{given.seed} {names[0]} {given.only}"))
        return 0
    tallies = []
    for name in names:
        tally = fuzz(name, count=given.count, seed=given.seed, seconds=given.seconds, patience=given.patience)
        tallies.append(tally)
        if not given.json:
            print(f"{name:12} {tally.done:7} inputs, {tally.refused:7} refused, slowest {tally.slowest_s:.2f} s, "
                  f"{len(tally.failures)} failed", flush=True)  # fmt: skip
            for what, number, first in _kinds(tally.failures):
                print(f"    {number} x {what} (--reader {name} --seed {given.seed} --only {first})", flush=True)
    if given.json:
        rows = [{"reader": t.reader, "inputs": t.done, "refused": t.refused, "slowest_s": t.slowest_s,
                 "failures": [[f.number, f.what] for f in t.failures]} for t in tallies]  # fmt: skip
        print(json.dumps(rows, indent=1))
    return int(any(tally.failures for tally in tallies))


if __name__ == "__main__":
    sys.exit(main())
