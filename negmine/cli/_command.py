"""Commands that are imported when they are used, and options that stand in named groups in `--help`."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from negmine.errors import ConfigError

_F = TypeVar("_F", bound=Callable[..., object])


class LazyGroup(click.Group):
    """A group whose command NAME is the attribute `command` of `PACKAGE.NAME`, so that `negmine --help` is fast.

    Args:
        commands_help: name to one line of help, in the order in which they are shown.
        package: that the commands are in.
        settings: whatever a click group takes.
    """

    def __init__(self, *, commands_help: Mapping[str, str], package: str = "negmine.cli", **settings: object) -> None:
        super().__init__(**settings)  # type: ignore[arg-type]
        self._commands_help = commands_help
        self._package = package

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of use."""
        return list(self._commands_help)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in self._commands_help:
            return None
        command: click.Command = importlib.import_module(f"{self._package}.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self._commands_help.items()))


class Option(click.Option):
    """An option that `--help` lists under the heading `group`."""

    def __init__(self, *names: Any, group: str, **settings: Any) -> None:
        super().__init__(*names, **settings)
        self.group = group


class Command(click.Command):
    """A command whose help lists each group of options under its heading, in the order of declaration.

    An option that takes one value is refused where it is given twice; click takes the last without a word.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read a command line.

        Raises:
            UsageError: for an option that is given again.
        """
        if not ctx.resilient_parsing:
            _, _, given = self.make_parser(ctx).parse_args(list(args))
            _refuse_repeats([each for each in given if isinstance(each, click.Option)], ctx)
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the groups; `--help` itself comes last."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record is not None:
                groups.setdefault(getattr(parameter, "group", "Help"), []).append(record)
        groups["Help"] = groups.pop("Help")
        for group, records in groups.items():
            with formatter.section(group):
                formatter.write_dl(records)


def _refuse_repeats(given: Sequence[click.Option], ctx: click.Context) -> None:
    """Raise UsageError for an option of one value that is given again, and for two that set the same value."""
    for each, times in Counter(given).items():
        if times > 1 and not (each.multiple or each.count or each.is_flag):
            raise click.UsageError(f"Option '{each.opts[-1]}' is given {times} times; give it once.", ctx)
        other = next((one for one in given if one.name == each.name and one is not each), None)
        if other is not None:
            raise click.UsageError(f"Options '{each.opts[-1]}' and '{other.opts[-1]}' exclude each other.", ctx)


def require_alone(ctx: click.Context, name: str, beside: str, allowed: Collection[str]) -> None:
    """Refuse options of the command line that mean nothing beside another.

    Args:
        ctx: of the command.
        name: of that other option.
        beside: what may be given with it, for people.
        allowed: names of the parameters that may be.

    Raises:
        ConfigError: naming those that were given.
    """
    given = [
        each.opts[0]
        for each in ctx.command.params
        if each.name is not None
        and each.name not in allowed
        and ctx.get_parameter_source(each.name) is ParameterSource.COMMANDLINE
    ]
    if given:
        raise ConfigError(f"expected {name} with {beside} alone, found {', '.join(dict.fromkeys(given))}; leave it out")


def option(group: str, *names: str, **settings: Any) -> Callable[[_F], _F]:
    """`click.option`, in a group."""
    return click.option(*names, cls=Option, group=group, **settings)


def options(*declared: Callable[[_F], _F]) -> Callable[[_F], _F]:
    """Several options as one decorator, in the order in which they are written."""

    def decorate(command: _F) -> _F:
        for each in reversed(declared):
            command = each(command)
        return command

    return decorate
