"""Verdicts that contradict each other: the option that says which holds, and how they are told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from negmine.bank.filters import CONFLICT_RULES
from negmine.cli._command import option
from negmine.paths import printable
from negmine.terminal import say
from negmine.words import counted

if TYPE_CHECKING:
    from rich.console import Console

    from negmine.bank.settling import Conflict

_LISTED = 10  # --json has all
_DIGITS = 10  # of a hash

conflicts_option = option(
    "Bank",
    "--conflicts",
    type=click.Choice(CONFLICT_RULES),
    default="safer",
    show_default=True,
    help="Which verdict holds where they differ: the safer (target, then rejected, then accepted), own or theirs.",
)


def say_conflicts(out: Console, conflicts: Sequence[Conflict]) -> None:
    """Print the first of them, and how many more there are."""
    for each in conflicts[:_LISTED]:
        there = "there" if each.where is None else f"in {printable(each.where)}"
        said = f"{each.own} here, {each.theirs} {there}; {each.kept} holds"
        say(out, f"conflict about {each.sha256[:_DIGITS]}: {said}")
    if len(conflicts) > _LISTED:
        say(out, f"... and {counted(len(conflicts) - _LISTED, 'more conflict')}; --json names them all")
