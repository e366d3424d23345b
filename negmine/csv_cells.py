"""Cells of the CSVs that negmine writes: names come from anywhere, and no spreadsheet shall compute one.

A spreadsheet takes what begins with one of a few signs for a formula, and not what has a `'` before it
(owasp.org/www-community/attacks/CSV_Injection). A name that begins with `'` itself and such a sign gets one more, so
that reading takes off just what writing has put there.
"""

from __future__ import annotations

import re

from negmine.words import one_line

_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")  # noqa: RUF001  (some spreadsheets take the wide signs, too)


def to_cell(value: object) -> object:
    """A value to write: text as one line that is no formula; anything else as it is."""
    if not isinstance(value, str):
        return value
    text = one_line(value)
    return f"'{text}" if _FORMULA.match(text) else text


def of_cell(text: str) -> str:
    """The text of a cell that `to_cell` made; any other text as it is."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text
