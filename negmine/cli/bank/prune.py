"""`negmine bank prune`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from negmine.cli._command import Command, option
from negmine.cli._options import bank_option, json_option, workers_option
from negmine.cli._output import print_json
from negmine.paths import printable
from negmine.terminal import console, say
from negmine.words import counted

if TYPE_CHECKING:
    from negmine.bank.pruning import Groundless, PruneResult

_ROWS = 20  # that are named; --json has all
_DIGITS = 10  # of a hash


@click.command("prune", cls=Command)
@bank_option
@option("Bank", "--yes", is_flag=True, help="Remove what is listed. Without it, nothing changes.")
@option("Bank", "--files-only", is_flag=True, help="Check only the bank's own files, not the source images.")
@option(
    "Bank",
    "--missing-folders",
    is_flag=True,
    help="Also remove negatives whose source folder is gone or empty. Check first that its disk is mounted.",
)
@workers_option
@json_option
def command(bank: str, yes: bool, files_only: bool, missing_folders: bool, workers: int | None, as_json: bool) -> None:
    """List negatives and variants whose file is gone or damaged, and negatives whose source image is gone or has
    changed; with --yes, remove them. The next scan of an image brings its negatives back. What exists but cannot be
    read now is listed and kept.

    \b
    negmine bank prune
    negmine bank prune --files-only --yes
    """
    from negmine.bank.pruning import prune

    result = prune(bank, remove=yes, files_only=files_only, missing_folders=missing_folders, workers=workers)
    if as_json:
        print_json(result.to_dict())
    else:
        _render(result)


def _render(result: PruneResult) -> None:
    out = console()
    for each in result.prunable[:_ROWS]:
        say(out, _line(each))
    if len(result.prunable) > _ROWS:
        say(out, f"... and {len(result.prunable) - _ROWS} more; --json lists them all")
    what = counted(len(result.prunable), "negative or variant", "negatives and variants")
    end = "removed" if result.is_done else "would be removed; --yes removes them" if result.prunable else "to remove"
    say(out, f"{printable(result.bank)}: {what} {end}")
    judged = sum(each.state != "unreviewed" for each in result.prunable if not each.is_variant)
    if judged:
        say(out, f"{judged} of them judged; rejected and target will hold again for what a later scan finds there")
    for each in result.unreadable[:_ROWS]:
        say(out, f"kept: {_line(each)}")
    if len(result.unreadable) > _ROWS:
        say(out, f"... and {len(result.unreadable) - _ROWS} more that cannot be read now; --json lists them all")
    folders = Counter(printable(each.source.parent) for each in result.kept if each.source is not None)
    for folder, number in folders.most_common(_ROWS):
        say(out, f"kept: {counted(number, 'negative')} of {folder}, which is gone or empty; is a disk not mounted?")
    if result.kept:
        say(out, "--missing-folders --yes removes these too")


def _line(each: Groundless) -> str:
    from negmine.bank.pruning import GROUND_MEANINGS

    kind = "variant" if each.is_variant else "negative"
    source = "" if each.source is None else f": {printable(each.source)}"
    state = "" if each.state == "unreviewed" else f" ({each.state})"
    return f"{kind} {each.sha256[:_DIGITS]}{state}: {GROUND_MEANINGS[each.ground]}{source}"
