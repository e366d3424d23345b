"""The bank: the folder that keeps the negatives and where each came from. This half reads it."""

from __future__ import annotations

import ast
import json
import re
import sqlite3
from collections import Counter, namedtuple
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from negmine.bank.among import among
from negmine.bank.cells import (
    CLASS_NAMES,
    FLAG,
    KEY,
    NEGATIVE_FILE,
    NUMBER,
    NUMBER_OR_NULL,
    PARAMETERS,
    PHASH,
    RECT,
    REVIEW,
    SHA256,
    SIDE,
    STAMP,
    TEXT,
    VARIANT_FILE,
    WHOLE,
    Cell,
    Row,
    checked,
    checked_columns,
)
from negmine.bank.connection import DATABASE, bank_errors, connect, format_of
from negmine.bank.content_files import source_path
from negmine.bank.records import Cut, Negative, Parameters, Variant, frame_shown
from negmine.bank.schema import MIGRATIONS
from negmine.boxes import Rect
from negmine.errors import BankError
from negmine.grouping import CameraShot
from negmine.notebook import gallery, table
from negmine.paths import printable

# Each with its hardest false positive; of equal ones, that which was stored first. Grouping is far faster than a
# question for each negative.
_NEGATIVES = """
SELECT n.id, n.file, n.sha256, n.width, n.height, d.score, d.class_name, s.key, s.sha256,
       c.x1, c.y1, c.x2, c.y2, coalesce(r.state, 'unreviewed'), l.unlabelled, h.is_flicker
FROM (SELECT min(every.id) AS id, every.negative_id, most.is_flicker FROM detections every
      JOIN (SELECT negative_id, max(score) AS score, min(kind = 'flicker') AS is_flicker FROM detections
            WHERE negative_id {} GROUP BY negative_id) most
        ON most.negative_id = every.negative_id AND most.score = every.score
      GROUP BY every.negative_id) h
JOIN detections d ON d.id = h.id
JOIN negatives n ON n.id = h.negative_id
JOIN crops c ON c.id = (SELECT min(id) FROM crops WHERE negative_id = n.id AND source_id = d.source_id)
JOIN sources s ON s.id = d.source_id
LEFT JOIN reviews r ON r.negative_id = n.id
LEFT JOIN likenesses l ON l.negative_id = n.id
ORDER BY d.score DESC, n.id
"""
_NEGATIVE_SCORES = """
SELECT d.negative_id, max(d.score) FROM detections d JOIN runs r ON r.id = d.run_id
WHERE r.weights_sha256 = ? AND d.negative_id IS NOT NULL GROUP BY d.negative_id
"""
_BACKGROUND_SCORES = """
SELECT s.sha256, max(d.score) FROM sources s JOIN detections d ON d.source_id = s.id WHERE d.kind = 'background'
GROUP BY s.id
"""
_SHOWN, _SHOWN_CLASSES = 12, 5  # in a notebook
_TEXT = r"'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\""
_NAMED = re.compile(rf"(\d{{1,9}}): ({_TEXT})")  # of a dict, as Python writes it


