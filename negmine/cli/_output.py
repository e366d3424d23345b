"""What commands share to print: results to stdout, messages and progress to stderr."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from negmine.paths import printable
from negmine.terminal import console, say
from negmine.words import counted

if TYPE_CHECKING:
    from rich.table import Table


_SKIPPED = 10  # skipped files that are named; --json names them all


def print_json(document: Mapping[str, object]) -> None:
    """One document to stdout, in ASCII, so that file names of any bytes get through."""
    click.echo(json.dumps(document, indent=2))


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
