"""A CSV with a row for each negative: its hash, or the path of an image, and a verdict."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from negmine.errors import TruthError
from negmine.importing.entry import VERDICTS, Entry
from negmine.paths import printable
from negmine.words import did_you_mean

TITLE = "CSV"
_HASHES = ("id", "hash", "sha256")
_NAMES = ("file", "filename", "path", "filepath", "image")
_VERDICTS = ("verdict", "state", "review")
_EXPECTED = "expected a head with a column id, hash or sha256 (or file, path) and a column verdict or state"
_LONGEST = 1 << 20  # characters of a cell


def read_csv(path: Path, data: bytes) -> list[Entry]:
    """The rows of a CSV, such as `negmine bank list --csv` writes.

    Raises:
        TruthError: where it has no such columns, or is no CSV in UTF-8.
    """
    try:
        text = data.decode("utf-8-sig")
        csv.field_size_limit(_LONGEST)
        dialect = csv.Sniffer().sniff(text.partition("\n")[0], ",;\t") if text.strip() else csv.excel
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), dialect)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise TruthError(f"{printable(path)} cannot be read as CSV: {error}; save it as CSV in UTF-8") from error
    head = [cell.strip().lower() for cell in rows[0]] if rows else []
    by_hash, by_name, verdict = (_column(head, names) for names in (_HASHES, _NAMES, _VERDICTS))
    if verdict is None or (by_hash is None and by_name is None):
        found = ", ".join(printable(each)[:40] for each in head[:8]) or "none"
        raise TruthError(f"{printable(path)}: {_EXPECTED}, found {found}; add it as the first line")
    return [
        _entry(f"line {line}", _cell(row, by_hash), _cell(row, by_name), _cell(row, verdict) or "")
        for line, row in enumerate(rows[1:], start=2)
        if any(cell.strip() for cell in row)
    ]


def _column(head: list[str], names: tuple[str, ...]) -> int | None:
    return next((head.index(name) for name in names if name in head), None)


def _cell(row: list[str], column: int | None) -> str | None:
    if column is None or column >= len(row):
        return None
    return row[column].strip().removeprefix("'") or None  # the sign by which spreadsheets mark a text


def _entry(where: str, sha256: str | None, name: str | None, verdict: str) -> Entry:
    state = VERDICTS.get(verdict.lower())
    if verdict and state is None:
        hint = did_you_mean(verdict, VERDICTS)
        problem = f"expected a verdict (accepted, rejected, target), found {printable(verdict)[:40]!r}{hint}"
        return Entry(where, name, sha256, problem=problem)
    return Entry(where, name, sha256, () if state is None else (state,))
