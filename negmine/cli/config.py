"""`negmine config`."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

import click

from negmine.cli._command import Command, environment_name, settings_of
from negmine.cli._options import json_option
from negmine.cli._output import print_json
from negmine.cli._settings import (
    Default,
    Settings,
    defaults_of,
    every_command,
    key_of,
    keyed_options,
    refusal,
)
from negmine.errors import ConfigError
from negmine.paths import printable
from negmine.terminal import console, say
from negmine.words import did_you_mean

_SCHEMA_VERSION = 1
_PREFIX = "NEGMINE_"
_CONFIG = "NEGMINE_CONFIG"
_STATED = re.compile(r"\[default: ([^\]]+(?:\][^\]]+)*)\]\s*$")


@dataclass(frozen=True, slots=True)
class _Value:
    """A default: of which command and option, what it is, and where it comes from; None where it is negmine's own."""

    command: str
    option: str
    value: object
    where: str | None
    stated: str | None = None  # what the help says of a default that is no value
    refusal: str | None = None  # why a file may not set it

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        return {
            "command": self.command,
            "option": self.option,
            "value": self._plain,
            "from": self.where or "default",
            "stated": self.stated,
            "not_from_a_file": self.refusal,
        }

    @property
    def shown(self) -> str:
        """The value as TOML has it, or what stands for one."""
        if self._plain is None or self._plain == []:
            return printable(self.stated or "not set")
        return json.dumps(self._plain, ensure_ascii=False)

    @property
    def _plain(self) -> object:
        value = list(self.value) if isinstance(self.value, tuple) else self.value
        return value if isinstance(value, (bool, int, float, list, type(None))) else str(value)


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
    negmine config bank.list
    """
    words = tuple(word for text in words for word in text.split("."))
    settings, root = settings_of(ctx), ctx.find_root()
    assert isinstance(root.command, click.Group)
    every = dict(every_command(root.command))
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
        refused = "" if each.refusal is None else "; never from a file"
        say(out, f"{each.command} {each.option} = {printable(each.shown)}  ({where}{refused})")
    if not shown:
        say(out, "no default is set; `negmine config COMMAND` shows those of negmine")
    for name in unknown:
        say(console(stderr=True), f"warning: {name} is set, and no option has this name")


def _values(words: tuple[str, ...], found: click.Command, settings: Settings) -> Iterator[_Value]:
    """The default of each option; flags that exclude each other are one."""
    of_file, context, shown = defaults_of(found, words, settings), click.Context(found), set[str]()
    options = dict(keyed_options(found))
    for key, option in options.items():
        choices = _choices(option, options)
        if (name := "|".join(choices)) in shown:
            continue
        shown.add(name)
        own = next((each.get_default(context) for each in choices.values() if each.get_default(context)), None)
        if len(choices) == 1:
            own = option.get_default(context)
        own = None if isinstance(own, Enum) else own  # click's "unset"
        default = of_file.get(str(option.name)) or Default(own, "")
        value, where = default.value, default.where
        for each_key, each in choices.items():
            variable = environment_name(words, each)
            if variable and os.environ.get(variable):
                value, where = os.environ[variable] if len(choices) == 1 else each_key, variable
        stated = _STATED.search(option.help or "")
        yield _Value(
            " ".join(words), name, value, where or None, None if stated is None else stated[1], refusal(option, key)
        )


def _choices(option: click.Option, options: Mapping[str, click.Option]) -> dict[str, click.Option]:
    """An option with those that set the same in its place, such as --copy and --hardlink, by key."""
    return {key: each for key, each in options.items() if each.name == option.name and not _is_alone(each)} or {
        str(key_of(option)): option
    }


def _is_alone(option: click.Option) -> bool:
    return not option.is_flag or bool(option.is_bool_flag)


def _unknown_variables(every: dict[tuple[str, ...], click.Command]) -> list[str]:
    """Variables that look like those of options, and are of none."""
    known = {environment_name(words, each) for words, found in every.items() for _, each in keyed_options(found)}
    return sorted(name for name in os.environ if name.startswith(_PREFIX) and name not in known and name != _CONFIG)
