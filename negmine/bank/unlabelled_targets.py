"""Targets without labels: marked by a person, or likely missed between two frames of a video; and in which images."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from negmine.bank.bank import Bank
from negmine.bank.cells import BOX, FLAG, KEY, NUMBER, SHA256, SIDE, TEXT, WHOLE
from negmine.bank.content_files import source_path
from negmine.bank.gaps import Gap, at_place, likely_misses
from negmine.structures import GroundTruth

_MARKED = """
SELECT s.sha256, s.width, s.height, r.negative_id, d.class_name, d.score, d.x1, d.y1, d.x2, d.y2, 0
FROM reviews r JOIN detections d ON d.negative_id = r.negative_id JOIN sources s ON s.id = d.source_id
WHERE r.state = 'target'
UNION ALL
SELECT s.sha256, s.width, s.height, 0, d.class_name, d.score, d.x1, d.y1, d.x2, d.y2, 0
FROM doubts d JOIN sources s ON s.id = d.source_id WHERE d.state = 'target'
UNION ALL
SELECT s.sha256, s.width, s.height, 0, r.class_name, r.score, r.x1, r.y1, r.x2, r.y2, 1
FROM gap_reviews r JOIN sources s ON s.id = r.source_id WHERE r.state = 'target'
ORDER BY 1, 6 DESC, 7, 8, 9, 10
"""
_GAPS = """
SELECT s.sha256, s.width, s.height, 0, g.class_name, g.score, g.x1, g.y1, g.x2, g.y2, 1
FROM gaps g JOIN sources s ON s.id = g.source_id
UNION ALL
SELECT s.sha256, s.width, s.height, 0, d.class_name, d.score, d.x1, d.y1, d.x2, d.y2, 0
FROM detections d JOIN sources s ON s.id = d.source_id
WHERE d.kind = 'unjudged' AND EXISTS (SELECT 1 FROM gaps g WHERE g.source_id = d.source_id AND g.run_id = d.run_id)
ORDER BY 1, 6 DESC, 7, 8, 9, 10
"""
_IMAGES_WITH_GAPS = "WITH marked AS (SELECT DISTINCT source_id AS id FROM gaps)"
_IMAGES = """
WITH marked AS (SELECT DISTINCT d.source_id AS id FROM reviews r JOIN detections d ON d.negative_id = r.negative_id
                WHERE r.state = 'target' UNION SELECT source_id FROM doubts WHERE state = 'target'
                UNION SELECT source_id FROM gap_reviews WHERE state = 'target')
