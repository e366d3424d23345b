"""Cells of a CSV: no spreadsheet computes one, and reading gives back what was written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from negmine.csv_cells import of_cell, to_cell


@pytest.mark.parametrize("value", ["", "car", "a=b", "'quoted'", 0.5, None])
def test_what_is_no_formula_stays(value: object) -> None:
    assert to_cell(value) == value


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "＝1", "'=1", "''-"])  # noqa: RUF001
def test_a_formula_becomes_text_and_comes_back(text: str) -> None:
    assert to_cell(text) == f"'{text}" and of_cell(f"'{text}") == text


@pytest.mark.parametrize(("text", "cell"), [("\t=1", r"\t=1"), ("\r=1", r"\r=1")])
def test_control_characters_are_written_as_escapes(text: str, cell: str) -> None:
    assert to_cell(text) == cell


@given(st.text(alphabet=st.sampled_from("'=+-@ab ＝"), max_size=6))  # noqa: RUF001
def test_every_text_comes_back(text: str) -> None:
    cell = to_cell(text)
    assert isinstance(cell, str) and not cell.startswith(("=", "+", "-", "@", "＝")) and of_cell(cell) == text  # noqa: RUF001
