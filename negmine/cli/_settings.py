"""Defaults of options from `negmine.toml`, or from `[tool.negmine]` of `pyproject.toml`.

Such a file may come with a folder of somebody else's. What it says is data: it never makes negmine run code, fetch or
send anything, listen to others, or remove or replace a file. Options that would are named in one list here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click

from negmine.errors import ConfigError
from negmine.files import read_regular, reason_of
from negmine.paths import printable
from negmine.words import did_you_mean

FILE = "negmine.toml"
SHARED = "defaults"  # the section of what every command takes that has the option
_PYPROJECT = "pyproject.toml"
_TABLE = ("tool", "negmine")
_LARGEST = 1 << 20  # bytes of a file

_FROM_THE_USER_ALONE: Mapping[str, str] = {
    "trust-weights": "it lets weights run code",
    "set": "it reaches every setting of the framework",
    "log": "it may send figures to others",
    "yes": "it removes files",
    "repair": "it removes files",
    "remove": "it removes files",
    "into": "it changes a data set",
    "thresholds": "it may replace a file",
    "host": "it lets others in",
    "token": "it lets others in",
    "json": "it changes what programs read",
}
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")  # not of a drive: torchvision:NAME, rtsp://...
# Where one of these is on the command line, a file's defaults for the others do not count.
_INSTEAD: Sequence[frozenset[str]] = (
    frozenset({"weights", "predictions"}),
    frozenset({"steps", "epochs", "budget"}),
    frozenset({"holdout", "held-out", "folds"}),
)


@dataclass(frozen=True, slots=True)
class Default:
    """A default from a file, as an option takes it, and where it is: `negmine.toml line 3`."""

    value: object
    where: str


@dataclass(frozen=True, slots=True)
class Settings:
    """What a file says.

    Attributes:
        path: of the file; None where there is none.
        table: its sections by command, each with values by option.
        lines: of the file.
        prefix: of its sections' names: `tool.negmine` in `pyproject.toml`.
    """

    path: Path | None = None
    table: Mapping[str, object] = field(default_factory=dict)
    lines: Sequence[str] = ()
    prefix: tuple[str, ...] = ()

    def section(self, words: Sequence[str]) -> Mapping[str, object]:
        """The section of a command, such as `bank list`; empty where there is none.

        Raises:
            ConfigError: where there is something else in its place.
        """
        found: object = self.table
        for number, word in enumerate(words):
            found = found.get(word, {}) if isinstance(found, Mapping) else None
            if not isinstance(found, Mapping):
                where = self.where(words[:number], words[number])
                raise ConfigError(f"{where}: expected a section [{'.'.join((*self.prefix, *words))}], found a value")
        return found if isinstance(found, Mapping) else {}

    def where(self, section: Sequence[str], key: str) -> str:
        """Where a key is, for messages; the file alone where its line cannot be told."""
        line = _line_of(self.lines, (*self.prefix, *section), key)
        return f"{printable(self.path or FILE)}{f' line {line}' if line else ''}"


def find_settings(named: str | None) -> Settings:
    """The file of defaults: the one that is named, or that of the working folder.

    Raises:
        ConfigError: where it cannot be read, or is no TOML.
    """
    if named is not None:
        return _read(Path(named))
    if Path(FILE).exists():
        return _read(Path(FILE))
    project = Path(_PYPROJECT)
    return _read(project) if project.is_file() and b"tool.negmine" in project.read_bytes()[:_LARGEST] else Settings()


def _read(path: Path) -> Settings:
    import tomllib

    try:
        text = read_regular(path, most=_LARGEST).decode()
    except (OSError, ValueError) as error:
        reason = reason_of(error) if isinstance(error, OSError) else str(error)
        raise ConfigError(f"{printable(path)}: expected a TOML file in UTF-8: {reason}; name another") from error
    try:
        table: object = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{printable(path)} is no valid TOML: {error}; correct it") from error
    prefix = _TABLE if path.name == _PYPROJECT else ()
    for word in prefix:
        table = table.get(word, {}) if isinstance(table, dict) else {}
    if not isinstance(table, dict):
        raise ConfigError(f"{printable(path)}: expected a section [{'.'.join(prefix)}], found a value")
    return Settings(path, table, text.splitlines(), prefix)


def check_sections(settings: Settings, root: click.Group) -> None:
    """Raise ConfigError for a section of no command, and for a shared default that no command has."""
    _check_names(settings, root, ())
    shared = settings.section((SHARED,))
    known = {key for _, each in every_command(root) for key, _ in keyed_options(each)} if shared else set()
    for name in shared:
        if (key := name.replace("_", "-")) not in known:
            where = settings.where((SHARED,), name)
            raise ConfigError(f"{where}: no command has an option {printable(name)!r}{did_you_mean(key, known)}")


def every_command(group: click.Group, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """All commands with options, by their words."""
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        if isinstance(found, click.Group):
            yield from every_command(found, (*words, name))
        elif found is not None:
            yield (*words, name), found


def _check_names(settings: Settings, group: click.Group, words: tuple[str, ...]) -> None:
    context = click.Context(group, info_name=words[-1] if words else None)
    names = group.list_commands(context)
    for name in settings.section(words):
        if not words and name == SHARED:
            continue
        if name not in names:
            where, hint = settings.where(words, name), did_you_mean(name, names)
            raise ConfigError(f"{where}: negmine has no command {' '.join((*words, printable(name)))!r}{hint}")
        settings.section((*words, name))
        if isinstance(settings.table.get(name), Mapping) and not words:
            command = group.get_command(context, name)
            if isinstance(command, click.Group):
                _check_names(settings, command, (*words, name))


def defaults_of(command: click.Command, words: Sequence[str], settings: Settings) -> dict[str, Default]:
    """The defaults that a file has for a command, by the name of the parameter; its own section wins.

    Raises:
        ConfigError: for a key of no option, an option that only the user may give, or a value of another type.
    """
    by_key = dict(keyed_options(command))
    shared = settings.section((SHARED,))
    every: list[tuple[tuple[str, ...], str, object]]
    every = [((SHARED,), name, value) for name, value in shared.items() if name.replace("_", "-") in by_key]
    every += [(tuple(words), name, value) for name, value in settings.section(words).items()]
    found = {}
    for section, name, value in every:
        where, key = settings.where(section, name), name.replace("_", "-")
        if key not in by_key:
            what = f"`negmine {' '.join(words)}` has no option {printable(name)!r}"
            raise ConfigError(f"{where}: {what}{did_you_mean(key, by_key)}")
        option = by_key[key]
        why = refusal(option, key)
        if why is not None:
            raise ConfigError(f"{where}: {key} is not taken from a file, since {why}; give --{key} yourself")
        found[str(option.name)] = Default(_value(option, key, value, where), where)
    return found


def keyed_options(command: click.Command) -> Iterator[tuple[str, click.Option]]:
    """The options of a command, by their long names without dashes; help and hidden ones are left out."""
    for each in command.params:
        if isinstance(each, click.Option) and not each.hidden and (key := key_of(each)) is not None:
            yield key, each


def key_of(option: click.Option) -> str | None:
    """The long name of an option without dashes."""
    return next((name[2:] for name in option.opts if name.startswith("--")), None)


def refusal(option: click.Option, key: str) -> str | None:
    """Why an option is not taken from a file; None where it is."""
    if key in ("out", "plot") and "FILE" in (option.metavar or ""):
        return "it may replace a file"
    if option.is_flag and not option.is_bool_flag:
        return "it is one of several that exclude each other"
    return _FROM_THE_USER_ALONE.get(key)


def replaced_by(key: str, given: frozenset[str]) -> bool:
    """Whether options on the command line stand in the place of another, whose default then does not count."""
    return any(key in group and given & group and key not in given for group in _INSTEAD)


def _value(option: click.Option, key: str, value: object, where: str) -> object:
    many = value if isinstance(value, list) and (option.multiple or option.nargs != 1) else [value]
    checked = [_scalar(option, key, each, where) for each in many]
    return checked if option.multiple or option.nargs != 1 else checked[0]


def _scalar(option: click.Option, key: str, value: object, where: str) -> object:
    is_right, expected = _expected(option, value)
    if not is_right:
        raise ConfigError(f"{where}: expected {expected} for {key}, found {printable(repr(value))[:60]}")
    if isinstance(value, str) and _ADDRESS.match(value):
        raise ConfigError(
            f"{where}: {key} is an address, {printable(value)[:60]!r}, which a file may not have fetched; give "
            f"--{key} yourself"
        )
    if option.is_flag:
        return value
    try:
        return option.type.convert(value if isinstance(option.type, _NUMBERS) else str(value), option, None)
    except click.BadParameter as error:
        raise ConfigError(f"{where}: {key}: {error.message}") from error


_NUMBERS = (type(click.INT), type(click.FLOAT))


def _expected(option: click.Option, value: object) -> tuple[bool, str]:
    """Whether a value is of the type that an option takes, and what that is."""
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if option.is_flag:
        return isinstance(value, bool), "true or false"
    if isinstance(option.type, type(click.INT)):
        return is_whole, "a whole number"
    if isinstance(option.type, type(click.FLOAT)):
        return is_whole or isinstance(value, float), "a number"
    return is_whole or isinstance(value, (str, float)), "a text, or several in a list" if option.multiple else "a text"


def _line_of(lines: Sequence[str], section: Sequence[str], key: str) -> int | None:
    """The line of a key: below the head of its section, or else the first that begins with it, alone or with dots."""
    here: tuple[str, ...] = ()
    fallback = None
    for number, line in enumerate(lines, start=1):
        head = re.match(r"\s*\[+\s*([^\[\]]+?)\s*\]", line)
        if head:
            here = tuple(word.strip().strip("\"'") for word in head[1].split("."))
            if here == (*section, key):
                return number
            continue
        before = line.partition("=")[0].strip()
        words = (*here, *(word.strip().strip("\"'") for word in before.split(".")))
        if words == (*section, key):
            return number
        if fallback is None and key in re.split(r"[^\w-]+", line) and words[: len(section)] <= tuple(section):
            fallback = number
    return fallback
