"""`negmine bank stats`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from negmine.bank.filters import NegativeFilter
from negmine.cli._command import Command
from negmine.cli._options import bank_option, json_option
from negmine.cli._output import print_json, table
from negmine.cli.bank._selection import filter_options
from negmine.paths import printable
from negmine.terminal import console, say
from negmine.words import counted

if TYPE_CHECKING:
    from negmine.bank.statistics import BankStatistics

_ROWS = 10  # of each table; --json has all


@click.command("stats", cls=Command)
@bank_option
@filter_options
@json_option
def command(bank: str, which: NegativeFilter, as_json: bool) -> None:
    """Count the negatives of a bank by class, verdict, folder of the source image, and run.

    \b
    negmine bank stats
    negmine bank stats --state unreviewed --json
    """
    from negmine.bank.bank import Bank
    from negmine.bank.statistics import statistics
    from negmine.trainable import is_held_back, waiting_images

    with Bank(bank) as opened:
        held_back, waiting = sum(map(is_held_back, opened.negatives())), len(waiting_images(opened))
        found = statistics(opened, which, held_back=held_back, waiting=waiting)
    if as_json:
        print_json(found.to_dict())
    else:
        _render(found)


def _render(found: BankStatistics) -> None:
    out = console()
    scanned, variants = counted(found.images, "image"), counted(found.variants, "variant")
    say(out, f"{printable(found.bank)}: {counted(found.negatives, 'negative')} of {scanned}, {variants}")
    if found.held_back:
        held_back = counted(found.held_back, "negative")
        say(out, f"{held_back} held back as likely targets without a label, or flickers (--held-back)")
    if found.waiting:
        say(out, f"{counted(found.waiting, 'image')} not trained on until all targets marked there are labelled")
    if misses := sum(found.likely_misses.values()):
        each = ", ".join(f"{count} {state}" for state, count in found.likely_misses.items() if count)
        say(out, f"{counted(misses, 'likely miss', 'likely misses')} ({each}); `negmine bank list --gaps` lists them")
    _table("class", found.classes)
    _table("verdict", {str(state): count for state, count in found.states.items()})
    _table("source folder", found.folders)
    _table("detections of all runs", found.detections)
    runs = table("", ("run", "weights", "images", "negatives"), plain=True)
    runs.title = None
    runs.columns[1].justify = "left"
    for run in found.runs:
        weights = f"{printable(run.weights)} ({run.weights_sha256[:7]})"
        runs.add_row(str(run.id), weights, str(run.images), str(run.negatives))
    if found.runs:
        out.print()
        out.print(runs)


def _table(name: str, counts: Mapping[str, int]) -> None:
    rows = table("", (name, "number"), plain=True)
    rows.title = None
    present = [(key, count) for key, count in counts.items() if count]
    for key, count in present[:_ROWS]:
        rows.add_row(printable(key), str(count))
    if len(present) > _ROWS:
        rows.add_row(f"{len(present) - _ROWS} more; --json has all", str(sum(count for _, count in present[_ROWS:])))
    if present:
        out = console()
        out.print()
        out.print(rows)
