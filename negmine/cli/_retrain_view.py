"""What `negmine retrain` shows: steps and counts while it works, a table at the end."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from negmine.cli._output import console
from negmine.paths import printable

if TYPE_CHECKING:
    from rich.console import Console

    from negmine.retraining.result import RetrainResult, RoundResult

_SECONDS_BETWEEN = 10  # plain lines of progress

Shows = tuple[Callable[[str], None], Callable[[str, int, int], None]]


@contextmanager
def retrain_progress() -> Iterator[Shows]:
    """Two callables: one that says what begins now, one that shows how much of something is done."""
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
        err.print(printable(text), soft_wrap=True)

    def count(what: str, done: int, total: int) -> None:
        nonlocal last
        if what == "epochs" or time.monotonic() - last > _SECONDS_BETWEEN:
            last = time.monotonic()
            err.print(f"{done} of {total} {what}", soft_wrap=True)

    yield step, count


def render(result: RetrainResult) -> None:
    """Print what every round brought about, which is best, and the command to type next."""
    out = console()
    out.print(_table(result))
    if result.stopped is not None:
        out.print(f"no further round: {result.stopped}", soft_wrap=True)
    out.print(f"\n{result.verdict}", soft_wrap=True)
    out.print(f"weights: {printable(result.weights)}", soft_wrap=True)
    if result.improved:
        out.print(f"next: {_next(result)}", soft_wrap=True)
    else:
        out.print(
            "next: give more backgrounds of the kind that it fires on, or see `negmine retrain --help`", soft_wrap=True
        )


def _table(result: RetrainResult) -> object:
    from rich import box
    from rich.table import Table

    names = ("round", "negatives", "FPPI", "FPPI at equal recall", "recall", "mAP50", "mAP50-95", "LAMR", "seconds")
    title = "Rounds, measured on what no round was trained on; * is the best"
    table = Table(*names, title=title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    table.columns[3].width = len("FPPI at")  # its name in three lines: then all fits into 80 columns
    for column in table.columns[1:]:
        column.justify = "right"
    for each in result.rounds:
        table.add_row(*_row(each, best=each.number == result.best))
    return table


def _row(each: RoundResult, *, best: bool) -> tuple[str, ...]:
    return (
        ("start" if not each.number else str(each.number)) + (" *" if best else ""),
        str(each.negatives),
        f"{each.fppi:.3f}",
        "none" if each.fppi_at_recall is None else f"{each.fppi_at_recall:.3f}",
        f"{each.recall:.3f}",
        *("-" if value is None else f"{value:.3f}" for value in (each.map50, each.map50_95, each.lamr)),
        f"{each.seconds:.1f}",
    )


def _next(result: RetrainResult) -> str:
    """The same comparison with all that `negmine eval` tells."""
    words: list[str | Path] = [
        "negmine", "eval", "--weights", result.start, "--weights", result.weights, "--data", result.data_yaml,
        "--split", "val", "--backgrounds", result.held_out_list,
        *(("--imgsz", str(result.imgsz)) if result.imgsz is not None else ()),
    ]  # fmt: skip
    return " ".join(shlex.quote(printable(word)) for word in words)
