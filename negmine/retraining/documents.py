"""Reading back the JSON files of a retraining's folder, which may be damaged, or somebody else's."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from types import UnionType
from typing import Any, NoReturn, TypeVar, Union, get_args, get_origin, get_type_hints

from negmine.errors import ConfigError
from negmine.inside import read_plain
from negmine.paths import printable

T = TypeVar("T")
_DAMAGE = (ValueError, KeyError, TypeError, AttributeError, LookupError, OverflowError, RecursionError)


@contextmanager
def reading(path: Path) -> Iterator[Mapping[str, Any]]:
    """The object in a JSON file, to be taken apart inside the `with` statement.

    Raises:
        ConfigError: where it is no object, has a number that is not finite, or cannot be taken apart.
        OSError: where it is no plain file, or cannot be read.
    """
    data = read_plain(path)
    try:
        yield _mapping(json.loads(data, parse_constant=_refuse))
    except _DAMAGE as error:
        raise ConfigError(
            f"{printable(path)} is damaged: expected what a retraining writes there, found something else; restore it "
            "from a copy, or name another folder"
        ) from error


def read_record(kind: type[T], path: Path) -> T:
    """What `asdict` made of a dataclass, as it was written down.

    Raises:
        ConfigError, OSError: as `reading`.
    """
    with reading(path) as document:
        return as_record(kind, document)


def as_record(kind: type[T], document: object) -> T:
    """A dataclass whose values are in a JSON object, each of the type of its field; other keys are ignored.

    Raises:
        ValueError, KeyError, TypeError: where that is not so.
    """
    hints = get_type_hints(kind)
    values = _mapping(document)
    found = {}
    for each in fields(kind):  # type: ignore[arg-type]
        value, hint = values[each.name], hints[each.name]
        if not _is(value, hint):
            raise ValueError(f"{each.name} is of another type")
        found[each.name] = tuple(value) if get_origin(hint) is tuple else value
    return kind(**found)


def _is(value: object, hint: Any) -> bool:
    """Whether a JSON value is of a type; numbers have to be finite."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(_is(value, each) for each in arguments)
    if origin is tuple:
        return isinstance(value, list) and all(_is(each, arguments[0]) for each in value)
    if origin is not None and issubclass(origin, Mapping):
        return isinstance(value, dict) and all(_is(each, arguments[1]) for each in value.values())
    if hint is float:
        return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]
    return hint is object or type(value) is hint


def _mapping(document: object) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise ValueError("it is no object")
    return document


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")
