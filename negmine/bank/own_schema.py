"""Whether the tables of a bank are those that negmine makes, and nothing is beside them: no other trigger or view.

The text that SQLite keeps of each is compared, word by word. Between versions SQLite differs in how it quotes a name
that was changed, so quotes around names make no difference, and neither do blanks and comments.
"""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from contextlib import closing
from functools import cache

from negmine.bank.schema import MIGRATIONS

_Entry = tuple[str, str, str, tuple[str, ...]]  # kind, name, table, and the words of its text
_WORDS = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"([A-Za-z_]+)\"|\w+|\S", re.DOTALL)
_LONGEST = 100_000  # characters of a text; negmine's have some hundred
_KINDS = ("table", "index", "view", "trigger")


def difference(connection: sqlite3.Connection, version: int) -> str | None:
    """What a bank has too much, or lacks; None where its tables are those of its format.

    Nothing is read but the list of what there is. The message quotes no name that negmine does not know.

    Args:
        connection: open, and its SQL not trusted.
        version: of the bank's format.
    """
    ours = _of_version(version)
    found = Counter(_entries(connection))
    strange, lacking = found - ours, ours - found
    for kind, name, _, _ in strange:
        known = next((each for each in ours if each[1] == name), None)
        if known is not None:
            return f"another text of {known[0]} {name} than its own"
        return f"a {kind if kind in _KINDS else 'row of its schema'} that no bank has"
    for kind, name, _, _ in lacking:
        return f"no {kind} {name}"
    return None


@cache
def _of_version(version: int) -> Counter[_Entry]:
    """What a bank of a format holds."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        for script in MIGRATIONS[:version]:
            connection.executescript(script)
        return Counter(_entries(connection))


def _entries(connection: sqlite3.Connection) -> list[_Entry]:
    columns = "type, name, tbl_name, CASE WHEN length(sql) > ? THEN '' ELSE sql END"
    rows = connection.execute(f"SELECT {columns} FROM sqlite_master", (_LONGEST,)).fetchall()
    return [(str(kind), str(name), str(table), _words(sql)) for kind, name, table, sql in rows]


def _words(sql: object) -> tuple[str, ...]:
    """The words and signs of a text, without comments; keywords in any case are different words."""
    if not isinstance(sql, str):
        return ("NULL",) if sql is None else ()
    return tuple(match[1] or match[0] for match in _WORDS.finditer(sql) if not match[0].startswith(("--", "/*")))
