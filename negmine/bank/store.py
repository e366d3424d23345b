"""How one scanned image becomes rows: the part of the writer that keeps labels, detections and negatives in step."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence

from negmine.bank.among import among
from negmine.bank.carried_verdicts import doubts_of, inherited, keep_doubts
from negmine.bank.cells import BOX, FILE, FRAME_FILE, RECT, TEXT, WHOLE, checked
from negmine.bank.content_files import NEGATIVES, content_name
from negmine.bank.records import ItemRecord, NewNegative, ScannedImage, Stored
from negmine.bank.verdicts import record
from negmine.boxes import Rect, rect_touches, touched_pixels
from negmine.paths import printable
from negmine.structures import GroundTruth, as_boxes_xyxy

_FRAMES_OF = "SELECT DISTINCT f.source_id, f.file FROM crops c JOIN frames f USING (source_id) WHERE c.negative_id = ?"
# Variants that show negatives which they are not variants of. The pattern spares all others the reading of JSON.
_PASTED_INTO = """
SELECT id, file FROM variants WHERE parameters LIKE '%"onto"%'
AND CASE WHEN json_valid(parameters) THEN json_extract(parameters, '$.onto') END
    IN (SELECT sha256 FROM negatives WHERE id {})
"""
_ORIGIN = "scan"  # of a verdict that a negative inherits
_IMPORTED = "import/"  # how the hash of labels from another tool begins, before what was labelled


class ImageStore:
    """Writes the rows of images, inside a transaction of the caller.

    Args:
        connection: an open bank.
        put: stores the file of a negative under a name relative to the bank.
    """

    def __init__(self, connection: sqlite3.Connection, put: Callable[[str, NewNegative], None]) -> None:
        self._connection = connection
        self._put = put

    def register(
        self, item: ItemRecord, sha256: str, size_wh: tuple[int, int] | None, truth: GroundTruth | None
    ) -> int:
        """Store where an image was found and what labels it has there; return how many negatives that withdrew."""
        source_id = self._source(item, sha256, size_wh)
        self._name(item, source_id, truth)
        touching = touching_negatives(self._connection, source_id)
        delete_negatives(self._connection, sorted(touching))
        return len(touching)

    def store(self, run_id: int, image: ScannedImage) -> Stored:
        """Store what a run found in one image, in place of what it found there before."""
        withdrawn = self.register(image.item, image.sha256, image.size_wh, image.truth)
        source_id = self._source(image.item, image.sha256, image.size_wh)
        before = self._negatives_of(run_id, source_id)
        doubts = doubts_of(self._connection, before)
        self._connection.execute("DELETE FROM detections WHERE run_id = ? AND source_id = ?", (run_id, source_id))
        stored = [self._negative(negative, source_id) for negative in image.negatives]
        self._detections(run_id, source_id, image, [number for number, _ in stored])
        self._gaps(run_id, source_id, image)
        self._connection.execute(
            "INSERT OR REPLACE INTO scans (run_id, source_id, truth_key)"
            " SELECT ?, id, truth_key FROM sources WHERE id = ?",
            (run_id, source_id),
        )
        unfounded = self._without_detection(before)
        keep_doubts(self._connection, [each for each in doubts if each.negative in unfounded])
        delete_negatives(self._connection, sorted(unfounded))
        self._inherit(source_id, [number for number, new in stored if new])
        added = tuple(index for index, (_, new) in enumerate(stored) if new)
        return Stored(added=added, withdrawn=withdrawn + len(unfounded))

    def _inherit(self, source_id: int, new_ids: Sequence[int]) -> None:
        """Give new negatives what was said of the same place in the image."""
        for number, (state, likeness) in inherited(self._connection, source_id, new_ids).items():
            if state != "unreviewed":
                record(self._connection, [number], state, origin=_ORIGIN)
            if likeness is not None:
                self._connection.execute(
                    "INSERT INTO likenesses (negative_id, unlabelled) VALUES (?, ?)", (number, likeness)
                )

    def _source(self, item: ItemRecord, sha256: str, size_wh: tuple[int, int] | None) -> int:
        if size_wh is not None:
            self._connection.execute(
                "INSERT INTO sources (sha256, path, key, width, height, truth_key) VALUES (?, ?, ?, ?, ?, '')"
                " ON CONFLICT DO NOTHING",
                (sha256, item.shown or printable(item.key), os.fsencode(item.key), *size_wh),
            )
        return int(self._connection.execute("SELECT id FROM sources WHERE sha256 = ?", (sha256,)).fetchone()[0])

    def _name(self, item: ItemRecord, source_id: int, truth: GroundTruth | None) -> None:
        """Note an item and its labels; drop labels that no item of a source has any more."""
        key, stamp = os.fsencode(item.key), item.stamp
        was = self._connection.execute("SELECT source_id FROM items WHERE key = ?", (key,)).fetchone()
        self._connection.execute(
            "INSERT INTO items (path, key, size, mtime_ns, source_id, truth_hash, is_background)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (key) DO UPDATE SET size = excluded.size, mtime_ns = excluded.mtime_ns,"
            " source_id = excluded.source_id, truth_hash = excluded.truth_hash, is_background ="
            " max(excluded.is_background, is_background AND source_id = excluded.source_id)",  # said of it, it stays so
            (
                item.shown or printable(item.key),
                key,
                stamp.size,
                stamp.mtime_ns,
                source_id,
                item.truth_hash,
                int(item.is_background),
            ),
        )
        if truth is not None and item.truth_hash is not None:
            self._objects(source_id, item.truth_hash, truth)
        for touched in {source_id, *(was or ())}:
            self._renew_truth_key(touched)

    def _objects(self, source_id: int, truth_hash: str, truth: GroundTruth, *, is_merged: bool = False) -> None:
        cursor = self._connection.execute(
            "INSERT INTO truths (source_id, hash, is_merged) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (source_id, truth_hash, int(is_merged)),
        )
        if not cursor.rowcount:
            return
        marks = zip(truth.class_names, truth.difficult, truth.crowd, truth.boxes_xyxy, strict=True)
        self._connection.executemany(
            "INSERT INTO objects (truth_id, class_name, difficult, crowd, x1, y1, x2, y2)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [(cursor.lastrowid, name, int(hard), int(crowd), *map(float, box)) for name, hard, crowd, box in marks],
        )

    def _renew_truth_key(self, source_id: int) -> None:
        """Drop the labels that no item of the source has any more, but for merged ones, and hash those that are left.

        A source whose last item is gone keeps its labels: the image may come back, and the targets are still in it.
        """
        self._connection.execute(
            "DELETE FROM truths WHERE source_id = ?1 AND NOT is_merged"
            " AND EXISTS (SELECT 1 FROM items WHERE source_id = ?1)"
            " AND hash NOT IN (SELECT truth_hash FROM items WHERE source_id = ?1 AND truth_hash IS NOT NULL)",
            (source_id,),
        )
        hash_labels(self._connection, source_id)

    def import_labels(self, sha256: str, scope: str, truth_hash: str, truth: GroundTruth) -> set[int] | None:
        """Store labels of a source that were made in another tool, in place of those that came so before.

        Scans keep them, as they keep the labels of merged banks: no negative touches any of their objects.

        Args:
            sha256: of the source, which the bank knows.
            scope: what was labelled: the source itself, or a negative that was cut from it.
            truth_hash: changes when the labels do.
            truth: the objects, in pixels of the source.

        Returns:
            The negatives that show one of the objects, which are to be deleted; None where the bank had these labels.
        """
        (source_id,) = self._connection.execute("SELECT id FROM sources WHERE sha256 = ?", (sha256,)).fetchone()
        prefix = f"{_IMPORTED}{scope}/"
        name = f"{prefix}{truth_hash}"
        had = self._connection.execute(
            "SELECT hash FROM truths WHERE source_id = ? AND substr(hash, 1, ?) = ?", (source_id, len(prefix), prefix)
        )
        if [each for (each,) in checked(had, {"hash": TEXT})] == [name]:
            return None
        self._connection.execute(
            "DELETE FROM truths WHERE source_id = ? AND substr(hash, 1, ?) = ?", (source_id, len(prefix), prefix)
        )
        self._objects(source_id, name, truth, is_merged=True)
        hash_labels(self._connection, source_id)
        return touching_negatives(self._connection, source_id)

    def _negative(self, negative: NewNegative, source_id: int) -> tuple[int, bool]:
        """Store a negative, file first; return its number and whether it is new."""
        question = "SELECT id FROM negatives WHERE sha256 = ?"
        row = self._connection.execute(question, (negative.sha256,)).fetchone()
        if row is None:
            name = content_name(NEGATIVES, negative.sha256)
            self._put(name, negative)
            row = self._connection.execute(
                "INSERT INTO negatives (sha256, file, width, height, phash) VALUES (?, ?, ?, ?, ?) RETURNING id",
                (negative.sha256, name, *negative.size_wh, negative.phash),
            ).fetchone()
            new = True
        else:
            new = False
        self._connection.execute(
            "INSERT INTO crops (negative_id, source_id, x1, y1, x2, y2) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            (row[0], source_id, *negative.rect),
        )
        return int(row[0]), new

    def _detections(self, run_id: int, source_id: int, image: ScannedImage, negative_ids: list[int]) -> None:
        for d in image.detections:
            negative_id = None if d.negative is None else negative_ids[d.negative]
            self._connection.execute(
                "INSERT INTO detections (run_id, source_id, class_name, score, x1, y1, x2, y2, kind, negative_id,"
                " skipped) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (run_id, source_id, d.class_name, d.score, *d.box_xyxy, str(d.kind), negative_id, d.skipped),
            )

    def _gaps(self, run_id: int, source_id: int, image: ScannedImage) -> None:
        self._connection.execute("DELETE FROM gaps WHERE run_id = ? AND source_id = ?", (run_id, source_id))
        self._connection.executemany(
            "INSERT INTO gaps (run_id, source_id, class_name, score, x1, y1, x2, y2) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [(run_id, source_id, gap.class_name, gap.score, *gap.box_xyxy) for gap in image.gaps],
        )

    def _negatives_of(self, run_id: int, source_id: int) -> set[int]:
        rows = self._connection.execute(
            "SELECT DISTINCT negative_id FROM detections"
            " WHERE run_id = ? AND source_id = ? AND negative_id IS NOT NULL",
            (run_id, source_id),
        )
        return {number for (number,) in checked(rows, {"negative_id": WHOLE})}

    def _without_detection(self, negative_ids: Iterable[int]) -> set[int]:
        question = "SELECT 1 FROM detections WHERE negative_id = ? LIMIT 1"
        return {n for n in negative_ids if self._connection.execute(question, (n,)).fetchone() is None}


def delete_negatives(connection: sqlite3.Connection, negative_ids: Iterable[int]) -> None:
    """Delete negatives with their variants, and note their files for removal after the commit.

    So are the variants of others that were pasted into them. What was said of the negatives is kept, as far as their
    detections are still there.
    """
    negative_ids = list(negative_ids)
    if not negative_ids:  # as for almost every image of a scan: all variants would be searched for nothing
        return
    keep_doubts(connection, doubts_of(connection, negative_ids))
    within, asked = among(connection, negative_ids)
    pasted = list(checked(connection.execute(_PASTED_INTO.format(within), asked), {"id": WHOLE, "file": FILE}))
    connection.executemany("INSERT OR IGNORE INTO removals (file) VALUES (?)", [(file,) for _, file in pasted])
    connection.executemany("DELETE FROM variants WHERE id = ?", [(number,) for number, _ in pasted])
    files = "SELECT file FROM negatives WHERE id = ?1 UNION SELECT file FROM variants WHERE negative_id = ?1"
    for number in negative_ids:
        names = list(checked(connection.execute(files, (number,)), {"file": FILE}))
        connection.executemany("INSERT OR IGNORE INTO removals (file) VALUES (?)", names)
        frames = list(checked(connection.execute(_FRAMES_OF, (number,)), {"source_id": WHOLE, "file": FRAME_FILE}))
        connection.execute("DELETE FROM negatives WHERE id = ?", (number,))
        for source_id, name in frames:
            _drop_frame(connection, source_id, name)


def _drop_frame(connection: sqlite3.Connection, source_id: int, name: str) -> None:
    """Let go of a frame of a camera that no negative is cut from any more; its labels and doubts are kept."""
    if connection.execute("SELECT 1 FROM crops WHERE source_id = ? LIMIT 1", (source_id,)).fetchone() is None:
        connection.execute("INSERT OR IGNORE INTO removals (file) VALUES (?)", (name,))
        connection.execute("DELETE FROM frames WHERE source_id = ?", (source_id,))
        connection.execute("DELETE FROM items WHERE source_id = ?", (source_id,))


def hash_labels(connection: sqlite3.Connection, source_id: int) -> None:
    """Bring the key of a source's labels up to date."""
    question = "SELECT hash FROM truths WHERE source_id = ? ORDER BY hash"
    hashes = checked(connection.execute(question, (source_id,)), {"hash": TEXT})
    joined = "\n".join(row[0] for row in hashes)
    key = hashlib.sha256(joined.encode()).hexdigest() if joined else ""
    connection.execute("UPDATE sources SET truth_key = ? WHERE id = ?", (key, source_id))


def touching_negatives(connection: sqlite3.Connection, source_id: int) -> set[int]:
    """The negatives cut from a source that share a pixel with an object that is known by now."""
    objects = connection.execute(
        "SELECT x1, y1, x2, y2 FROM objects WHERE truth_id IN (SELECT id FROM truths WHERE source_id = ?)",
        (source_id,),
    )
    boxes = list(checked(objects, BOX))
    if not boxes:
        return set()
    blocked = touched_pixels(as_boxes_xyxy(boxes))
    crops = connection.execute("SELECT negative_id, x1, y1, x2, y2 FROM crops WHERE source_id = ?", (source_id,))
    rows = checked(crops, {"negative_id": WHOLE, **RECT})
    return {number for number, *rect in rows if rect_touches(Rect(*rect), blocked)}
