"""Lists of values in a question to the database, however long they are.

A list is a text of JSON, since SQLite takes 32,766 variables at most; and several texts, since each has its limit too.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

_EACH = "SELECT value FROM json_each(?)"
LISTED = f"IN ({_EACH})"  # behind a column, for a list that is short


def among(connection: sqlite3.Connection, values: Sequence[int] | Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """What stands behind a column that has one of the values of a list, and the parameters of that.

    Args:
        connection: whose limits hold.
        values: that are meant, all numbers or all texts.
    """
    texts = _texts([*values], connection.getlimit(sqlite3.SQLITE_LIMIT_LENGTH))
    return f"IN ({' UNION ALL '.join([_EACH] * len(texts))})", texts


def _texts(values: list[int | str], most: int) -> tuple[str, ...]:
    """The values as JSON lists of so many bytes at most; halves, so that few lists are encoded more than once."""
    text = json.dumps(values)  # ASCII
    if len(text) <= most or len(values) == 1:
        return (text,)
    middle = len(values) // 2
    return *_texts(values[:middle], most), *_texts(values[middle:], most)
