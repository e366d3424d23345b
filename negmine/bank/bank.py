"""The bank: the folder that keeps the negatives and where each came from. This half reads it."""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from negmine.bank.connection import DATABASE, bank_errors, connect
from negmine.bank.records import Cut, Negative, Parameters, Variant
from negmine.boxes import Rect
from negmine.errors import BankError
from negmine.paths import printable

_NEGATIVES = """
SELECT n.id, n.file, n.sha256, n.width, n.height, d.score, d.class_name, s.key, s.sha256,
       c.x1, c.y1, c.x2, c.y2, coalesce(r.state, 'unreviewed')
FROM negatives n
JOIN detections d ON d.id = (SELECT id FROM detections WHERE negative_id = n.id ORDER BY score DESC, id LIMIT 1)
JOIN crops c ON c.id = (SELECT min(id) FROM crops WHERE negative_id = n.id AND source_id = d.source_id)
JOIN sources s ON s.id = d.source_id
LEFT JOIN reviews r ON r.negative_id = n.id
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


class Bank:
    """A bank, opened for reading. Use it in a `with` statement, or call `close`.

    Raises:
        BankError: where the folder is not a bank, or its database is damaged.
        BankVersionError: where a newer negmine wrote it.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        require_bank(self.folder)
        self._connection = connect(self.folder, write=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        self._connection.close()

    def negatives(self) -> Iterator[Negative]:
        """Every negative, hardest first (equal scores: the older first)."""
        for row in self.query(_NEGATIVES):
            number, file, sha256, width, height, score, class_name, path, source_sha256, *rect, review = row
            yield Negative(
                id=number,
                path=self.folder / file,
                sha256=sha256,
                size_wh=(width, height),
                score=score,
                class_name=class_name,
                source=Path(os.fsdecode(path)),
                source_sha256=source_sha256,
                rect=Rect(*rect),
                review=review,
            )

    def variants(self) -> Iterator[Variant]:
        """Every variant, by its negative and in the order of making."""
        columns = "id, negative_id, file, sha256, width, height, operation, parameters"
        for row in self.query(f"SELECT {columns} FROM variants ORDER BY negative_id, id"):
            number, negative_id, file, sha256, width, height, operation, parameters = row
            yield Variant(
                number, negative_id, self.folder / file, sha256, (width, height), operation, json.loads(parameters)
            )

    def cuts(self) -> dict[int, list[Cut]]:
        """What each negative was cut from, by its number: usually one image, several where crops have equal bytes."""
        columns = "c.negative_id, s.sha256, s.key, c.x1, c.y1, c.x2, c.y2"
        found: dict[int, list[Cut]] = {}
        for number, sha256, path, *rect in self.query(
            f"SELECT {columns} FROM crops c JOIN sources s ON s.id = c.source_id ORDER BY c.negative_id, s.sha256"
        ):
            found.setdefault(number, []).append(Cut(sha256, Path(os.fsdecode(path)), Rect(*rect)))
        return found

    def negative_count(self) -> int:
        """How many negatives the bank holds."""
        return int(self.scalar("SELECT count(*) FROM negatives") or 0)

    def perceptual_hashes(self) -> dict[int, int]:
        """The perceptual hash of each negative, by its number."""
        return {number: int(phash, 16) for number, phash in self.query("SELECT id, phash FROM negatives")}

    def negative_scores(self, weights_sha256: str) -> dict[int, float]:
        """The highest score that these weights gave in each negative they fire on, by its number."""
        return dict(self.query(_NEGATIVE_SCORES, (weights_sha256,)))

    def background_scores(self) -> dict[str, float]:
        """The highest score of a background false positive in each scanned image, by the sha256 of its file."""
        return dict(self.query(_BACKGROUND_SCORES))

    def background_paths(self) -> list[Path]:
        """The files that were scanned without labels: the user said that they are background."""
        rows = self.query("SELECT key FROM items WHERE truth_hash IS NULL")
        return [Path(os.fsdecode(name)) for (name,) in rows]

    def scanned_count(self) -> int:
        """How many distinct images were scanned, by any run."""
        return int(self.scalar("SELECT count(DISTINCT source_id) FROM scans") or 0)

    def class_names(self) -> tuple[str, ...]:
        """The classes of all runs, each once, those of the first run first."""
        names: dict[str, None] = {}
        for (text,) in self.query("SELECT class_names FROM runs ORDER BY id"):
            run = json.loads(text)
            by_number = ast.literal_eval(run) if isinstance(run, str) else run  # some runs hold it as Python writes it
            names |= dict.fromkeys(str(by_number[number]) for number in sorted(by_number, key=int))
        return tuple(names)

    def variant_counts(self) -> dict[int, int]:
        """How many variants a negative has, by its number; those without any are left out."""
        return dict(self.query("SELECT negative_id, count(*) FROM variants GROUP BY negative_id"))

    def tried(self, negative_id: int) -> set[tuple[str, str]]:
        """Operations of which the bank knows what they make of a negative, each with its parameters `as_json`."""
        question = "SELECT operation, parameters FROM {} WHERE negative_id = ?1"
        both = f"{question.format('variants')} UNION ALL {question.format('repeats')}"
        return set(self.query(both, (negative_id,)))

    def query(self, sql: str, parameters: tuple[object, ...] = ()) -> Iterator[tuple]:  # type: ignore[type-arg]
        """Rows of any SQL query, for notebooks; `negmine.bank.schema` describes the tables. negmine itself never asks.

        Raises:
            BankError: where SQLite refuses it.
        """
        with bank_errors(self.folder):
            yield from self._connection.execute(sql, parameters)

    def scalar(self, sql: str, parameters: tuple[object, ...] = ()) -> str | int | float | None:
        """The first column of the first row of any SQL query, for notebooks; None where there is no row."""
        row = next(self.query(sql, parameters), None)
        return None if row is None else row[0]


def as_json(parameters: Parameters) -> str:
    """Parameters as the bank writes them: the same values, the same text."""
    return json.dumps(parameters, sort_keys=True)


def require_bank(folder: Path) -> None:
    """Raise BankError unless a bank's database is in `folder`."""
    if not folder.exists():
        raise BankError(f"bank {printable(folder)} does not exist; `negmine scan` makes one, or name yours with --bank")
    if not (folder / DATABASE).is_file():
        raise BankError(f"{printable(folder)} is not a bank: it has no {DATABASE}; name the right folder with --bank")
