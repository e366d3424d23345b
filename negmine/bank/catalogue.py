"""What the bank knows of items and contents, asked for many at a time: a million unchanged images are skipped by it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from negmine.bank.bank import Bank
from negmine.bank.cells import BOX, FLAG, KEY, RECT, SHA256, STAMP, TEXT, TEXT_OR_NULL, Cell, Row
from negmine.bank.records import ItemRecord, KnownItem, KnownSource
from negmine.boxes import Box, Rect
from negmine.structures import FileStamp, GroundTruth

_ITEM = {
    "key": KEY, "size": STAMP, "mtime_ns": STAMP, "truth_hash": TEXT_OR_NULL, "is_background": FLAG, "sha256": SHA256,
    "done": FLAG,
}  # fmt: skip
_SOURCE = {"sha256": SHA256, "done": FLAG, "labelled": FLAG}
_OBJECT = {**BOX, "class_name": TEXT, "difficult": FLAG, "crowd": FLAG}
_AT_ONCE = (8, 128)  # values in one question; few sizes, so that SQLite has each question prepared

_ITEMS = """
SELECT i.key, i.size, i.mtime_ns, i.truth_hash, i.is_background, s.sha256, x.truth_key IS s.truth_key
FROM items i
JOIN sources s ON s.id = i.source_id
LEFT JOIN scans x ON x.run_id = ? AND x.source_id = s.id
WHERE i.key IN ({})
"""
_SOURCES = """
SELECT s.sha256, x.truth_key IS s.truth_key, s.truth_key != ''
FROM sources s LEFT JOIN scans x ON x.run_id = ? AND x.source_id = s.id
WHERE s.sha256 IN ({})
"""

_PLACED = """
SELECT s.key, d.class_name, d.x1, d.y1, d.x2, d.y2, n.sha256, c.x1, c.y1, c.x2, c.y2
FROM sources s JOIN detections d ON d.source_id = s.id JOIN negatives n ON n.id = d.negative_id
JOIN crops c ON c.negative_id = n.id AND c.source_id = s.id
WHERE s.key > ? AND s.key < ? AND d.run_id = ? ORDER BY d.id
"""
_PLACED_LIVE = """
SELECT s.key, d.class_name, d.x1, d.y1, d.x2, d.y2, n.sha256, c.x1, c.y1, c.x2, c.y2, f.taken_ms
FROM frames f JOIN sources s ON s.id = f.source_id JOIN detections d ON d.source_id = s.id
JOIN negatives n ON n.id = d.negative_id JOIN crops c ON c.negative_id = n.id AND c.source_id = s.id
WHERE f.camera = ? AND d.run_id = ? ORDER BY f.taken_ms, d.id
"""
_PLACE = {"key": KEY, "class_name": TEXT, **BOX, "sha256": SHA256} | {
    f"crop_{each}": cell for each, cell in RECT.items()
}


@dataclass(frozen=True, slots=True)
class PlacedNegative:
    """A false positive of a video, and the negative around it.

    Attributes:
        key: of the frame.
        class_name: what the detector took it for.
        box_xyxy: pixels of the frame.
        sha256: of the negative.
        rect: where that was cut.
    """

    key: str
    class_name: str
    box_xyxy: Box
    sha256: str
    rect: Rect


def _placed(row: Row) -> PlacedNegative:
    key, class_name, x1, y1, x2, y2, sha256, *rect = row
    return PlacedNegative(os.fsdecode(key), class_name, (x1, y1, x2, y2), sha256, Rect(*rect))


class Catalogue(Bank):
    """The questions of a scan to the bank; each costs a few look-ups in an index, however large the bank is."""

    def known_items(self, run_id: int, keys: Sequence[str]) -> list[KnownItem | None]:
        """What the bank knows of each item, and whether a run is done with its content and labels; None if nothing."""
        names = [os.fsencode(key) for key in keys]
        rows = {name: row for name, *row in self._in_batches(_ITEMS, _ITEM, run_id, names)}
        found: list[KnownItem | None] = []
        for key, name in zip(keys, names, strict=True):
            if (row := rows.get(name)) is None:
                found.append(None)
            else:
                size, mtime_ns, truth_hash, is_background, sha256, done = row
                record = ItemRecord(key, FileStamp(size, mtime_ns), truth_hash, bool(is_background))
                found.append(KnownItem(record, sha256, bool(done)))
        return found

    def known_sources(self, run_id: int, sha256s: Sequence[str]) -> dict[str, KnownSource]:
        """What the bank knows of each content, by its hash, wherever it was found; unknown ones are left out."""
        rows = self._in_batches(_SOURCES, _SOURCE, run_id, sha256s)
        return {sha256: KnownSource(bool(done), bool(labelled)) for sha256, done, labelled in rows}

    def placed(self, run_id: int, video: Path) -> list[PlacedNegative]:
        """The negatives that a run has cut from frames of a video, in the order in which they came."""
        prefix = os.fsencode(video) + os.fsencode(os.sep)
        return [_placed(row) for row in self.rows(_PLACED, _PLACE, (prefix, prefix + b"\xff", run_id))]

    def placed_live(self, run_id: int, camera: str) -> list[tuple[PlacedNegative, int]]:
        """The negatives that a run has cut from frames of a camera, each with its time, in their order."""
        rows = self.rows(_PLACED_LIVE, {**_PLACE, "taken_ms": STAMP}, (camera, run_id))
        return [(_placed(row[:-1]), row[-1]) for row in rows]

    def has_labels(self) -> bool:
        """Whether the bank holds the labels of any image."""
        return bool(self.scalar("SELECT EXISTS (SELECT 1 FROM truths)"))

    def known_truth(self, sha256: str) -> GroundTruth:
        """The objects that items of this content are labelled with."""
        rows = list(
            self.rows(
                "SELECT o.x1, o.y1, o.x2, o.y2, o.class_name, o.difficult, o.crowd FROM sources s"
                " JOIN truths t ON t.source_id = s.id JOIN objects o ON o.truth_id = t.id WHERE s.sha256 = ?"
                " ORDER BY o.id",
                _OBJECT,
                (sha256,),
            )
        )
        return GroundTruth.of(
            [row[:4] for row in rows],
            [row[4] for row in rows],
            difficult=[bool(row[5]) for row in rows],
            crowd=[bool(row[6]) for row in rows],
        )

    def _in_batches(
        self, question: str, columns: Mapping[str, Cell], run_id: int, values: Sequence[object]
    ) -> Iterator[Row]:
        for start in range(0, len(values), _AT_ONCE[-1]):
            batch = values[start : start + _AT_ONCE[-1]]
            size = next(size for size in _AT_ONCE if size >= len(batch))
            padding = [None] * (size - len(batch))  # NULL is in no list
            asked = question.format(", ".join("?" * size))
            yield from self.rows(asked, columns, (run_id, *batch, *padding))
