"""`negmine bank merge`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from negmine.bank.filters import ConflictRule
from negmine.cli._command import Command
from negmine.cli._options import bank_option, json_option, workers_option
from negmine.cli._output import print_json, say_skipped
from negmine.cli.bank._conflicts import conflicts_option, say_conflicts
from negmine.cli.bank._selection import named
from negmine.paths import printable
from negmine.terminal import console, count_progress, say
from negmine.words import counted

if TYPE_CHECKING:
    from rich.console import Console

    from negmine.bank.merge_result import MergedBank

_DIGITS = 10  # of a hash


@click.command("merge", cls=Command)
@click.argument("others", nargs=-1, required=True, metavar="OTHER...")
@bank_option
@conflicts_option
@workers_option
@json_option
def command(others: tuple[str, ...], bank: str, conflicts: ConflictRule, workers: int | None, as_json: bool) -> None:
    """Add the negatives of other banks, with their variants, verdicts, labels and sources.

    Merging again adds nothing. A negative that shows an object which any of the banks knows is left out. Files are
    checked against their hashes; a damaged one is left out and named. OTHER does not change. Where there is no bank
    yet, a new one is made.

    \b
    negmine bank merge site-a/negmine-bank site-b/negmine-bank --bank all-sites
    """
    from negmine.bank.merging import merge_banks

    with count_progress("images of the other banks merged") as on_count:
        result = merge_banks(bank, others, conflicts=conflicts, workers=workers, on_progress=on_count)
    if as_json:
        print_json(result.to_dict())
        return
    out = console()
    for merged in result.merged:
        _render(out, merged)
    new = ", a new bank" if result.is_new else ""
    say(out, f"{counted(result.negatives, 'negative')} in {printable(result.bank)}{new}")


def _render(out: Console, merged: MergedBank) -> None:
    say(
        out,
        f"{printable(merged.other)}: {counted(merged.added, 'negative')} and {counted(merged.variants, 'variant')} "
        f"added, {merged.known} already here, {counted(merged.verdicts, 'verdict')} changed",
    )
    if merged.refused:
        shown = named(merged.refused, _DIGITS)
        say(out, f"{counted(len(merged.refused), 'negative')} left out for a labelled object inside: {shown}")
    if merged.withdrawn:
        shown = named(merged.withdrawn, _DIGITS)
        say(out, f"{counted(len(merged.withdrawn), 'negative')} withdrawn for a labelled object inside: {shown}")
    say_conflicts(out, merged.conflicts)
    if merged.unusable:
        say(out, f"{counted(len(merged.unusable), 'file')} left out: missing, damaged, or not as stated")
    say_skipped(merged.unusable.items(), "file")
