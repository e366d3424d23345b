"""Commands that are imported when they are used, and options that stand in named groups in `--help`."""

from __future__ import annotations

import importlib
import os
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from negmine.cli._settings import Default, Settings, check_sections, defaults_of, find_settings, key_of, replaced_by
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
    """An option that `--help` lists under the heading `group`.

    Its default may come from the environment, or from a file; see `negmine.cli._settings`.
    """

    def __init__(self, names: Sequence[str], *, group: str, formerly: str | None = None, **settings: Any) -> None:
        """Declare an option; `formerly` is a name of an earlier release, still taken and not shown."""
        super().__init__([*names, *([] if formerly is None else [formerly])], **settings)
        self.group = group
        self.shown = tuple(each for each in self.opts if each != formerly)

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """The names and the help, without a former name."""
        every, self.opts = self.opts, list(self.shown)
        try:
            return super().get_help_record(ctx)
        finally:
            self.opts = every

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        """What the environment has for this option; click's own names would be those of Python's parameters."""
        name = environment_name(command_words(ctx), self)
        return None if name is None else os.environ.get(name) or None

    def handle_parse_result(
        self, ctx: click.Context, opts: Mapping[str, Any], args: list[str]
    ) -> tuple[Any, list[str]]:
        """Take the value, and say where a wrong one is from."""
        try:
            return super().handle_parse_result(ctx, opts, args)
        except click.BadParameter as error:
            source, where = ctx.get_parameter_source(str(self.name)), None
            if source is ParameterSource.ENVIRONMENT:
                where = environment_name(command_words(ctx), self)
            elif source is ParameterSource.DEFAULT_MAP:
                where = defaults(ctx)[str(self.name)].where
            if where is None:
                raise
            raise click.BadParameter(f"{error.message} ({where})", ctx, self, error.param_hint) from error


class Command(click.Command):
    """A command whose help lists each group of options under its heading, in the order of declaration.

    An option that takes one value is refused where it is given twice; click takes the last without a word.
    """

    def __init__(self, *args: Any, **settings: Any) -> None:
        """Declare a command, which has `-h` and `--help` also where it is called without its group."""
        super().__init__(*args, **settings)
        self.context_settings.setdefault("help_option_names", ["-h", "--help"])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read a command line.

        Raises:
            UsageError: for an option that is given again.
        """
        if not ctx.resilient_parsing:
            _, _, given = self.make_parser(ctx).parse_args(list(args))
            options = [each for each in given if isinstance(each, click.Option)]
            _refuse_repeats(options, ctx)
            if not any(set(each.opts) & set(ctx.help_option_names) for each in options):
                _take_defaults(options, ctx)
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
            raise click.UsageError(f"Option '{_shown(each)}' is given {times} times; give it once.", ctx)
        other = next((one for one in given if one.name == each.name and one is not each), None)
        if other is not None:
            raise click.UsageError(f"Options '{_shown(each)}' and '{_shown(other)}' exclude each other.", ctx)


def _shown(option: click.Option) -> str:
    return option.shown[-1] if isinstance(option, Option) else option.opts[-1]


def command_words(ctx: click.Context) -> tuple[str, ...]:
    """The words of a command after `negmine`: `bank`, `list`."""
    words: list[str] = []
    while ctx.parent is not None:
        words.insert(0, ctx.info_name or "")
        ctx = ctx.parent
    return tuple(words)


def environment_name(words: Sequence[str], option: click.Option) -> str | None:
    """The environment variable of an option: `NEGMINE_BANK_LIST_LIMIT`."""
    key = key_of(option)
    if key is None or not words:
        return None
    return "_".join(("negmine", *words, key)).upper().replace("-", "_")


def settings_of(ctx: click.Context) -> Settings:
    """The file of defaults: that of `--config`, or that of the working folder; empty where no group was called."""
    root = ctx.find_root()
    if not isinstance(root.command, click.Group):
        return Settings()
    settings = find_settings(root.params.get("config"))
    check_sections(settings, root.command)
    return settings


def defaults(ctx: click.Context) -> Mapping[str, Default]:
    """What the file of defaults has for a command, by the name of the parameter."""
    return defaults_of(ctx.command, command_words(ctx), settings_of(ctx))


def _take_defaults(given: Sequence[click.Option], ctx: click.Context) -> None:
    """Let the file's values stand in the place of defaults, but for what the command line has an alternative to."""
    keys = frozenset(filter(None, map(key_of, given)))
    by_name = {each.name: key_of(each) for each in ctx.command.params if isinstance(each, click.Option)}
    ctx.default_map = {
        name: each.value for name, each in defaults(ctx).items() if not replaced_by(str(by_name[name]), keys)
    }


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
