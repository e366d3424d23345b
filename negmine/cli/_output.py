"""What commands share to print: results to stdout, messages and progress to stderr."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from negmine.paths import printable
from negmine.words import counted, one_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from negmine.mining.result import ScanProgress

ScanShows: TypeAlias = "tuple[Callable[[str], None], Callable[[ScanProgress], None]]"

_SKIPPED = 10  # skipped files that are named; --json names them all
_SECONDS_BETWEEN = 5  # between plain lines of other progress
_PLAIN_LINES = 20  # of progress in a whole scan, where stderr is not a terminal


def print_json(document: Mapping[str, object]) -> None:
    """One document to stdout, in ASCII, so that file names of any bytes get through."""
    click.echo(json.dumps(document, indent=2))


def console(*, stderr: bool = False) -> Console:
    """A console for tables (stdout) or messages (stderr).

    Names of files and classes may look like markup, steer a terminal, or not be in its encoding: there is no markup,
    and what is no text becomes escapes, in lines and in the cells of tables.
    """
    from rich.console import Console

    class Escaping(Console):
        def render_str(self, text: str, **options: Any) -> Text:
            lines = "\n".join(map(one_line, text.split("\n")))
            fitting = lines.encode(self.encoding, "backslashreplace").decode(self.encoding)
            return super().render_str(fitting, **options)

    return Escaping(stderr=stderr, markup=False, highlight=False, emoji=False)


def say(out: Console, text: str) -> None:
    """Print a line, which a narrow terminal wraps without a line break."""
    out.print(text, soft_wrap=True)


def table(title: str, columns: Sequence[str], *, plain: bool = False) -> Table:
    """An empty table with names on the left and numbers on the right.

    Args:
        title: above it.
        columns: their heads. What is too wide is folded, since an ellipsis is not in every encoding.
        plain: without lines between columns, to fit more of them in.
    """
    from rich import box
    from rich.table import Table

    made = Table(title=title, title_justify="left")
    if plain:
        made.box, made.show_edge, made.padding = box.SIMPLE_HEAD, False, (0, 0, 0, 0)
    for index, name in enumerate(columns):
        made.add_column(name, justify="right" if index else "left", overflow="fold", no_wrap=name == "ratio")
    return made


def say_skipped(skipped: Iterable[tuple[str | os.PathLike[str], str]], what: str) -> None:
    """Name the first of the files that were skipped, on stderr.

    Args:
        skipped: file and reason.
        what: the files are, such as `image`.
    """
    err, every = console(stderr=True), list(skipped)
    for path, reason in every[:_SKIPPED]:
        say(err, f"skipped {printable(path)}: {printable(reason)}")
    if len(every) > _SKIPPED:
        say(err, f"... and {counted(len(every) - _SKIPPED, f'more skipped {what}')}; --json names them all")


def quoted(*words: str | os.PathLike[str]) -> str:
    """Words of a command line to type next."""
    return " ".join(shlex.quote(printable(word)) for word in words)


@contextmanager
def scan_progress(before: str | None = None) -> Iterator[ScanShows]:
    """Show how far a scan is: a live bar on a terminal, a plain line now and then elsewhere.

    The first of the two callables announces what takes long before the first image, the second shows the rest.

    Args:
        before: shown on a terminal until the first image; None for nothing.
    """
    err = console(stderr=True)
    with _bar(err, before) if err.is_terminal else _lines(err) as shows:
        yield shows


@contextmanager
def _bar(err: Console, before: str | None) -> Iterator[ScanShows]:
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[images]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[found]}"),
    )
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task(before or "", start=False, visible=before is not None, total=None, images="", found="")

        def step(text: str) -> None:
            progress.update(task, description=printable(text))

        def show(now: ScanProgress) -> None:
            if not progress.tasks[0].started:  # called more than once before the first image is done
                progress.start_task(task)
                progress.update(task, description="scanning", visible=True)
                for note in now.notes:
                    say(progress.console, printable(note))
            if now.labels_read is not None:
                progress.update(task, description="reading labels", total=now.total, completed=now.labels_read)
                return
            if progress.tasks[0].description == "reading labels":
                progress.reset(task, description="scanning")  # so that the speed is the detector's
            elapsed = progress.tasks[0].elapsed or 0.0
            speed = f", {now.scanned / elapsed:.1f} images/s" if now.scanned and elapsed else ""
            found = f"false positives: {now.false_positives}, negatives: {now.negatives}"
            images = f"{now.done}/{now.total}{speed}"
            progress.update(task, total=now.total, completed=now.done, images=images, found=found)

        yield step, show


@contextmanager
def _lines(err: Console) -> Iterator[ScanShows]:
    import time

    started: float | None = None
    said = 0

    def show(now: ScanProgress) -> None:
        nonlocal started, said
        if started is None:  # called more than once before the first image is done
            started = time.perf_counter()
            for note in now.notes:
                say(err, printable(note))
        if now.labels_read is not None:
            started = time.perf_counter()
            return
        share = now.done * _PLAIN_LINES // max(now.total, 1)
        if share > said:
            said = share
            speed = now.scanned / max(time.perf_counter() - started, 1e-9)
            err.print(
                f"scanned {now.done} of {counted(now.total, 'image')}, {speed:.1f} images/s, "
                f"{counted(now.false_positives, 'false positive')}, {counted(now.negatives, 'negative')}",
                soft_wrap=True,
            )

    yield lambda text: say(err, printable(text)), show


@contextmanager
def count_progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show `done` of `total`, which a callable takes: a live bar on a terminal, plain lines elsewhere."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    err = console(stderr=True)
    if not err.is_terminal:
        import time

        last = time.monotonic()

        def show(done: int, total: int) -> None:
            nonlocal last
            if time.monotonic() - last > _SECONDS_BETWEEN or (done and done == total):
                last = time.monotonic()
                err.print(f"{done} of {total} {what}", soft_wrap=True)

        yield show
        return
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task(what, visible=False, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total, visible=True)
