"""What commands share to speak: results on stdout, messages and progress on stderr."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

    from negmine.mining.result import ScanProgress

_SECONDS_BETWEEN = 5  # plain lines of other progress
_PLAIN_EVERY = 20  # plain progress lines in a whole run, where stderr is no terminal


def print_json(document: Mapping[str, object]) -> None:
    """One document on stdout, in ASCII, so that file names of any bytes get through."""
    click.echo(json.dumps(document, indent=2))


def console(*, stderr: bool = False) -> Console:
    """A console for tables (stdout) or messages (stderr); no markup, since file names may look like it."""
    from rich.console import Console

    return Console(stderr=stderr, markup=False, highlight=False, emoji=False)


@contextmanager
def scan_progress(before: str | None = None) -> Iterator[Callable[[ScanProgress], None]]:
    """Show how far a scan is: a live bar on a terminal, a plain line now and then elsewhere.

    Args:
        before: what a terminal shows until the first image; None for nothing.
    """
    err = console(stderr=True)
    with _bar(err, before) if err.is_terminal else _lines(err) as show:
        yield show


@contextmanager
def _bar(err: Console, before: str | None) -> Iterator[Callable[[ScanProgress], None]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]} images/s"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[found]} false positives, {task.fields[negatives]} negatives"),
    )
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task(
            before or "", start=False, visible=before is not None, total=None, speed="-", found=0, negatives=0
        )

        def show(now: ScanProgress) -> None:
            if not progress.tasks[0].started:  # told more than once before the first image is done
                progress.start_task(task)
                progress.update(task, description="scanning", visible=True)
                for note in now.notes:
                    progress.console.print(note)
            elapsed = progress.tasks[0].elapsed or 0.0
            speed = f"{now.scanned / elapsed:.1f}" if now.scanned and elapsed else "-"
            progress.update(
                task,
                total=now.total,
                completed=now.done,
                speed=speed,
                found=now.false_positives,
                negatives=now.negatives,
            )

        yield show


@contextmanager
def _lines(err: Console) -> Iterator[Callable[[ScanProgress], None]]:
    import time

    started: float | None = None
    said = 0

    def show(now: ScanProgress) -> None:
        nonlocal started, said
        if started is None:  # told more than once before the first image is done
            started = time.perf_counter()
            for note in now.notes:
                err.print(note, soft_wrap=True)
        share = now.done * _PLAIN_EVERY // max(now.total, 1)
        if share > said:
            said = share
            speed = now.scanned / max(time.perf_counter() - started, 1e-9)
            err.print(
                f"scanned {now.done} of {now.total} images, {speed:.1f} images/s, "
                f"{now.false_positives} false positives, {now.negatives} negatives",
                soft_wrap=True,
            )

    yield show


@contextmanager
def count_progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show how many of how many are done, by a callable of both: a live bar on a terminal, elsewhere plain lines."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    err = console(stderr=True)
    if not err.is_terminal:
        import time

        last = time.monotonic()

        def say(done: int, total: int) -> None:
            nonlocal last
            if time.monotonic() - last > _SECONDS_BETWEEN or (done and done == total):
                last = time.monotonic()
                err.print(f"{done} of {total} {what}", soft_wrap=True)

        yield say
        return
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task(what, visible=False, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total, visible=True)
