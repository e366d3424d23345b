"""`negmine bank list`."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from negmine.bank.filters import NegativeFilter, Sort
from negmine.cli._command import Command, option
from negmine.cli._options import bank_option, json_option
from negmine.cli._output import print_json, table
from negmine.cli.bank._selection import filter_options, sort_option
from negmine.csv_cells import to_cell
from negmine.paths import printable
from negmine.terminal import console, say
from negmine.words import counted

if TYPE_CHECKING:
    from negmine.bank.gaps import Gap, GapListing
    from negmine.bank.listing import ListedNegative, Listing

_ROWS = 20  # of the table, unless asked for more
_CLASS, _SOURCE = 16, 32  # characters that fit beside the other columns into 80
_MEASURED = ("unlabelled", "cluster")  # orders with a column of their own
_COLUMNS = ("id", "score", "class", "state", "source", "x1", "y1", "x2", "y2", "width", "height", "file",
            "source_sha256", "unlabelled", "cluster", "place")  # fmt: skip
_GAP_COLUMNS = ("id", "score", "class", "state", "source", "x1", "y1", "x2", "y2", "width", "height", "source_sha256")


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
@option(
    "Which negatives",
    "--gaps",
    is_flag=True,
    help="List likely misses instead: gaps in the tracks of a video, from `negmine scan --flicker`.",
)
@option("Output", "--csv", "as_csv", is_flag=True, help="Print all columns as CSV, whole hashes first.")
@json_option
def command(
    bank: str, which: NegativeFilter, sort: Sort, limit: int | None, gaps: bool, as_csv: bool, as_json: bool
) -> None:
    """List the negatives of a bank, hardest first: the short hash that names each, its score, class and verdict, and
    the image that it was cut from. In a pipe, each is one line of these, with tabs between them: what `negmine bank
    accept -` reads.

    \b
    negmine bank list --state unreviewed --min-score 0.5
    negmine bank list --class dog --csv
    negmine bank list --gaps --bank video-bank
    """
    from negmine.bank.bank import Bank
    from negmine.bank.gaps import list_gaps
    from negmine.bank.listing import list_negatives

    if as_csv and as_json:
        raise click.UsageError("expected --csv or --json, found both")
    if gaps and sort != "score":
        raise click.UsageError(f"expected --sort score with --gaps, found {sort}")
    most = (_ROWS if limit is None and not (as_csv or as_json) else limit) or None
    columns: tuple[str, ...]
    with Bank(bank) as opened:
        if gaps:
            found = list_gaps(opened, which, limit=most)
            rows, summary = [_gap_cells(row, found.digits) for row in found.rows], _gap_summary(found)
            columns, document = _GAP_COLUMNS, found.to_dict()
        else:
            listing = list_negatives(opened, which, sort, limit=most)
            rows, summary = [_cells(row, listing.digits, sort) for row in listing.rows], _summary(listing)
            columns, document = _COLUMNS, listing.to_dict()
    if as_json:
        print_json(document)
    elif as_csv:
        click.echo(_csv(document["likely_misses" if gaps else "negatives"], columns), nl=False)
    elif console().is_terminal:
        _print_table(rows, sort)
        say(console(), summary)
    else:
        for row in rows:
            click.echo("\t".join(row))
        say(console(stderr=True), summary)


def _print_table(cells: Sequence[list[str]], sort: Sort) -> None:
    if not cells:
        return
    measured = [sort] if sort in _MEASURED else []
    rows = table("", ("id", "score", "class", "verdict", *measured, "source"), plain=True)
    rows.title = None
    for column in rows.columns[2:]:
        column.justify = "left"
    for sha256, score, class_name, *between, source in cells:
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


def _gap_cells(row: Gap, digits: int) -> list[str]:
    """What is printed of a likely miss."""
    from negmine.bank.gaps import GAP_MARK

    name = f"{GAP_MARK}{row.sha256[:digits]}"
    return [name, f"{row.score:.2f}", printable(row.class_name), row.state, printable(row.source)]


def _gap_summary(listing: GapListing) -> str:
    if not listing.found:
        return "no likely miss matches; they come from `negmine scan VIDEO --flicker`"
    more = "; --limit 0 lists all" if len(listing.rows) < listing.found else ""
    return f"{len(listing.rows)} of {counted(listing.found, 'likely miss', 'likely misses')}{more}"


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


def _csv(rows: Any, columns: Sequence[str]) -> str:
    """All columns. No cell is a formula to a spreadsheet: names come from anywhere."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        corners = row.pop("rectangle", None) or row.pop("box")
        rectangle = dict(zip(("x1", "y1", "x2", "y2"), corners, strict=True))
        writer.writerow({name: to_cell(value) for name, value in {**row, **rectangle}.items()})
    return text.getvalue()
