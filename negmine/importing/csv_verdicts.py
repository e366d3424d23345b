"""A CSV with a row for each negative: its hash, or the path of an image, and a verdict."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

from negmine.csv_cells import of_cell
from negmine.errors import TruthError
from negmine.importing.entry import VERDICTS, Entry
from negmine.paths import printable
from negmine.words import did_you_mean

TITLE = "CSV"
_HASHES = ("sha256", "hash", "id")  # `id` last: many tools count in it
_DIGITS = re.compile(r"[0-9a-f]{7,64}", re.IGNORECASE)  # of a hash in a column `id`
_NAMES = ("file", "filename", "path", "filepath", "image")
_VERDICTS = ("verdict", "state", "review")
_EXPECTED = "expected a head with a column id, hash or sha256 (or file, path) and a column verdict or state"


def read_csv(path: Path, data: bytes) -> list[Entry]:
    """The rows of a CSV, such as `negmine bank list --csv` writes.

    Raises:
        TruthError: where it has no such columns, or is no CSV in UTF-8.
    """
    try:
        text = data.decode("utf-8-sig")
        rows = list(_rows(text))
    except (UnicodeDecodeError, csv.Error) as error:
        raise TruthError(f"{printable(path)} cannot be read as CSV: {error}; save it as CSV in UTF-8") from error
    head = [cell.strip().lower() for cell in rows[0][1]] if rows else []
    by_hash, by_name, verdict = (_column(head, names) for names in (_HASHES, _NAMES, _VERDICTS))
    if verdict is None or (by_hash is None and by_name is None):
        found = ", ".join(printable(each)[:40] for each in head[:8]) or "none"
        raise TruthError(f"{printable(path)}: {_EXPECTED}, found {found}; add it as the first line")
    is_id = by_hash is not None and head[by_hash] == "id"
    entries = list[Entry]()
    for line, row in rows[1:]:
        stated, word = (_bare(_cell(row, column)) for column in (by_hash, verdict))
        name = _cell(row, by_name)
        if is_id and stated is not None and not _DIGITS.fullmatch(stated):
            entries.append(_numbered(f"line {line}", stated, name, word or ""))
        elif any(cell.strip() for cell in row):
            entries.append(_entry(f"line {line}", stated, name, word or ""))
    return entries


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """The rows, each with the number of its first line."""
    head = text.partition("\n")[0]
    delimiter = csv.Sniffer().sniff(head, ",;\t").delimiter if text.strip() else ","
    reader, line = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True), 1
    for row in reader:
        yield line, row
        line = reader.line_num + 1


def _numbered(where: str, stated: str, name: str | None, verdict: str) -> Entry:
    """An entry whose `id` is no hash: its name tells the image."""
    if name is not None:
        return _entry(where, None, name, verdict)
    found = f"found {printable(stated)[:40]!r}"
    return Entry(where, problem=f"expected seven or more hex digits of a hash as id, or a column file, {found}")


def _column(head: list[str], names: tuple[str, ...]) -> int | None:
    return next((head.index(name) for name in names if name in head), None)


def _cell(row: list[str], column: int | None) -> str | None:
    if column is None or column >= len(row):
        return None
    return of_cell(row[column].strip()) or None


def _bare(text: str | None) -> str | None:
    """A hash or verdict without the sign by which people mark a text for a spreadsheet."""
    return text and (text.removeprefix("'") or None)


def _entry(where: str, sha256: str | None, name: str | None, verdict: str) -> Entry:
    state = VERDICTS.get(verdict.lower())
    if verdict and state is None:
        hint = did_you_mean(verdict, VERDICTS)
        problem = f"expected a verdict (accepted, rejected, target), found {printable(verdict)[:40]!r}{hint}"
        return Entry(where, name, sha256, problem=problem)
    return Entry(where, name, sha256, () if state is None else (state,))
