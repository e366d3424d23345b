"""The progress of work in several steps, on stderr: what begins now, and how much of it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from negmine.cli._output import console, say
from negmine.paths import printable

if TYPE_CHECKING:
    from rich.console import Console

_SECONDS_BETWEEN = 10  # between plain lines of progress

Shows = tuple[Callable[[str], None], Callable[[str, int, int], None]]


@contextmanager
def step_progress() -> Iterator[Shows]:
    """Two callables: one announces a step, one shows how much of something is done."""
    err = console(stderr=True)
    with _bars(err) if err.is_terminal else _lines(err) as shows:
        yield shows


@contextmanager
def _bars(err: Console) -> Iterator[Shows]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task("", visible=False, total=None)

        def step(text: str) -> None:
            progress.update(task, visible=False)
            progress.console.print(printable(text), soft_wrap=True)

        def count(what: str, done: int, total: int) -> None:
            if progress.tasks[0].description != what or done < progress.tasks[0].completed:
                progress.reset(task, description=what, total=total)
            progress.update(task, description=what, completed=done, total=total, visible=done < total)

        yield step, count


@contextmanager
def _lines(err: Console) -> Iterator[Shows]:
    import time

    last = time.monotonic()

    def step(text: str) -> None:
        nonlocal last
        last = time.monotonic()
        say(err, printable(text))

    def count(what: str, done: int, total: int) -> None:
        nonlocal last
        if done == total or time.monotonic() - last > _SECONDS_BETWEEN:
            last = time.monotonic()
            err.print(f"{done} of {total} {what}", soft_wrap=True)

    yield step, count
