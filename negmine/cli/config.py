"""`negmine config`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import click

from negmine.cli._command import Command, environment_name, settings_of
from negmine.cli._options import json_option
from negmine.cli._output import print_json
from negmine.cli._settings import Default, Settings, defaults_of, keyed_options
from negmine.errors import ConfigError
from negmine.paths import printable
from negmine.terminal import console, say
from negmine.words import did_you_mean

_SCHEMA_VERSION = 1
_PREFIX = "NEGMINE_"
_CONFIG = "NEGMINE_CONFIG"


@dataclass(frozen=True, slots=True)
class _Value:
    """A default: of which command and option, what it is, and where it comes from; None where it is negmine's own."""

    command: str
    option: str
    value: object
    where: str | None

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        value = self.value if isinstance(self.value, (bool, int, float, list, type(None))) else str(self.value)
        return {"command": self.command, "option": self.option, "value": value, "from": self.where or "default"}


@click.command("config", cls=Command)
@click.argument("words", nargs=-1, metavar="[COMMAND]...")
@json_option
@click.pass_context
def command(ctx: click.Context, words: tuple[str, ...], as_json: bool) -> None:
    """Show the defaults that a file or the environment sets, and where each comes from; with COMMAND, all of its own.

    An option on the command line wins, then NEGMINE_COMMAND_OPTION in the environment, then the file.

    \b
    negmine config
    negmine config scan
    """
    settings, root = settings_of(ctx), ctx.find_root()
    assert isinstance(root.command, click.Group)
    every = dict(_commands(root.command, ()))
    if words and words not in every:
        name = " ".join(words)
        raise ConfigError(f"negmine has no command {name!r}{did_you_mean(name, map(' '.join, every))}")
    values = [each for name, found in every.items() for each in _values(name, found, settings)]
    shown = [each for each in values if each.command == " ".join(words)] if words else values
    shown = [each for each in shown if words or each.where is not None]
    unknown = _unknown_variables(every)
    if as_json:
        print_json(
            {
                "schema_version": _SCHEMA_VERSION,
                "file": None if settings.path is None else printable(settings.path),
                "values": [each.to_dict() for each in shown],
                "unknown_variables": unknown,
            }
        )
    else:
        _render(settings, shown, unknown)


def _render(settings: Settings, shown: list[_Value], unknown: list[str]) -> None:
    out = console()
    say(out, f"file: {'none' if settings.path is None else printable(settings.path)}")
    for each in shown:
        where = "default" if each.where is None else each.where
        value = "not set" if each.value is None or each.value == () else printable(str(each.value))
        say(out, f"{each.command} {each.option} = {value}  ({where})")
    if not shown:
        say(out, "no default is set; `negmine config COMMAND` shows those of negmine")
    for name in unknown:
        say(console(stderr=True), f"warning: {name} is set, and no option has this name")


def _commands(group: click.Group, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """All commands with options, by their words."""
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        if isinstance(found, click.Group):
            yield from _commands(found, (*words, name))
        elif found is not None:
            yield (*words, name), found


def _values(words: tuple[str, ...], found: click.Command, settings: Settings) -> Iterator[_Value]:
    of_file, context = defaults_of(found, words, settings), click.Context(found)
    for key, option in keyed_options(found):
        name = environment_name(words, option)
        own = option.get_default(context)
        default = of_file.get(str(option.name)) or Default(
            None if isinstance(own, Enum) else own, ""
        )  # click's "unset"
        value, where = (os.environ[name], name) if name and os.environ.get(name) else (default.value, default.where)
        yield _Value(" ".join(words), key, value, where or None)


def _unknown_variables(every: dict[tuple[str, ...], click.Command]) -> list[str]:
    """Variables that look like those of options, and are of none."""
    known = {environment_name(words, each) for words, found in every.items() for _, each in keyed_options(found)}
    return sorted(name for name in os.environ if name.startswith(_PREFIX) and name not in known and name != _CONFIG)
