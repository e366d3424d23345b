"""How the rows of another bank become rows of this one, inside a transaction of the caller."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from negmine.bank.carried_verdicts import Doubt, inherited, keep_doubts
from negmine.bank.cells import WHOLE, WHOLE_OR_NULL, checked
from negmine.bank.content_files import NEGATIVES, StagedFile, content_name
from negmine.bank.other_bank import OtherBank, OtherNegative, OtherSource
from negmine.bank.records import frame_shown
from negmine.bank.store import delete_negatives, hash_labels, touching_negatives
from negmine.bank.verdicts import record
from negmine.paths import printable

_ITEMS = (
    "INSERT INTO items (path, key, size, mtime_ns, source_id, truth_hash, is_background) VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_HOLD = """
INSERT INTO likenesses (negative_id, unlabelled) VALUES (?, ?) ON CONFLICT (negative_id)
DO UPDATE SET unlabelled = max(coalesce(unlabelled, excluded.unlabelled), excluded.unlabelled)
"""
_GAP_REVIEW = """
INSERT INTO gap_reviews (source_id, class_name, state, score, x1, y1, x2, y2) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET state = 'target' WHERE excluded.state = 'target'
"""
NOT_MERGED = "not merged"  # why a false positive of another bank has no negative here


@dataclass(frozen=True, slots=True)
class ReadyNegative:
    """A negative of another bank whose file was checked, and is to be taken."""

    negative: OtherNegative
    staged: StagedFile
    phash: str


def doubts_of(source: OtherSource, other: OtherBank, known: Mapping[int, int]) -> list[Doubt]:
    """What another bank says of places in an image whose negatives are not here.

    Args:
        source: the image, whose number here is not known yet.
        other: the bank.
        known: its negatives that are here, by number there.
    """
    doubts = [
        Doubt(0, 0, state, likeness, name, score, (x1, y1, x2, y2))
        for state, likeness, name, score, x1, y1, x2, y2 in source.doubts
    ]
    for name, score, x1, y1, x2, y2, _, negative, _ in chain.from_iterable(source.detections.values()):
        said = None if negative in known else other.negatives.get(negative)
        if said is not None and said.is_doubted_or_judged:
            doubts.append(Doubt(0, 0, said.state, said.unlabelled, name, score, (x1, y1, x2, y2)))
    return doubts


class MergeStore:
    """Writes the rows of another bank; see `BankWriter.merge_store`.

    Args:
        connection: an open bank.
        place: gives a staged file its name, relative to the bank.
    """

    def __init__(self, connection: sqlite3.Connection, place: Callable[[str, StagedFile], None]) -> None:
        self._connection = connection
        self._place = place

    def runs(self, other: OtherBank) -> dict[int, int]:
        """Store the runs of another bank; return their numbers here, by those there."""
        numbers = {}
        for number, (weights, sha256, names, detector, scan, versions) in other.runs.items():
            key = hashlib.sha256("\n".join([sha256, names, detector, scan]).encode()).hexdigest()
            self._connection.execute(
                "INSERT INTO runs (key, weights, weights_sha256, class_names, detector_settings, scan_settings,"
                " versions) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING",
                (key, weights, sha256, names, detector, scan, versions),
            )
            numbers[number] = self._number("SELECT id FROM runs WHERE key = ?", key)
        return numbers

    def take(
        self, source: OtherSource, runs: Mapping[int, int], known: dict[int, int], ready: Mapping[int, ReadyNegative]
    ) -> None:
        """Store what runs found in an image. Where a run has looked at it here too, what is here stays.

        An image that lost a negative here counts as not scanned, and takes up what the run found there.

        Args:
            source: the image.
            runs: the number of each run here.
            known: the number of each negative that is here, by that there; those that are new are added.
            ready: those that may be added.
        """
        source_id = self._source(source)
        taken, added = set[int](), set[int]()
        for run in sorted({*source.scans, *source.detections}):
            there = {known.get(negative) for *_, negative, _ in source.detections.get(run, ())}
            if run not in runs or self._stays(runs[run], source_id, there if run in source.scans else None):
                continue
            for table in ("detections", "gaps"):
                self._connection.execute(
                    f"DELETE FROM {table} WHERE run_id = ? AND source_id = ?", (runs[run], source_id)
                )
            if run in source.scans:
                self._connection.execute(
                    "INSERT INTO scans (run_id, source_id, truth_key) VALUES (?, ?, ?)",
                    (runs[run], source_id, source.scans[run]),
                )
            self._connection.executemany(
                "INSERT INTO gaps (run_id, source_id, class_name, score, x1, y1, x2, y2)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [(runs[run], source_id, *row) for row in source.gaps.get(run, ())],
            )
            for *columns, negative, skipped in source.detections.get(run, ()):
                if negative in ready and negative not in known:
                    known[negative] = self._negative(ready[negative])
                    added.add(known[negative])
                number = known.get(negative)
                if number is not None:
                    taken.add(negative)
                why = NOT_MERGED if number is None and negative is not None else skipped
                self._connection.execute(
                    "INSERT INTO detections (run_id, source_id, class_name, score, x1, y1, x2, y2, kind, negative_id,"
                    " skipped) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (runs[run], source_id, *columns, number, why),
                )
        self._connection.executemany(
            "INSERT INTO crops (negative_id, source_id, x1, y1, x2, y2) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            [(known[negative], source_id, *rect) for negative, rect in source.crops if negative in taken],
        )
        if added:
            self._inherit(source_id, [number for number in self._undecided(source_id) if number in added])

    def gap_reviews(self, source: OtherSource) -> None:
        """Store what the other bank says of likely misses in an image; where both say something, the safer holds."""
        reviews = [row for row in source.gap_reviews if row[1] in ("rejected", "target")]
        if reviews:
            source_id = self._source(source)
            self._connection.executemany(_GAP_REVIEW, [(source_id, *row) for row in reviews])

    def frame(self, source: OtherSource, staged: StagedFile) -> bool:
        """Store the frame that an image of a camera is, if a negative here was cut from it; whether that was done."""
        source_id, frame = self._source(source), source.frame
        question = "SELECT 1 FROM crops WHERE source_id = ? LIMIT 1"
        if frame is None or self._connection.execute(question, (source_id,)).fetchone() is None:
            return False
        self._place(frame.file.name, staged)
        self._connection.execute(
            "INSERT INTO frames (source_id, file, camera, taken_ms) VALUES (?, ?, ?, ?)",
            (source_id, frame.file.name, frame.camera, frame.taken_ms),
        )
        key, shown = os.fsencode(frame.file.name), frame_shown(frame.camera, frame.taken_ms)
        self._connection.executemany(
            f"{_ITEMS} ON CONFLICT DO NOTHING",
            [(shown, key, size, mtime_ns, source_id, None, is_background)
             for name, size, mtime_ns, _, is_background in source.items if name == key],
        )  # fmt: skip
        return True

    def label(self, source: OtherSource) -> set[int]:
        """Store where an image was found and its labels; return the negatives here that touch an object by now."""
        source_id = self._source(source)
        for truth_hash, objects in sorted(source.labels.items()):
            cursor = self._connection.execute(
                "INSERT INTO truths (source_id, hash, is_merged) VALUES (?, ?, 1) ON CONFLICT DO NOTHING",
                (source_id, truth_hash),
            )
            if cursor.rowcount:
                self._connection.executemany(
                    "INSERT INTO objects (truth_id, class_name, difficult, crowd, x1, y1, x2, y2)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    [(cursor.lastrowid, *row) for row in objects],
                )
        self._connection.executemany(
            f"{_ITEMS} ON CONFLICT (key) DO UPDATE SET truth_hash = coalesce(truth_hash, excluded.truth_hash),"
            " is_background = max(is_background, excluded.is_background) WHERE source_id = excluded.source_id",
            [
                (printable(os.fsdecode(key)), key, size, mtime_ns, source_id, truth_hash, is_background)
                for key, size, mtime_ns, truth_hash, is_background in (source.items if source.frame is None else ())
                if truth_hash is None or truth_hash in source.labels
            ],
        )
        if not source.labels:
            return set()
        hash_labels(self._connection, source_id)
        return touching_negatives(self._connection, source_id)

    def doubt(self, source: OtherSource, doubts: Sequence[Doubt]) -> int:
        """Keep what the other bank says of places in an image; see `doubts_of`.

        Returns:
            How many negatives here, that nobody had decided about, got a verdict by their place.
        """
        source_id = self._source(source)
        keep_doubts(self._connection, [replace(each, source=source_id) for each in doubts])
        return self._inherit(source_id, self._undecided(source_id))

    def hold(self, unlabelled: Mapping[int, float]) -> None:
        """Note how much negatives look like targets without a label, by number; more than is known here counts."""
        self._connection.executemany(_HOLD, sorted(unlabelled.items()))

    def withdraw(self, negative_ids: set[int]) -> None:
        """Delete negatives that show an object."""
        delete_negatives(self._connection, sorted(negative_ids))

    def _source(self, source: OtherSource) -> int:
        self._connection.execute(
            "INSERT INTO sources (sha256, path, key, width, height, truth_key) VALUES (?, ?, ?, ?, ?, '')"
            " ON CONFLICT DO NOTHING",
            (source.sha256, printable(os.fsdecode(source.key)), source.key, *source.size_wh),
        )
        return self._number("SELECT id FROM sources WHERE sha256 = ?", source.sha256)

    def _stays(self, run_id: int, source_id: int, there: set[int | None] | None) -> bool:
        """Whether what a run found in an image here is kept: it is whole, or the other bank knows less of it.

        Args:
            run_id: of the run.
            source_id: of the image.
            there: the negatives of its detections in the other bank, by their numbers here; None where they are not
                whole there.
        """
        scanned = "SELECT 1 FROM scans WHERE run_id = ? AND source_id = ?"
        if self._connection.execute(scanned, (run_id, source_id)).fetchone() is not None:
            return True
        question = "SELECT DISTINCT negative_id FROM detections WHERE run_id = ? AND source_id = ?"
        rows = checked(self._connection.execute(question, (run_id, source_id)), {"negative_id": WHOLE_OR_NULL})
        here = {number for (number,) in rows}
        return bool(here) and (there is None or not here - {None} <= there)

    def _undecided(self, source_id: int) -> list[int]:
        """The negatives of an image that nobody has decided about."""
        question = (
            "SELECT DISTINCT negative_id FROM detections d WHERE source_id = ? AND negative_id IS NOT NULL"
            " AND NOT EXISTS (SELECT 1 FROM reviews r WHERE r.negative_id = d.negative_id) ORDER BY 1"
        )
        return [
            number for (number,) in checked(self._connection.execute(question, (source_id,)), {"negative_id": WHOLE})
        ]

    def _inherit(self, source_id: int, negative_ids: Sequence[int]) -> int:
        """Give negatives of an image what is known of their places; how many got a verdict."""
        found = inherited(self._connection, source_id, negative_ids)
        for number, (state, _) in found.items():
            if state != "unreviewed":
                record(self._connection, [number], state, origin="merge")
        self.hold({number: likeness for number, (_, likeness) in found.items() if likeness is not None})
        return sum(state != "unreviewed" for state, _ in found.values())

    def _negative(self, ready: ReadyNegative) -> int:
        """Store a negative, file first, with what was said of it."""
        negative, file = ready.negative, ready.negative.file
        name = content_name(NEGATIVES, file.sha256)
        self._place(name, ready.staged)
        (number,) = self._connection.execute(
            "INSERT INTO negatives (sha256, file, width, height, phash) VALUES (?, ?, ?, ?, ?) RETURNING id",
            (file.sha256, name, *file.size_wh, ready.phash),
        ).fetchone()
        if negative.state != "unreviewed":
            self._connection.execute("INSERT INTO reviews (negative_id, state) VALUES (?, ?)", (number, negative.state))
        if negative.unlabelled is not None:
            self.hold({number: negative.unlabelled})
        return int(number)

    def _number(self, question: str, value: str) -> int:
        return int(self._connection.execute(question, (value,)).fetchone()[0])
