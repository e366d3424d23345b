"""`negmine bank vacuum`."""

from __future__ import annotations

import click

from negmine.cli._command import Command
from negmine.cli._options import bank_option, json_option
from negmine.cli._output import print_json
from negmine.paths import printable
from negmine.terminal import console, say


@click.command("vacuum", cls=Command)
@bank_option
@json_option
def command(bank: str, as_json: bool) -> None:
    """Shrink bank.db by the space that deleted rows left. A copy is written first, so the disk needs room for one.

    \b
    negmine bank vacuum --bank negmine-bank
    """
    from negmine.bank.vacuuming import vacuum

    result = vacuum(bank)
    if as_json:
        print_json(result.to_dict())
        return
    before, after = (f"{size / 2**20:.1f} MiB" for size in (result.before, result.after))
    say(console(), f"{printable(result.bank)}: bank.db is {after}, was {before}")
