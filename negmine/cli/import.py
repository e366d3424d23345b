"""`negmine import`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from negmine.bank.filters import ConflictRule
from negmine.cli._command import Command
from negmine.cli._options import bank_option, json_option
from negmine.cli._output import print_json, quoted, say_skipped
from negmine.cli.bank._conflicts import conflicts_option, say_conflicts
from negmine.cli.bank._selection import named
from negmine.errors import TruthError
from negmine.paths import printable
from negmine.terminal import console, say
from negmine.words import counted

if TYPE_CHECKING:
    from negmine.importing.result import ImportFileResult

_DIGITS = 10  # of a hash
_NAMED = 10  # negatives


@click.command("import", cls=Command)
@click.argument("file")
@bank_option
@conflicts_option
@json_option
def command(file: str, bank: str, conflicts: ConflictRule, as_json: bool) -> None:
    """Take up verdicts and labels that were made in another tool.

    FILE is a CSV of hashes and verdicts, the JSON export of Label Studio, CVAT for images (XML), COCO (JSON), or the
    samples.json of FiftyOne. A verdict is accepted, rejected or target: a column of a CSV, a choice, or a tag. A
    negative that shows a labelled object is withdrawn. Importing again changes nothing.

    \b
    negmine import verdicts.csv
    negmine import label-studio.json --bank negmine-bank --conflicts theirs
    """
    from negmine.importing.import_file import import_file

    result = import_file(file, bank, conflicts=conflicts)
    if as_json:
        print_json(result.to_dict())
    if result.is_useless:
        raise TruthError(_refusal(result))
    if not as_json:
        _render(result)


def _refusal(result: ImportFileResult) -> str:
    (what, reason), *more = result.skipped
    others = f", and {counted(len(more), 'more entry', 'more entries')} (--json names them all)" if more else ""
    return (
        f"{printable(result.file)} ({result.format}): expected images of bank {printable(result.bank)}, found none "
        f"that can be used: {printable(what)}: {printable(reason)}{others}; correct the file, or name its bank with "
        "--bank"
    )


def _render(result: ImportFileResult) -> None:
    out = console()
    nothing = f", {result.silent} of them without a label or verdict" if result.silent else ""
    say(out, f"{printable(result.file)}: {result.format}, {counted(result.entries, 'image')}{nothing}")
    if result.labelled or result.unchanged:
        images = counted(result.labelled + result.unchanged, "image")
        say(out, f"labels of {images} with {counted(result.objects, 'object')}; {result.unchanged} known before")
    verdicts = ", ".join(f"{number} {state}" for state, number in result.verdicts.items())
    say(out, f"{counted(sum(result.verdicts.values()), 'verdict')} changed{f': {verdicts}' if verdicts else ''}")
    if result.withdrawn:
        gone = counted(len(result.withdrawn), "negative")
        say(out, f"{gone} withdrawn for a labelled object inside: {named(result.withdrawn, _DIGITS)}")
    if result.unexplained:
        marked = counted(len(result.unexplained), "negative")
        say(out, f"{marked} marked as a target where the labels have no object: {named(result.unexplained, _DIGITS)}")
        hashes = [sha256[:_DIGITS] for sha256 in result.unexplained[:_NAMED]]
        accept = quoted("negmine", "bank", "accept", "--bank", result.bank, *hashes)
        say(out, f"next: {accept}, if the labels are right; if not, label the target and import again")
    say_conflicts(out, result.conflicts)
    for number, what in ((len(result.unmatched), "without an image in the bank"), (len(result.unusable), "unusable")):
        if number:
            say(out, f"{counted(number, 'entry', 'entries')} {what}")
    if result.unplaced:
        entries = counted(len(result.unplaced), "entry", "entries")
        say(out, f"{entries} with objects that cannot be placed: the negatives left of its image are marked as targets")
    say_skipped([(f"an object of {what}", reason) for what, reason in result.unplaced], "object")
    say_skipped(result.skipped, "image")
    if result.labelled and result.objects:
        say(
            out,
            f"next: repeat the `negmine scan` of these images, with --bank {quoted(result.bank)} and the weights and "
            "options that it had; it cuts negatives beside the labelled objects",
        )