class Bank:
    """A bank, opened for reading. Use it in a `with` statement, or call `close`.

    Raises:
        BankError: where the folder is not a bank, or its database is damaged.
        BankVersionError: where a newer negmine wrote it.
    """

    _format = len(MIGRATIONS)  # that it had when it was opened; a writer opens none but the present one
    _former: tuple[sqlite3.Connection, ...] = ()

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        require_bank(self.folder)
        self._open_for_reading()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _repr_html_(self) -> str:
        """Counts and the hardest negatives, in a notebook."""
        every = list(self.negatives())
        states = Counter(negative.review for negative in every)
        classes = Counter(negative.class_name for negative in every).most_common(_SHOWN_CLASSES)
        counts = (("images scanned", self.scanned_count()), ("negatives", len(every)), *states.items(), *classes)
        pictures = (each.figure() for each in every[:_SHOWN])
        return table(f"Bank {self.folder}", (), counts) + gallery(pictures)

    def close(self) -> None:
        """Let go of the database."""
        for each in (*self._former, self._connection):
            each.close()

    def _open_for_reading(self) -> None:
        self._connection = connect(self.folder, write=False)
        self._format = format_of(self._connection)

    def _now(self) -> sqlite3.Connection:
        """The connection; a new one where a writer has brought an old bank up to date since.

        What gives the tables of an old bank their present names would hide the new ones.
        """
        if self._format < len(MIGRATIONS) and format_of(self._connection) != self._format:
            self._former = (*self._former, self._connection)  # rows of it may still be read
            self._open_for_reading()
        return self._connection

    def negatives(self, numbers: Sequence[int] | None = None) -> Iterator[Negative]:
        """Every negative, or those with these numbers; hardest first (equal scores: the older first)."""
        columns = {
            "id": WHOLE, "file": NEGATIVE_FILE, "sha256": SHA256, "width": SIDE, "height": SIDE, "score": NUMBER,
            "class_name": TEXT, "key": KEY, "source": SHA256, **RECT, "state": REVIEW,
            "unlabelled": NUMBER_OR_NULL, "is_flicker": FLAG,
        }  # fmt: skip
        where, asked = ("IS NOT NULL", ()) if numbers is None else self.among(numbers)
        for row in self.rows(_NEGATIVES.format(where), columns, asked):
            number, file, sha256, width, height, score, class_name, path, source_sha256, *rest = row
            *rect, review, unlabelled, is_flicker = rest
            yield Negative(
                id=number,
                path=self.folder / file,
                sha256=sha256,
                size_wh=(width, height),
                score=score,
                class_name=class_name,
                source=source_path(self.folder, path),
                source_sha256=source_sha256,
                rect=Rect(*rect),
                review=review,
                unlabelled=unlabelled,
                is_flicker=bool(is_flicker),
            )

    def variants(self) -> Iterator[Variant]:
        """Every variant, by its negative and in the order of making."""
        columns = {
            "id": WHOLE, "negative_id": WHOLE, "file": VARIANT_FILE, "sha256": SHA256, "width": SIDE, "height": SIDE,
            "operation": TEXT, "parameters": PARAMETERS,
        }  # fmt: skip
        for row in self.rows(f"SELECT {', '.join(columns)} FROM variants ORDER BY negative_id, id", columns):
            number, negative_id, file, sha256, width, height, operation, parameters = row
            yield Variant(
                number, negative_id, self.folder / file, sha256, (width, height), operation, json.loads(parameters)
            )

    def cuts(self, numbers: Sequence[int] | None = None) -> dict[int, list[Cut]]:
        """What each negative, or those with these numbers, was cut from, by its number.

        Usually that is one image; there are several where crops have equal bytes.
        """
        where, asked = ("IS NOT NULL", ()) if numbers is None else self.among(numbers)
        question = (
            "SELECT c.negative_id, s.sha256, s.key, c.x1, c.y1, c.x2, c.y2 FROM crops c"
            f" JOIN sources s ON s.id = c.source_id WHERE c.negative_id {where} ORDER BY c.negative_id, s.sha256"
        )
        columns = {"negative_id": WHOLE, "sha256": SHA256, "key": KEY, **RECT}
        found: dict[int, list[Cut]] = {}
        for number, sha256, path, *rect in self.rows(question, columns, asked):
            found.setdefault(number, []).append(Cut(sha256, source_path(self.folder, path), Rect(*rect)))
        return found

    def negative_count(self) -> int:
        """How many negatives the bank holds."""
        return int(self.scalar("SELECT count(*) FROM negatives") or 0)

    def perceptual_hashes(self) -> dict[int, int]:
        """The perceptual hash of each negative, by its number."""
        rows = self.rows("SELECT id, phash FROM negatives", {"id": WHOLE, "phash": PHASH})
        return {number: int(phash, 16) for number, phash in rows}

    def clusters(self) -> dict[int, int]:
        """The cluster of each negative that was compared with the others, by its number."""
        question = "SELECT negative_id, cluster FROM likenesses WHERE cluster IS NOT NULL"
        return dict(self.rows(question, {"negative_id": WHOLE, "cluster": WHOLE}))

    def cameras(self) -> dict[str, str]:
        """The camera that sent each frame which is kept, by the sha256 of the frame."""
        question = "SELECT s.sha256, f.camera FROM frames f JOIN sources s ON s.id = f.source_id"
        return dict(self.rows(question, {"sha256": SHA256, "camera": TEXT}))

    def negative_scores(self, weights_sha256: str) -> dict[int, float]:
        """The highest score that these weights gave in each negative they fire on, by its number."""
        return dict(self.rows(_NEGATIVE_SCORES, {"negative_id": WHOLE, "score": NUMBER}, (weights_sha256,)))

    def background_scores(self) -> dict[str, float]:
        """The highest score of a background false positive in each scanned image, by the sha256 of its file."""
        return dict(self.rows(_BACKGROUND_SCORES, {"sha256": SHA256, "score": NUMBER}))

    def backgrounds(self) -> dict[Path, str]:
        """The files that were scanned without labels, which says that they are background; with their sha256 then."""
        question = (
            "SELECT i.key, s.sha256 FROM items i JOIN sources s ON s.id = i.source_id"
            " WHERE i.truth_hash IS NULL AND i.is_background"
        )
        rows = self.rows(question, {"key": KEY, "sha256": SHA256})
        return {source_path(self.folder, name): sha256 for name, sha256 in rows}

    def shots(self) -> dict[str, CameraShot]:
        """The frames of cameras that are kept here, by their sha256."""
        question = "SELECT s.sha256, f.camera, f.taken_ms FROM frames f JOIN sources s ON s.id = f.source_id"
        rows = self.rows(question, {"sha256": SHA256, "camera": TEXT, "taken_ms": STAMP})
        return {sha256: CameraShot(camera, frame_shown(camera, taken_ms)) for sha256, camera, taken_ms in rows}

    def scanned_count(self) -> int:
        """How many distinct images were scanned, by any run."""
        return int(self.scalar("SELECT count(DISTINCT source_id) FROM scans") or 0)

    def class_names(self) -> tuple[str, ...]:
        """The classes of all runs, each once, those of the first run first."""
        names: dict[str, None] = {}
        for (text,) in self.rows("SELECT class_names FROM runs ORDER BY id", {"class_names": CLASS_NAMES}):
            by_number = _by_number(json.loads(text))
            names |= dict.fromkeys(by_number[number] for number in sorted(by_number))
        return tuple(names)

    def variant_counts(self) -> dict[int, int]:
        """How many variants a negative has, by its number; those without any are left out."""
        question = "SELECT negative_id, count(*) FROM variants GROUP BY negative_id"
        return dict(self.rows(question, {"negative_id": WHOLE, "count": WHOLE}))

    def tried(self, negative_id: int) -> set[tuple[str, str]]:
        """Operations of which the bank knows what they make of a negative, each with its parameters `as_json`."""
        question = "SELECT operation, parameters FROM {} WHERE negative_id = ?1"
        both = f"{question.format('variants')} UNION ALL {question.format('repeats')}"
        return set(self.rows(both, {"operation": TEXT, "parameters": PARAMETERS}, (negative_id,)))

    def data_version(self) -> int:
        """A number that changes when another connection, of this process or another, changes the bank."""
        return int(self.scalar("PRAGMA data_version") or 0)

    def query(self, sql: str, parameters: tuple[object, ...] = ()) -> Iterator[tuple]:  # type: ignore[type-arg]
        """Rows of any SQL query, for notebooks; `negmine.bank.schema` describes the tables. negmine itself never asks.

        Rows are named tuples: `pandas.DataFrame(bank.query(...))` has the names of the columns, and so has
        `pandas.DataFrame(bank.negatives())`. A column without a name of its own, such as `count(*)`, gets one by `AS`.

        Raises:
            BankError: where SQLite refuses it.
        """
        with bank_errors(self.folder):
            cursor = self._now().execute(sql, parameters)
            names = [column for column, *_ in cursor.description or ()]
            row = namedtuple("Row", names, rename=True)  # type: ignore[misc]
            yield from (row(*values) for values in cursor)

    def rows(self, sql: str, columns: Mapping[str, Cell], parameters: tuple[object, ...] = ()) -> Iterator[Row]:
        """Rows of a query of the bank's own, whose columns hold what they should; see `checked`.

        Raises:
            BankError: where one holds something else, or SQLite refuses the query.
        """
        with bank_errors(self.folder):
            yield from checked(self._now().execute(sql, parameters), columns)

    def columns(
        self, sql: str, columns: Mapping[str, Cell], parameters: tuple[object, ...] = ()
    ) -> list[Sequence[Any]]:
        """The columns of a query of the bank's own, for whoever needs all rows; see `rows` and `checked_columns`."""
        with bank_errors(self.folder):
            return checked_columns(self._now().execute(sql, parameters).fetchall(), columns)

    def among(self, values: Sequence[int] | Sequence[str]) -> tuple[str, tuple[str, ...]]:
        """What stands in a question behind a column that has one of these values, and the parameters of that."""
        return among(self._now(), values)

    def scalar(self, sql: str, parameters: tuple[object, ...] = ()) -> str | int | float | None:
        """The first column of the first row of any SQL query, for notebooks; None where there is no row."""
        row = next(self.query(sql, parameters), None)
        return None if row is None else row[0]


def as_json(parameters: Parameters) -> str:
    """Parameters as the bank writes them: the same values, the same text."""
    return json.dumps(parameters, sort_keys=True)


def require_bank(folder: Path) -> None:
    """Raise BankError unless a bank's database is in `folder`."""
    with bank_errors(folder):
        if not folder.exists():
            raise BankError(
                f"bank {printable(folder)} does not exist; `negmine scan` makes one, or name yours with --bank"
            )
        if not (folder / DATABASE).is_file():
            raise BankError(
                f"{printable(folder)} is not a bank: it has no {DATABASE}; name the right folder with --bank"
            )


def _by_number(document: object) -> dict[int, str]:
    """Class id to name, from what a run holds: an object, or a text of it as Python writes it."""
    pairs: list[tuple[str, object]] = []
    if isinstance(document, dict):
        pairs = list(document.items())
    elif isinstance(document, str):
        with suppress(SyntaxError, ValueError):  # an escape that means nothing
            pairs = [(number, ast.literal_eval(text)) for number, text in _NAMED.findall(document)]
    return {int(number): str(name) for number, name in pairs if number.isdecimal() and len(number) < 10}
