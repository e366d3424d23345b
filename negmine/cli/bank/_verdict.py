"""What `negmine bank accept`, `reject`, `target` and `undo` share."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import click

from negmine.bank.filters import ReviewState
from negmine.cli._command import Command
from negmine.cli._options import bank_option, json_option
from negmine.cli._output import print_json
from negmine.cli.bank._selection import found_all, named
from negmine.errors import ConfigError
from negmine.paths import printable
from negmine.terminal import console, say
from negmine.words import counted

if TYPE_CHECKING:
    from negmine.bank.records import Negative
    from negmine.bank.verdicts import Act, Verdicts

_F = TypeVar("_F", bound=Callable[..., object])

ORIGIN = "bank"  # of acts that are decided here
_SCHEMA_VERSION = 1
_STDIN = "-"
_ID = re.compile(r"[gG]?[0-9a-fA-F]{4,64}")  # as `find` and `find_gaps` take it
_DONE: Mapping[ReviewState, str] = {
    "accepted": "accepted",
    "rejected": "rejected",
    "target": "marked as a target without a label",
    "unreviewed": "unreviewed again",
}
_GAP_DONE: Mapping[ReviewState, str] = {
    "target": "confirmed as targets to label",
    "rejected": "rejected: nothing was missed there",
    "unreviewed": "undecided",
}
_ALREADY = {**_DONE, "unreviewed": "unreviewed"}


def verdict_command(name: str, state: ReviewState, text: str) -> click.Command:
    """A command that stores a verdict on the negatives that it is given.

    Args:
        name: of the command.
        state: the verdict.
        text: its help.
    """

    @click.command(name, cls=Command, help=text)
    @ids_argument(required=True)
    @bank_option
    @json_option
    def command(bank: str, ids: tuple[str, ...], as_json: bool) -> None:
        from negmine.bank.verdicts import Verdicts

        with Verdicts(bank) as verdicts:
            asked = given(ids)
            if of_gaps(asked):
                judge_gaps(verdicts, asked, state, as_json=as_json)
                return
            numbers = found_all(verdicts, asked)
            act = verdicts.decide(numbers, state, origin=ORIGIN)
            report(verdicts, act, state, asked=numbers, as_json=as_json)

    return command


def ids_argument(*, required: bool) -> Callable[[_F], _F]:
    """The arguments `ID...`."""
    return click.argument("ids", nargs=-1, required=required, metavar="ID..." if required else "[ID...]")


def given(ids: Sequence[str]) -> list[str]:
    """The beginnings of hashes on the command line; `-` stands for those on stdin.

    A line of stdin begins with one, and may go on after a comma or a blank, as those of `negmine bank list` do.
    """
    found: list[str] = []
    for each in ids:
        found += _lines() if each == _STDIN else [each]
    if not found:
        raise ConfigError("expected IDs on stdin, one per line, found none")
    return found


def of_gaps(prefixes: Sequence[str]) -> bool:
    """Whether the IDs are those of likely misses, which begin with g.

    Raises:
        ConfigError: where some are, and others are of negatives.
    """
    from negmine.bank.gaps import is_gap_name

    marked = [is_gap_name(each) for each in prefixes]
    if any(marked) and not all(marked):
        raise ConfigError("expected IDs of negatives or of likely misses (g...), found both; give one command for each")
    return any(marked)


def judge_gaps(verdicts: Verdicts, prefixes: Sequence[str], state: ReviewState, *, as_json: bool) -> None:
    """Store a verdict on likely misses, and print what it changed.

    Args:
        verdicts: the bank.
        prefixes: the beginnings of their IDs.
        state: the verdict.
        as_json: print a document.
    """
    from negmine.bank.gaps import GAP_MARK, find_gaps, gap_digits, likely_misses

    every = likely_misses(verdicts)
    asked = {gap.id: gap.sha256 for gap in find_gaps(every, prefixes, verdicts.folder)}
    changed = verdicts.judge_gaps(asked, state)
    if as_json:
        rows = [{"id": f"{GAP_MARK}{gap.sha256}", "state": state} for gap in changed]
        unchanged = len(asked) - len(changed)
        print_json({"schema_version": _SCHEMA_VERSION, "act": None, "changed": rows, "unchanged": unchanged})
        return
    names = named((f"{GAP_MARK}{gap.sha256}" for gap in changed), gap_digits(every) + 1)
    if changed:
        say(console(), f"{_misses(len(changed))} {_GAP_DONE[state]}: {names}")
    if len(asked) > len(changed):
        say(console(), f"{_misses(len(asked) - len(changed))} already {_GAP_DONE[state]}")


def _misses(count: int) -> str:
    return counted(count, "likely miss", "likely misses")


def _lines() -> list[str]:
    rows = [line.replace(",", " ").split() for line in sys.stdin or ()]
    found = []
    for number, words in enumerate(rows, start=1):
        if not words or words[0] == "id":  # the head of a CSV
            continue
        if not _ID.fullmatch(words[0]):
            raise ConfigError(
                f"expected an ID at the start of line {number} of stdin, found {printable(words[0][:40])!r}; "
                "`negmine bank list`, in a pipe, prints lines that begin with one"
            )
        found.append(words[0])
    return found


def print_changed(act: Act | None, changed: Sequence[Negative], *, unchanged: int) -> None:
    """Print the `--json` document of a decision, or of one that was taken back."""
    print_json(
        {
            "schema_version": _SCHEMA_VERSION,
            "act": None if act is None else act.id,
            "changed": [{"id": each.sha256, "state": each.review} for each in changed],
            "unchanged": unchanged,
        }
    )


def report(verdicts: Verdicts, act: Act | None, state: ReviewState, *, asked: Sequence[int], as_json: bool) -> None:
    """Print what a decision changed.

    Args:
        verdicts: the bank.
        act: the decision; None where it changed nothing.
        state: what was decided.
        asked: the numbers of the negatives that it was about.
        as_json: print a document.
    """
    from negmine.bank.browsing import digits, in_order

    of_act = set(act.negatives) if act is not None else set()
    changed = in_order(verdicts, [number for number in asked if number in of_act])
    if as_json:
        print_changed(act, changed, unchanged=len(asked) - len(changed))
        return
    out = console()
    if changed:
        names = named((each.sha256 for each in changed), digits(verdicts))
        say(out, f"{counted(len(changed), 'negative')} {_DONE[state]}: {names}")
    if len(asked) > len(changed):
        say(out, f"{counted(len(asked) - len(changed), 'negative')} already {_ALREADY[state]}")
