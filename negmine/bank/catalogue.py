"""What the bank knows of files and pictures, asked for many at a time: a million images are passed over by it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from negmine.bank.bank import Bank
from negmine.bank.records import FileStamp, KnownFile, KnownSource
from negmine.structures import GroundTruth

_AT_ONCE = (8, 128)  # values in one question; few sizes, so that SQLite has each question prepared

_FILES = """
SELECT f.path_bytes, f.size, f.mtime_ns, f.truth_hash, s.sha256, x.truth_key IS s.truth_key
FROM files f
JOIN sources s ON s.id = f.source_id
LEFT JOIN scans x ON x.run_id = ? AND x.source_id = s.id
WHERE f.path_bytes IN ({})
"""
_SOURCES = """
SELECT s.sha256, x.truth_key IS s.truth_key, s.truth_key != ''
FROM sources s LEFT JOIN scans x ON x.run_id = ? AND x.source_id = s.id
WHERE s.sha256 IN ({})
"""
# A text of its own: Python prepares each text once for a connection, and since 3.12 two threads that run the same one
# at the same moment may be given each other's values.
_GUESS = """
SELECT 1 FROM sources s JOIN scans x ON x.source_id = s.id AND x.truth_key = s.truth_key
WHERE x.run_id = ? AND s.sha256 = ?
"""


class Catalogue(Bank):
    """The questions of a scan to the bank; each costs a few look-ups in an index, however large the bank is."""

    def known_files(self, run_id: int, paths: Sequence[Path]) -> list[KnownFile | None]:
        """What the bank knows of each path, and whether a run is done with its content and labels; None if nothing."""
        names = [os.fsencode(path) for path in paths]
        rows = {name: row for name, *row in self._in_batches(_FILES, run_id, names)}
        found: list[KnownFile | None] = []
        for path, name in zip(paths, names, strict=True):
            if (row := rows.get(name)) is None:
                found.append(None)
            else:
                size, mtime_ns, truth_hash, sha256, done = row
                found.append(KnownFile(FileStamp(path, size, mtime_ns, truth_hash), sha256, bool(done)))
        return found

    def known_sources(self, run_id: int, sha256s: Sequence[str]) -> dict[str, KnownSource]:
        """What the bank knows of each content, by its hash, wherever it was found; unknown ones are left out."""
        rows = self._in_batches(_SOURCES, run_id, sha256s)
        return {sha256: KnownSource(bool(done), bool(labelled)) for sha256, done, labelled in rows}

    def is_done(self, run_id: int, sha256: str) -> bool:
        """Whether a run has judged this content, wherever it was found, with the labels that are known now."""
        known = self.known_sources(run_id, [sha256]).get(sha256)
        return known is not None and known.done

    def seems_done(self, run_id: int, sha256: str) -> bool:
        """What `is_done` says, for one other thread at a time, perhaps outdated: it spares work and decides nothing."""
        return sqlite3.threadsafety == 3 and next(self.query(_GUESS, (run_id, sha256)), None) is not None

    def known_truth(self, sha256: str) -> GroundTruth:
        """The objects that files of this content are labelled with."""
        rows = list(
            self.query(
                "SELECT o.x1, o.y1, o.x2, o.y2, o.class_name, o.difficult, o.crowd FROM sources s"
                " JOIN truths t ON t.source_id = s.id JOIN objects o ON o.truth_id = t.id WHERE s.sha256 = ?"
                " ORDER BY o.id",
                (sha256,),
            )
        )
        return GroundTruth.of(
            [row[:4] for row in rows],
            [row[4] for row in rows],
            difficult=[bool(row[5]) for row in rows],
            crowd=[bool(row[6]) for row in rows],
        )

    def _in_batches(self, question: str, run_id: int, values: Sequence[object]) -> Iterator[tuple]:  # type: ignore[type-arg]
        for start in range(0, len(values), _AT_ONCE[-1]):
            batch = values[start : start + _AT_ONCE[-1]]
            size = next(size for size in _AT_ONCE if size >= len(batch))
            padding = [None] * (size - len(batch))  # NULL is in no list
            yield from self.query(question.format(", ".join("?" * size)), (run_id, *batch, *padding))
