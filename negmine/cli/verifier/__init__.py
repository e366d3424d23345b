"""`negmine verifier`: a group of commands."""

from __future__ import annotations

import click

from negmine.cli._command import LazyGroup

_COMMANDS = {
    "train": "Train a verifier on true and false positives of a detector.",
    "export": "Write a detector and its verifier as one ONNX graph.",
}


@click.group("verifier", cls=LazyGroup, commands_help=_COMMANDS, package="negmine.cli.verifier")
def command() -> None:
    """Train a second stage that looks at each detection again, and lowers the scores of false positives.

    \b
    negmine verifier train --weights best.pt --data data.yaml --bank negmine-bank --out verifier.safetensors
    negmine scan streets/ --weights best.pt --verifier verifier.safetensors
    negmine verifier export --weights best.pt --verifier verifier.safetensors --out best.onnx
    """
