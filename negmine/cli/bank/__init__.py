"""`negmine bank`: look at what is banked, decide about it, and keep it in order."""

from __future__ import annotations

import click

from negmine.cli._command import LazyGroup

_COMMANDS = {
    "list": "List negatives, hardest first.",
    "show": "Show what is known of one negative.",
    "sheet": "Draw negatives as one image.",
    "accept": "Say that negatives hold no target.",
    "reject": "Keep negatives out of exports and training.",
    "target": "Say that negatives show a target without a label.",
    "undo": "Take back what was decided.",
    "compare": "Find likely targets without labels, clusters and places.",
    "stats": "Count negatives by class, verdict, run and folder.",
    "merge": "Add the negatives and verdicts of other banks.",
    "prune": "Remove negatives whose file or source is gone.",
    "vacuum": "Give unused space back to the disk.",
}


@click.group("bank", cls=LazyGroup, commands_help=_COMMANDS, package="negmine.cli.bank")
def command() -> None:
    """Look at the negatives of a bank, decide about them, and keep the bank in order.

    \b
    negmine bank list --state unreviewed
    negmine bank reject 3fa1b2c
    """
