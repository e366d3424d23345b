"""A group whose commands are imported when they are used, so that `negmine --help` is there at once."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

import click


class LazyGroup(click.Group):
    """Command NAME is the attribute `command` of `negmine.cli.NAME`.

    Args:
        commands_help: name to one line of help, in the order in which they are shown.
        settings: all that a click group takes.
    """

    def __init__(self, *, commands_help: Mapping[str, str], **settings: object) -> None:
        super().__init__(**settings)  # type: ignore[arg-type]
        self._commands_help = commands_help

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of use."""
        return list(self._commands_help)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in self._commands_help:
            return None
        command: click.Command = importlib.import_module(f"negmine.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self._commands_help.items()))
