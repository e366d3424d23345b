"""`negmine bank`: look at what is banked, decide about it, and keep it in order."""

from __future__ import annotations

import click

from negmine.cli._command import LazyGroup

_COMMANDS = {
    "list": "List negatives, hardest first.",
    "show": "Show all that is known about one negative.",
    "sheet": "Draw many negatives on one sheet.",
    "accept": "Confirm that negatives show no target.",
    "reject": "Keep negatives out of exports and training.",
    "target": "Mark negatives that show a target without a label.",
    "undo": "Take back a verdict.",
    "compare": "Find likely targets without labels, clusters and places.",
    "stats": "Count negatives by class, verdict, run and folder.",
    "merge": "Add the negatives and verdicts of other banks.",
    "prune": "Remove negatives whose file or source is gone.",
    "vacuum": "Shrink the database by its unused space.",
}


@click.group("bank", cls=LazyGroup, commands_help=_COMMANDS, package="negmine.cli.bank")
def command() -> None:
    """Look at the negatives of a bank, judge them, and keep the bank in order.

    \b
    negmine bank list --state unreviewed
    negmine bank reject 3fa1b2c
    """
