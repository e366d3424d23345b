"""Counts over a whole bank, for a report: what was scanned, what fired where, and what became of it.

Detections are counted as the runs found them: an image that two runs have scanned counts once for each, as image and in
its false positives, so that false positives per image hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from negmine.bank.bank import Bank
from negmine.bank.cells import KEY, REVIEW, SHA256, STAMP, TEXT, WHOLE, WHOLE_OR_NULL, Cell
from negmine.bank.content_files import source_path
from negmine.grouping import CameraShot
from negmine.matching import FALSE_POSITIVES, MINED
from negmine.structures import FileStamp

BINS = 20  # of scores from 0 to 1, of equal width

_FALSE = ", ".join(f"'{kind}'" for kind in FALSE_POSITIVES)
_SOURCES = f"""
SELECT s.key, s.sha256, count(x.run_id), coalesce(max(f.number), 0), i.size, i.mtime_ns
FROM sources s JOIN scans x ON x.source_id = s.id
LEFT JOIN (SELECT source_id, count(*) AS number FROM detections WHERE kind IN ({_FALSE}) GROUP BY source_id) f
    ON f.source_id = s.id
LEFT JOIN items i ON i.key = s.key
GROUP BY s.id ORDER BY s.id
"""
_KINDS = "SELECT class_name, kind, count(*) FROM detections GROUP BY 1, 2 ORDER BY 1, 2"
_SCORES = f"""
SELECT class_name, max(min(CAST(score * {BINS} AS INTEGER), {BINS - 1}), 0), count(*)
FROM detections WHERE kind IN ({_FALSE}) GROUP BY 1, 2 ORDER BY 1, 2
"""
_SKIPS = "SELECT skipped, count(*) FROM detections WHERE skipped IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1"
_BANKED = """
SELECT count(*), count(negative_id), count(DISTINCT run_id || ' ' || negative_id) FROM detections
WHERE kind IN ({})
""".format(", ".join(f"'{kind}'" for kind in MINED))
_OF_RUNS = f"""
SELECT r.id, coalesce(d.number, 0) FROM runs r
LEFT JOIN (SELECT run_id, count(*) AS number FROM detections WHERE kind IN ({_FALSE}) GROUP BY run_id) d
    ON d.run_id = r.id
ORDER BY r.id
"""
_ORIGINS = """
SELECT r.state, coalesce((
    SELECT a.origin FROM act_negatives m JOIN acts a ON a.id = m.act_id
    WHERE m.negative_id = r.negative_id AND NOT a.undone ORDER BY a.id DESC LIMIT 1), ''), count(*)
FROM reviews r GROUP BY 1, 2 ORDER BY 1, 2
"""
_CLUSTERS = """
SELECT cluster, count(*) FROM likenesses WHERE cluster IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1
"""
_UNSAID = """
SELECT count(*) FROM sources s WHERE s.truth_key = '' AND EXISTS (SELECT 1 FROM scans x WHERE x.source_id = s.id)
AND (SELECT max(i.is_background) FROM items i WHERE i.source_id = s.id) = 0
"""
_OBJECTS = """
SELECT count(DISTINCT t.source_id), count(o.id) FROM truths t LEFT JOIN objects o ON o.truth_id = t.id
WHERE t.source_id IN (SELECT source_id FROM scans)
"""


@dataclass(frozen=True, slots=True)
class ScannedSource:
    """An image that was scanned.

    Attributes:
        path: where it was found.
        scans: runs that have judged it.
        false_positives: of any kind, of all these runs.
        stamp: size and time of its file, as it was when it was read; None where nobody knows.
        shot: where it is from, if it is a frame of a camera.
    """

    path: Path
    scans: int
    false_positives: int
    stamp: FileStamp | None
    shot: CameraShot | None = None


@dataclass(frozen=True, slots=True)
class Banked:
    """What became of the background false positives and flickers, which negatives are cut around.

    Attributes:
        found: all of them.
        cropped: those that are in a negative.
        negatives: that they share; one that several runs found counts once for each.
        skipped: how many gave no negative, by reason.
    """

    found: int
    cropped: int
    negatives: int
    skipped: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Labels:
    """How many of the scanned images have labels, how many objects are in these, and of how many nobody says anything.

    The last are frames that only a scan for flickers has seen; all others were given as background.
    """

    images: int
    objects: int
    unsaid: int


def scanned_sources(bank: Bank) -> list[ScannedSource]:
    """Every image that a run has judged, in the order in which they came."""
    columns: dict[str, Cell] = {
        "key": KEY, "sha256": SHA256, "scans": WHOLE, "false_positives": WHOLE, "size": WHOLE_OR_NULL,
        "mtime_ns": Cell("a time or NULL", lambda value: value is None or STAMP.holds(value)),
    }  # fmt: skip
    shots = bank.shots()
    return [
        ScannedSource(
            source_path(bank.folder, key),
            scans,
            false,
            None if size is None else FileStamp(size, mtime),
            shots.get(sha256),
        )
        for key, sha256, scans, false, size, mtime in bank.rows(_SOURCES, columns)
    ]


def kinds_by_class(bank: Bank) -> dict[str, dict[str, int]]:
    """How many detections of each class turned out to be of which kind."""
    return _nested(bank, _KINDS, {"class_name": TEXT, "kind": TEXT, "count": WHOLE})


def scores_by_class(bank: Bank) -> dict[str, tuple[int, ...]]:
    """A histogram of the scores of false positives, by class: `BINS` numbers."""
    columns = {"class_name": TEXT, "bin": WHOLE, "count": WHOLE}
    found: dict[str, list[int]] = {}
    for name, index, count in bank.rows(_SCORES, columns):
        found.setdefault(name, [0] * BINS)[index] = count
    return {name: tuple(counts) for name, counts in found.items()}


def banked(bank: Bank) -> Banked:
    """What became of the background false positives and flickers."""
    skipped: dict[str, int] = dict(bank.rows(_SKIPS, {"skipped": TEXT, "count": WHOLE}))
    ((found, cropped, negatives),) = bank.rows(_BANKED, {"found": WHOLE, "cropped": WHOLE, "negatives": WHOLE})
    return Banked(found, cropped, negatives, skipped)


def false_positives_of_runs(bank: Bank) -> dict[int, int]:
    """How many false positives each run has found, by its number."""
    return dict(bank.rows(_OF_RUNS, {"id": WHOLE, "count": WHOLE}))


def verdict_origins(bank: Bank) -> dict[str, dict[str, int]]:
    """How many negatives have a verdict, by the verdict and where it was decided last ('' where nobody knows)."""
    return _nested(bank, _ORIGINS, {"state": REVIEW, "origin": TEXT, "count": WHOLE})


def cluster_sizes(bank: Bank) -> dict[int, int]:
    """How many negatives are in each cluster, the largest first; {} where they have not been compared."""
    return dict(bank.rows(_CLUSTERS, {"cluster": WHOLE, "count": WHOLE}))


def labels_of(bank: Bank) -> Labels:
    """The labels of the images that were scanned."""
    ((images, objects),) = bank.rows(_OBJECTS, {"images": WHOLE, "objects": WHOLE})
    return Labels(images, objects, int(bank.scalar(_UNSAID) or 0))


def _nested(bank: Bank, question: str, columns: Mapping[str, Cell]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for outer, inner, count in bank.rows(question, columns):
        found.setdefault(outer, {})[inner] = count
    return found
