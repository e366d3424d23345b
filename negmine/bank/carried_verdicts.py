"""Doubts that outlive their negatives: a verdict is about a place in an image, whatever file was cut around it.

A negative goes when labels touch it, when a run no longer fires there, or when its file was deleted. Another run cuts
another negative around the same place. Neither may turn a target that nobody labelled into training data.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from negmine.bank.among import among
from negmine.bank.cells import BOX, NUMBER, NUMBER_OR_NULL, REVIEW, TEXT, WHOLE, checked
from negmine.bank.filters import ReviewState
from negmine.boxes import box_iou
from negmine.limits import MAX_PAIRS
from negmine.structures import as_boxes_xyxy

SAME_PLACE_IOU = 0.5  # of two false positives in one image

_OF_NEGATIVES = """
SELECT d.negative_id, d.source_id, coalesce(r.state, 'unreviewed') AS state, l.unlabelled, d.class_name, d.score,
       d.x1, d.y1, d.x2, d.y2
FROM detections d LEFT JOIN reviews r ON r.negative_id = d.negative_id
LEFT JOIN likenesses l ON l.negative_id = d.negative_id
WHERE {} AND (r.state IS NOT NULL OR l.unlabelled IS NOT NULL)
"""
_KEPT = "SELECT 0, source_id, state, unlabelled, class_name, score, x1, y1, x2, y2 FROM doubts WHERE source_id = ?"
_COLUMNS = {
    "negative_id": WHOLE, "source_id": WHOLE, "state": REVIEW, "unlabelled": NUMBER_OR_NULL, "class_name": TEXT,
    "score": NUMBER, **BOX,
}  # fmt: skip
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Doubt:
    """What was said of a false positive.

    Attributes:
        negative: the number of the negative that was cut around it; 0 where that is gone.
        source: the number of the image.
        state: the verdict.
        unlabelled: how much it looks like a target without a label; None where nobody compared.
        class_name, score, box_xyxy: of the detection, pixels of the image.
    """

    negative: int
    source: int
    state: ReviewState
    unlabelled: float | None
    class_name: str
    score: float
    box_xyxy: Box


def doubts_of(connection: sqlite3.Connection, negative_ids: Collection[int]) -> list[Doubt]:
    """What was said of negatives; those of which nothing was said are left out."""
    if not negative_ids:
        return []
    within, asked = among(connection, sorted(negative_ids))
    return _read(connection.execute(_OF_NEGATIVES.format(f"d.negative_id {within}"), asked))


def keep_doubts(connection: sqlite3.Connection, doubts: Iterable[Doubt]) -> None:
    """Keep what was said of negatives that are about to go. What was accepted may be asked again."""
    connection.executemany(
        "INSERT INTO doubts (source_id, state, unlabelled, class_name, score, x1, y1, x2, y2)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [
            (each.source, each.state, each.unlabelled, each.class_name, each.score, *each.box_xyxy)
            for each in doubts
            if each.state != "accepted"
        ],
    )


def forget_doubts(connection: sqlite3.Connection, negative_ids: Collection[int]) -> None:
    """Forget what was kept of the places of negatives: a person has decided otherwise."""
    if connection.execute("SELECT 1 FROM doubts LIMIT 1").fetchone() is None:
        return
    within, asked = among(connection, sorted(negative_ids))
    question = f"SELECT source_id, x1, y1, x2, y2 FROM detections WHERE negative_id {within}"
    rows = connection.execute(question, asked).fetchall()
    for source, *box in checked(rows, {"source_id": WHOLE, **BOX}):
        kept = _read(connection.execute(_KEPT, (source,)))
        connection.executemany(
            "DELETE FROM doubts WHERE source_id = ? AND x1 = ? AND y1 = ? AND x2 = ? AND y2 = ?",
            [(source, *each.box_xyxy) for each in _at(kept, [(box[0], box[1], box[2], box[3])])],
        )


def inherited(
    connection: sqlite3.Connection, source_id: int, new_ids: Sequence[int]
) -> Mapping[int, tuple[ReviewState, float | None]]:
    """What new negatives of an image inherit from others at the same place, and from those that are gone.

    Args:
        connection: in a transaction, with the detections of the new negatives.
        source_id: of the image.
        new_ids: of the negatives.

    Returns:
        The verdict, and how much it looks like a target without a label, by number; those that inherit nothing are
        left out. One that a person accepted is no doubt, and outweighs a likeness.
    """
    if not new_ids:
        return {}
    others = _read(connection.execute(_OF_NEGATIVES.format("d.source_id = ?"), (source_id,)))
    new = {*new_ids}
    known = [each for each in others if each.negative not in new]
    known += _read(connection.execute(_KEPT, (source_id,)))
    if not known:
        return {}
    found: dict[int, tuple[ReviewState, float | None]] = {}
    for number in new_ids:
        rows = connection.execute(
            "SELECT x1, y1, x2, y2 FROM detections WHERE negative_id = ? AND source_id = ?", (number, source_id)
        ).fetchall()
        said = _summary(_at(known, [(row[0], row[1], row[2], row[3]) for row in checked(rows, BOX)]))
        if said is not None:
            found[number] = said
    return found


def _summary(doubts: Sequence[Doubt]) -> tuple[ReviewState, float | None] | None:
    states = {each.state for each in doubts}
    worst: ReviewState = next((each for each in ("target", "rejected") if each in states), "unreviewed")
    likeness = max((each.unlabelled for each in doubts if each.unlabelled is not None), default=None)
    if worst == "unreviewed" and ("accepted" in states or likeness is None):
        return None
    return worst, likeness


def _at(doubts: Sequence[Doubt], boxes: Sequence[Box]) -> list[Doubt]:
    """Those whose box is at the place of one of the boxes."""
    if not doubts or not boxes:
        return []
    places, found = as_boxes_xyxy(boxes), []
    at_once = max(MAX_PAIRS // len(boxes), 1)  # somebody else's bank may hold any number of both
    for start in range(0, len(doubts), at_once):
        part = doubts[start : start + at_once]
        overlaps = box_iou(as_boxes_xyxy([each.box_xyxy for each in part]), places).max(axis=1)
        found += [doubt for doubt, overlap in zip(part, overlaps, strict=True) if overlap >= SAME_PLACE_IOU]
    return found


def _read(cursor: sqlite3.Cursor) -> list[Doubt]:
    return [
        Doubt(negative, source, state, unlabelled, name, score, (x1, y1, x2, y2))
        for negative, source, state, unlabelled, name, score, x1, y1, x2, y2 in checked(cursor, _COLUMNS)
    ]