"""
_PATHS = """{}
SELECT s.sha256, s.key FROM sources s WHERE s.id IN (SELECT id FROM marked)
UNION ALL SELECT s.sha256, i.key FROM items i JOIN sources s ON s.id = i.source_id WHERE s.id IN (SELECT id FROM marked)
"""
_OBJECTS = """{}
SELECT DISTINCT s.sha256, o.class_name, o.difficult, o.crowd, o.x1, o.y1, o.x2, o.y2
FROM objects o JOIN truths t ON t.id = o.truth_id JOIN sources s ON s.id = t.source_id
WHERE s.id IN (SELECT id FROM marked) ORDER BY s.sha256, o.id
"""
_CALLED_EMPTY = """{}
SELECT s.sha256 FROM truths t JOIN sources s ON s.id = t.source_id
WHERE s.id IN (SELECT id FROM marked) AND t.hash LIKE 'import/' || s.sha256 || '/%'
AND NOT EXISTS (SELECT 1 FROM objects o WHERE o.truth_id = t.id)
"""


@dataclass(frozen=True, slots=True)
class MarkedBox:
    """A false positive in a negative that shows a target, or a box of a frame with a likely miss.

    Attributes:
        negative: the number of the negative; 0 where it is gone, or there is none.
        class_name, score: as the detector gave them.
        box_xyxy: pixels of the source.
        is_gap: whether it is the likely miss, where the detector found nothing.
    """

    negative: int
    class_name: str
    score: float
    box_xyxy: tuple[float, float, float, float]
    is_gap: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class MarkedImage:
    """An image with a target that nobody labelled.

    Attributes:
        sha256: of its bytes.
        paths: where it was found.
        size_wh: pixels, upright.
        boxes: what the detector found of it, highest score first.
        objects: that the bank knows in it.
        is_called_empty: whether labels of the whole image that were imported have no object, and it has no others.
    """

    sha256: str
    paths: tuple[Path, ...]
    size_wh: tuple[int, int]
    boxes: tuple[MarkedBox, ...]
    objects: GroundTruth
    is_called_empty: bool = False


def marked_images(bank: Bank) -> list[MarkedImage]:
    """The images of all negatives that are marked as targets, by hash, whether they are labelled by now or not."""
    return _images(bank, _MARKED, _IMAGES)


def gap_images(bank: Bank) -> list[MarkedImage]:
    """The frames with likely misses, by hash: with these, and with what was found in them and confirmed by others.

    Where a person said that nothing was missed, there is no box.
    """
    rejected: dict[str, list[Gap]] = defaultdict(list)
    waiting = set[str]()
    for gap in likely_misses(bank):
        if gap.state == "rejected":
            rejected[gap.source_sha256].append(gap)
        else:
            waiting.add(gap.source_sha256)
    return [
        replace(image, boxes=tuple(box for box in image.boxes if not _is_at(box, rejected[image.sha256])))
        for image in _images(bank, _GAPS, _IMAGES_WITH_GAPS)
        if image.sha256 in waiting
    ]


def _is_at(box: MarkedBox, gaps: Sequence[Gap]) -> bool:
    return any(at_place(box.box_xyxy, [gap.box_xyxy for gap in gaps if gap.class_name == box.class_name]))


def _images(bank: Bank, rows: str, which: str) -> list[MarkedImage]:
    boxes: dict[str, list[MarkedBox]] = defaultdict(list)
    sizes: dict[str, tuple[int, int]] = {}
    columns = {
        "sha256": SHA256, "width": SIDE, "height": SIDE, "negative_id": WHOLE, "class_name": TEXT, "score": NUMBER,
        **BOX, "is_gap": FLAG,
    }  # fmt: skip
    for sha256, width, height, negative, name, score, x1, y1, x2, y2, is_gap in bank.rows(rows, columns):
        sizes[sha256] = (width, height)
        boxes[sha256].append(MarkedBox(negative, name, score, (x1, y1, x2, y2), bool(is_gap)))
    if not boxes:
        return []
    paths: dict[str, dict[Path, None]] = defaultdict(dict)
    for sha256, key in bank.rows(_PATHS.format(which), {"sha256": SHA256, "key": KEY}):
        paths[sha256][source_path(bank.folder, key)] = None
    objects = dict(_objects(bank, which))
    called_empty = {sha256 for (sha256,) in bank.rows(_CALLED_EMPTY.format(which), {"sha256": SHA256})} - objects.keys()
    return [
        MarkedImage(
            sha256,
            tuple(paths[sha256]),
            sizes[sha256],
            tuple(each),
            objects.get(sha256, GroundTruth.empty()),
            sha256 in called_empty,
        )
        for sha256, each in boxes.items()
    ]


def _objects(bank: Bank, which: str) -> Iterator[tuple[str, GroundTruth]]:
    columns = {"sha256": SHA256, "class_name": TEXT, "difficult": FLAG, "crowd": FLAG, **BOX}
    rows = defaultdict(list)
    for sha256, *row in bank.rows(_OBJECTS.format(which), columns):
        rows[sha256].append(row)
    for sha256, found in rows.items():
        yield (
            sha256,
            GroundTruth.of(
                [row[3:] for row in found],
                [row[0] for row in found],
                difficult=[bool(row[1]) for row in found],
                crowd=[bool(row[2]) for row in found],
            ),
        )
