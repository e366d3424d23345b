"""`negmine bank sheet`."""

from __future__ import annotations

import click

from negmine.bank.filters import NegativeFilter, Sort
from negmine.cli._command import Command, option
from negmine.cli._options import bank_option, json_option
from negmine.cli._output import print_json, say_skipped
from negmine.cli.bank._selection import filter_options, sort_option
from negmine.paths import printable
from negmine.terminal import console, say
from negmine.words import counted


@click.command("sheet", cls=Command)
@bank_option
@filter_options
@sort_option
@option(
    "Output",
    "--hardest",
    "--limit",
    "limit",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    metavar="N",
    help="How many, the first in the order of --sort.",
)
@option("Output", "--out", required=True, metavar="FILE", help="A .png or .jpg; an existing image is replaced.")
@json_option
def command(bank: str, which: NegativeFilter, sort: Sort, limit: int, out: str, as_json: bool) -> None:
    """Draw negatives on one sheet, hardest first: each with the boxes of its false positives, and its ID, score,
    verdict and class beneath. The sign in the corner is a tick for accepted, a cross for rejected, a ring for target.

    \b
    negmine bank sheet --out sheet.png --hardest 20
    negmine bank sheet --out dogs.png --class dog --state unreviewed
    """
    from negmine.bank.bank import Bank
    from negmine.bank.pictures import write_sheet

    with Bank(bank) as opened:
        result = write_sheet(opened, out, which, sort, limit=limit)
    if as_json:
        print_json(result.to_dict())
        return
    say(console(), f"{result.drawn} of {counted(result.found, 'negative')} drawn on {printable(result.out)}")
    say_skipped(result.unreadable, "negative")
