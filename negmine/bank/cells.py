"""What the cells of a bank may hold. SQLite promises the types of a column only for what SQLite itself has written.

A damaged cell, or one that somebody made, is found where it is read, before it is used as a name, a number or JSON.
"""

from __future__ import annotations

import json
import math
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import call
from typing import Any

from negmine.bank.content_files import CONTENTS, FRAMES, NEGATIVES, VARIANTS, is_content_name
from negmine.bank.filters import STATES
from negmine.bank.records import ONTO
from negmine.matching import Kind

Row = tuple[Any, ...]

_MOST = 2**53  # of a whole number; a larger one is damage


@dataclass(frozen=True, slots=True)
class Cell:
    """What a column holds.

    Attributes:
        said: the same in words.
        holds: whether a value is one.
        all_hold: whether many are, at once; None to ask for one after the other.
    """

    said: str
    holds: Callable[[Any], bool]
    all_hold: Callable[[Sequence[Any]], bool] | None = None


def _is_text(value: object) -> bool:
    return type(value) is str


def _is_match(pattern: str) -> Callable[[Any], bool]:
    matches = re.compile(pattern).fullmatch
    return lambda value: type(value) is str and matches(value) is not None


def _is_file(*kinds: str) -> Callable[[Any], bool]:
    return lambda value: type(value) is str and any(is_content_name(value, kind) for kind in kinds)


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]


def _is_parameters(value: object) -> bool:
    found = _json(value)
    return isinstance(found, dict) and all(
        SHA256.holds(value) if name == ONTO else _is_number(value) for name, value in found.items()
    )


def _json(value: object) -> object:
    try:
        return json.loads(value) if isinstance(value, str) else None
    except (ValueError, RecursionError):
        return None


def _are_of(values: Sequence[Any], *types: type) -> bool:
    return set(map(type, values)) <= {*types}


def _are_whole(values: Sequence[Any]) -> bool:
    return _are_of(values, int) and (not values or (-_MOST < min(values) and max(values) < _MOST))


def _are_numbers(values: Sequence[Any]) -> bool:
    return _are_of(values, int, float) and all(map(math.isfinite, values))


def _are_sha256(values: Sequence[Any]) -> bool:
    return _are_of(values, str) and set(map(len, values)) <= {64} and bool(_HEX.fullmatch("".join(values)))


def _or_null(hold: Callable[[Sequence[Any]], bool]) -> Callable[[Sequence[Any]], bool]:
    return lambda values: hold([value for value in values if value is not None])


_HEX = re.compile("[0-9a-f]*")
WHOLE = Cell("a whole number", lambda value: type(value) is int and -_MOST < value < _MOST, _are_whole)
SIDE = Cell("a number of pixels", lambda value: type(value) is int and 0 < value < 2**31)
STAMP = Cell("a whole number", lambda value: type(value) is int)
FLAG = Cell(
    "0, 1 or NULL",
    lambda value: value is None or (type(value) is int and value in (0, 1)),
    _or_null(lambda values: _are_of(values, int) and set(values) <= {0, 1}),
)
NUMBER = Cell("a finite number", _is_number, _are_numbers)
PIXEL = Cell("a number of pixels", lambda value: _is_number(value) and abs(value) < 2**31)
NUMBER_OR_NULL = Cell(
    "a finite number or NULL", lambda value: value is None or _is_number(value), _or_null(_are_numbers)
)
TEXT = Cell("text", _is_text, lambda values: _are_of(values, str))
TEXT_OR_NULL = Cell("text or NULL", lambda value: value is None or _is_text(value))
WHOLE_OR_NULL = Cell("a whole number or NULL", lambda value: value is None or WHOLE.holds(value), _or_null(_are_whole))
KEY = Cell("the bytes of a path", lambda value: type(value) is bytes and value != b"" and b"\0" not in value)
SHA256 = Cell("a sha256 in hex", _is_match("[0-9a-f]{64}"), _are_sha256)
PHASH = Cell("16 hex digits", _is_match("[0-9a-f]{16}"))
NEGATIVE_FILE = Cell("the name of a negative's file", _is_file(NEGATIVES))
VARIANT_FILE = Cell("the name of a variant's file", _is_file(VARIANTS))
FRAME_FILE = Cell("the name of a frame's file", _is_file(FRAMES))
FILE = Cell("the name of a file of the bank", _is_file(*CONTENTS))
KIND = Cell("a kind of detection", lambda value: value in {*Kind})
VECTOR = Cell("a vector", lambda value: type(value) is bytes and len(value) % 2 == 0)
REVIEW = Cell("a review", lambda value: value in STATES)
PARAMETERS = Cell("numbers and the hash of a negative by name, as JSON", _is_parameters)
CLASS_NAMES = Cell("the names of classes, as JSON", lambda value: isinstance(_json(value), (dict, str)))
RECT = {"x1": WHOLE, "y1": WHOLE, "x2": WHOLE, "y2": WHOLE}
BOX = {"x1": PIXEL, "y1": PIXEL, "x2": PIXEL, "y2": PIXEL}


def checked(rows: Iterable[Row], columns: Mapping[str, Cell]) -> Iterator[Row]:
    """Rows whose cells are what they should be, and whose boxes are not inverted.

    Args:
        rows: of the columns.
        columns: what each holds, by its name, in their order.

    Raises:
        sqlite3.DataError: naming the first column that holds something else, but not what it holds.
    """
    names = list(columns)
    corners = [names.index(name) for name in BOX] if columns.items() >= BOX.items() else None
    holds = [cell.holds for cell in columns.values()]
    for row in rows:
        if not all(map(call, holds, row)) or len(row) != len(holds):
            raise sqlite3.DataError(_wrong(row, columns))
        if corners is not None:
            x1, y1, x2, y2 = (row[index] for index in corners)
            if x1 > x2 or y1 > y2:
                raise sqlite3.DataError("expected a box, found an inverted one (x2 < x1 or y2 < y1)")
        yield row


def checked_columns(rows: Sequence[Row], columns: Mapping[str, Cell]) -> list[Sequence[Any]]:
    """The columns of rows, each checked as a whole, which takes a fraction of the time of `checked`.

    Args:
        rows: of the columns, which are no corners of boxes.
        columns: what each holds, by its name, in their order.

    Raises:
        sqlite3.DataError: as `checked` has it.
    """
    found: list[Sequence[Any]] = list(zip(*rows, strict=True)) if rows else [() for _ in columns]
    for values, cell in zip(found, columns.values(), strict=True):
        if not (all(map(cell.holds, values)) if cell.all_hold is None else cell.all_hold(values)):
            raise sqlite3.DataError(next(_wrong(row, columns) for row in rows if not _is_right(row, columns)))
    return found


def _is_right(row: Row, columns: Mapping[str, Cell]) -> bool:
    return all(cell.holds(value) for value, cell in zip(row, columns.values(), strict=True))


def _wrong(row: Row, columns: Mapping[str, Cell]) -> str:
    """What is wrong with a row, by its first cell that is."""
    for value, (name, cell) in zip(row, columns.items(), strict=True):
        if not cell.holds(value):
            found = "NULL" if value is None else f"another {type(value).__name__}"
            return f"expected {cell.said} in column {name}, found {found}"
    raise AssertionError("no cell of the row is wrong")
