"""`negmine bank list`."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import click

from negmine.bank.filters import NegativeFilter, Sort
from negmine.cli._command import Command, option
from negmine.cli._options import bank_option, json_option
from negmine.cli._output import print_json, table
from negmine.cli.bank._selection import filter_options, sort_option
from negmine.paths import printable
from negmine.terminal import console, say
from negmine.words import counted

if TYPE_CHECKING:
    from negmine.bank.listing import ListedNegative, Listing

_ROWS = 20  # of the table, unless asked for more
_CLASS, _SOURCE = 16, 32  # characters that fit beside the other columns into 80
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # with which a spreadsheet's formulas begin


@click.command("list", cls=Command)
@bank_option
@filter_options
@sort_option
@option(
    "Output",
    "--limit",
    type=click.IntRange(min=0),
    metavar="N",
    help=f"How many at most, 0 for all.  [default: {_ROWS} in the table, all with --json or --csv]",
)
@option("Output", "--csv", "as_csv", is_flag=True, help="Print all columns as CSV, whole hashes first.")
@json_option
def command(bank: str, which: NegativeFilter, sort: Sort, limit: int | None, as_csv: bool, as_json: bool) -> None:
    """List the negatives of a bank, hardest first: a short hash to name each by, what it was taken for, what a person
    said of it, and the image that it was cut from.

    \b
    negmine bank list --state unreviewed --min-score 0.5
    negmine bank list --class dog --csv
    """
    from negmine.bank.bank import Bank
    from negmine.bank.listing import list_negatives

    if as_csv and as_json:
        raise click.UsageError("expected --csv or --json, found both")
    asked = _ROWS if limit is None and not (as_csv or as_json) else limit
    with Bank(bank) as opened:
        listing = list_negatives(opened, which, sort, limit=asked or None)
    if as_json:
        print_json(listing.to_dict())
    elif as_csv:
        click.echo(_csv(listing), nl=False)
    else:
        _render(listing, sort)


def _render(listing: Listing, sort: Sort) -> None:
    measured = sort if sort in ("unlabelled", "cluster") else None
    rows = table("", ("id", "score", "class", "verdict", *([measured] if measured else []), "source"), plain=True)
    rows.title = None
    for column in rows.columns[2:]:
        column.justify = "left"
    for row in listing.rows:
        negative = row.negative
        rows.add_row(
            negative.sha256[: listing.digits],
            f"{negative.score:.2f}",
            _cut(printable(negative.class_name), _CLASS),
            negative.review,
            *([_measure(row, sort)] if measured else []),
            _end(printable(negative.source), _SOURCE - (11 if measured else 0)),
        )
    out = console()
    if listing.rows:
        out.print(rows)
    if not listing.found:
        say(out, "no negative matches; `negmine bank stats` shows classes, verdicts, runs and folders")
        return
    shown = f"{len(listing.rows)} of {counted(listing.found, 'negative')}"
    more = "; --limit 0 lists all" if len(listing.rows) < listing.found else ""
    say(out, f"{shown}{more}")


def _measure(row: ListedNegative, sort: Sort) -> str:
    value = row.likeness.unlabelled if sort == "unlabelled" else row.likeness.cluster
    return "-" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _end(text: str, most: int) -> str:
    return text if len(text) <= most else f"...{text[3 - most :]}"


def _csv(listing: Listing) -> str:
    """All columns. No cell is a formula to a spreadsheet: names come from anywhere."""
    text = io.StringIO()
    rows = [row.to_dict() for row in listing.rows]
    head = ("id", "score", "class", "state", "source", "x1", "y1", "x2", "y2", "width", "height", "file",
            "source_sha256", "unlabelled", "cluster", "place")  # fmt: skip
    writer = csv.DictWriter(text, head, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        rectangle = dict(zip(("x1", "y1", "x2", "y2"), row.pop("rectangle"), strict=True))  # type: ignore[call-overload]
        writer.writerow({name: _harmless(value) for name, value in {**row, **rectangle}.items()})
    return text.getvalue()


def _harmless(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
