"""Class names: read from a file that the user gives, and looked up among those of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from negmine.errors import ConfigError
from negmine.files import read_regular
from negmine.paths import printable
from negmine.plain_yaml import MAX_YAML, YamlError, load_yaml
from negmine.words import did_you_mean

MOST_LETTERS = 1 << 20  # of all names of weights: in a pickle they may be one text, and they are written out one by one

_YAML = (".yaml", ".yml")
_NAMES_SHOWN = 10


def wanted_classes(wanted: Sequence[str], class_names: Mapping[int, str]) -> list[int] | None:
    """The ids of the classes that the user named; None if the user named none.

    Raises:
        ConfigError: for a name that the model does not have.
    """
    unknown = [name for name in wanted if name not in class_names.values()]
    if unknown:
        known = list(class_names.values())
        raise ConfigError(
            f"the model has no class {', '.join(unknown)}; it has {some_names(known)}{did_you_mean(unknown[0], known)}"
        )
    return [index for index, name in class_names.items() if name in wanted] if wanted else None


def some_names(names: Sequence[str]) -> str:
    """The first names of many, for a message."""
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return f"{', '.join(names[:_NAMES_SHOWN]) or 'none'}{more}"


def read_class_names(path: Path) -> dict[int, str]:
    """Read class id to name from a `data.yaml`, or from a text file, where the line number from 0 is the id.

    Raises:
        ConfigError: where the file cannot be read, or names no classes.
    """
    try:
        text = read_regular(path, most=MAX_YAML).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"cannot read class names from {printable(path)}: {reason}") from error
    return _from_yaml(path, text) if path.suffix.lower() in _YAML else _from_lines(path, text)


def _from_lines(path: Path, text: str) -> dict[int, str]:
    lines = [line.strip() for line in text.rstrip().splitlines()]
    if not lines:
        raise ConfigError(f"{printable(path)} names no classes; expected one name per line")
    if "" in lines:
        raise ConfigError(f"{printable(path)}:{lines.index('') + 1}: expected a class name, found an empty line")
    return dict(enumerate(lines))


def _from_yaml(path: Path, text: str) -> dict[int, str]:
    try:
        document = load_yaml(text)
    except YamlError as error:
        raise ConfigError(f"{printable(path)} cannot be read as YAML: {error}; correct the file") from error
    names = document.get("names") if isinstance(document, dict) else None
    pairs: Mapping[object, object] = {}
    if isinstance(names, (dict, list)) and names:
        pairs = names if isinstance(names, dict) else dict(enumerate(names))
    if not pairs or not all(_is_id(key) and isinstance(name, (str, int, float)) for key, name in pairs.items()):
        raise ConfigError(f"{printable(path)}: expected names, a list or a mapping by number; add it")
    return {int(str(key)): str(name) for key, name in pairs.items()}


def _is_id(key: object) -> bool:
    return isinstance(key, (int, str)) and not isinstance(key, bool) and str(key).isdecimal()
