"""Writing to a terminal: a console that escapes names, and how far long work is.

Progress goes to stderr: live bars on a terminal and, where it has widgets, in a notebook; a line that is renewed in a
notebook without them; plain lines elsewhere. Only the command line writes to a terminal by itself; a library function
does where its caller asks with `progress=True`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeAlias

from negmine.paths import printable
from negmine.words import counted, one_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from negmine.mining.result import ScanProgress

ScanShows: TypeAlias = "tuple[Callable[[str], None], Callable[[ScanProgress], None]]"
StepShows: TypeAlias = "tuple[Callable[[str], None], Callable[[str, int, int], None]]"

_SECONDS_BETWEEN = 5  # between plain lines of a count
_SECONDS_BETWEEN_STEPS = 10  # between those of work in several steps
_PLAIN_LINES = 20  # of a whole scan
_SECONDS_OF_CAMERAS = 60  # between those of a scan that nobody knows the end of


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


def is_live(out: Console) -> bool:
    """Whether a bar can move on it: on a terminal, and in a notebook that has the widgets that rich needs."""
    return out.is_terminal or (out.is_jupyter and find_spec("ipywidgets") is not None)


def say(out: Console, text: str) -> None:
    """Print a line, which a narrow terminal wraps without a line break."""
    out.print(text, soft_wrap=True)


def counting(out: Console) -> Callable[[str], None]:
    """What says, again and again, how far something is: in lines, or in a notebook in one that is renewed."""
    if not out.is_jupyter:
        return lambda text: out.print(text, soft_wrap=True)
    notebook: Any = import_module("IPython.display")  # it is there where rich finds a notebook
    shown: list[Any] = []  # nothing until there is something to say

    def count(text: str) -> None:
        line = notebook.Pretty(one_line(text))
        if shown:
            shown[0].update(line)
        else:
            shown.append(notebook.display(line, display_id=True))

    return count


@contextmanager
def scan_progress(before: str | None = None) -> Iterator[ScanShows]:
    """Show how far a scan is: a live bar on a terminal, a plain line now and then elsewhere.

    The first of the two callables announces what takes long before the first image, the second shows the rest.

    Args:
        before: shown on a terminal until the first image; None for nothing.
    """
    err = console(stderr=True)
    with _scan_bar(err, before) if is_live(err) else _scan_lines(err) as shows:
        yield shows


@contextmanager
def _scan_bar(err: Console, before: str | None) -> Iterator[ScanShows]:
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
            speed = f", {now.scanned / elapsed:.1f} {now.unit}s/s" if now.scanned and elapsed else ""
            found = f"false positives: {now.false_positives}, negatives: {now.negatives}"
            images = f"{now.done}{'' if now.total is None else f'/{now.total}'}{speed}"
            progress.update(task, total=now.total, completed=now.done, images=images, found=found)

        yield step, show


@contextmanager
def _scan_lines(err: Console) -> Iterator[ScanShows]:
    started: float | None = None
    said, count = 0, counting(err)

    def show(now: ScanProgress) -> None:
        nonlocal started, said
        if started is None:  # called more than once before the first image is done
            started = time.perf_counter()
            for note in now.notes:
                say(err, printable(note))
        if now.labels_read is not None:
            started = time.perf_counter()
            return
        seconds = time.perf_counter() - started
        share = (
            int(seconds / _SECONDS_OF_CAMERAS) if now.total is None else now.done * _PLAIN_LINES // max(now.total, 1)
        )
        if share > said:
            said = share
            many = counted(now.done, now.unit) if now.total is None else f"{now.done} of {counted(now.total, now.unit)}"
            if not now.scanned:
                count(f"looked at {many}, none to scan")
                return
            speed = now.scanned / max(seconds, 1e-9)
            count(
                f"scanned {many}, {speed:.1f} {now.unit}s/s, "
                f"{counted(now.false_positives, 'false positive')}, {counted(now.negatives, 'negative')}"
            )

    yield lambda text: say(err, printable(text)), show


@contextmanager
def count_progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show `done` of `total`, which a callable takes: a live bar on a terminal, plain lines elsewhere.

    Args:
        what: the things, and what is done with them, such as `images read`; names in it may be anything.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    err, what = console(stderr=True), printable(what)
    if not is_live(err):
        last, count = time.monotonic(), counting(err)

        def show(done: int, total: int) -> None:
            nonlocal last
            if time.monotonic() - last > _SECONDS_BETWEEN or (done and done == total):
                last = time.monotonic()
                count(f"{done} of {total} {what}")

        yield show
        return
    said = TextColumn("{task.description}", markup=False)
    columns = (said, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task(what, visible=False, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total, visible=True)


@contextmanager
def step_progress() -> Iterator[StepShows]:
    """Two callables: one announces a step, one shows how much of something is done."""
    err = console(stderr=True)
    with _step_bars(err) if is_live(err) else step_lines(err) as shows:
        yield shows


@contextmanager
def _step_bars(err: Console) -> Iterator[StepShows]:
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
def step_lines(err: Console) -> Iterator[StepShows]:
    """`step_progress` in plain lines: each step, and now and then how much is done."""
    last, tell = time.monotonic(), counting(err)

    def step(text: str) -> None:
        nonlocal last
        last = time.monotonic()
        say(err, printable(text))

    def count(what: str, done: int, total: int) -> None:
        nonlocal last
        if done == total or time.monotonic() - last > _SECONDS_BETWEEN_STEPS:
            last = time.monotonic()
            tell(f"{done} of {total} {what}")

    yield step, count
