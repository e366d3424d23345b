"""Columns are checked as a whole as their cells are one by one, and say the same of what is wrong."""

from __future__ import annotations

import math
import sqlite3
from itertools import product

import pytest

from negmine.bank.cells import (
    FLAG,
    NUMBER,
    NUMBER_OR_NULL,
    SHA256,
    TEXT,
    WHOLE,
    WHOLE_OR_NULL,
    Cell,
    checked,
    checked_columns,
)

CELLS = (FLAG, NUMBER, NUMBER_OR_NULL, SHA256, TEXT, WHOLE, WHOLE_OR_NULL)
VALUES = (
    None, 0, 1, 2, -1, 2**53, -(2**53), 2**63 - 1, 0.0, 0.5, math.inf, -math.inf, math.nan, "", "a", "ab" * 32,
    "AB" * 32, "ab" * 31, "xy" * 32, b"", b"ab",
)  # fmt: skip


def test_no_rows_are_empty_columns() -> None:
    assert checked_columns([], {"a": WHOLE, "b": TEXT}) == [(), ()]


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.said)
def test_a_column_holds_what_each_of_its_cells_does(cell: Cell) -> None:
    assert cell.all_hold is not None
    for pair in product(VALUES, repeat=2):
        assert cell.all_hold(pair) == all(map(cell.holds, pair)), pair


@pytest.mark.parametrize("value", [None, "1", 1.5, b"1"])
def test_what_is_wrong_is_said_as_for_rows(value: object) -> None:
    rows, columns = [("a", 1), ("b", value), ("c", 2)], {"name": TEXT, "number": WHOLE}
    with pytest.raises(sqlite3.DataError) as of_rows:
        list(checked(rows, columns))
    with pytest.raises(sqlite3.DataError) as of_columns:
        checked_columns(rows, columns)
    assert str(of_rows.value) == str(of_columns.value)
