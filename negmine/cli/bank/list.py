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
_MEASURED = ("unlabelled", "cluster")  # orders with a column of their own
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
    help=f"How many at most, 0 for all.  [default: {_ROWS}, all with --json or --csv]",
)
@option("Output", "--csv", "as_csv", is_flag=True, help="Print all columns as CSV, whole hashes first.")
@json_option
def command(bank: str, which: NegativeFilter, sort: Sort, limit: int | None, as_csv: bool, as_json: bool) -> None:
    """List the negatives of a bank, hardest first: the short hash that names each, its score, class and verdict, and
    the image that it was cut from. In a pipe, each is one line of these, with tabs between them: what `negmine bank
    accept -` reads.

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
    elif console().is_terminal:
        _print_table(listing, sort)
        say(console(), _summary(listing))
    else:
        for row in listing.rows:
            click.echo("\t".join(_cells(row, listing.digits, sort)))
        say(console(stderr=True), _summary(listing))


def _print_table(listing: Listing, sort: Sort) -> None:
    if not listing.rows:
        return
    measured = [sort] if sort in _MEASURED else []
    rows = table("", ("id", "score", "class", "verdict", *measured, "source"), plain=True)
    rows.title = None
    for column in rows.columns[2:]:
        column.justify = "left"
    for row in listing.rows:
        sha256, score, class_name, *between, source = _cells(row, listing.digits, sort)
        end = _end(source, _SOURCE - (11 if measured else 0))
        rows.add_row(sha256, score, _cut(class_name, _CLASS), *between, end)
    console().print(rows)


def _cells(row: ListedNegative, digits: int, sort: Sort) -> list[str]:
    """What is printed of a negative."""
    from negmine.trainable import is_held_back

    negative = row.negative
    return [
        negative.sha256[:digits],
        f"{negative.score:.2f}",
        printable(negative.class_name),
        "held back" if is_held_back(negative) else negative.review,
        *([_measure(row, sort)] if sort in _MEASURED else []),
        printable(negative.source),
    ]


def _summary(listing: Listing) -> str:
    if not listing.found:
        return "no negative matches; `negmine bank stats` shows the classes, verdicts, runs and folders that there are"
    more = "; --limit 0 lists all" if len(listing.rows) < listing.found else ""
    return f"{len(listing.rows)} of {counted(listing.found, 'negative')}{more}"


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
