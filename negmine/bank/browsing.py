"""Finding negatives in a bank: by class, verdict, run, score or folder, in an order, and by the beginning of a hash."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from negmine.bank.bank import Bank
from negmine.bank.cells import BOX, FLAG, KEY, NUMBER, SHA256, SIDE, TEXT, TEXT_OR_NULL, WHOLE, Cell, Row
from negmine.bank.content_files import source_path
from negmine.bank.filters import EVERY_NEGATIVE, NegativeFilter, Sort
from negmine.bank.gaps import is_gap_name
from negmine.bank.records import Negative
from negmine.boxes import Rect
from negmine.errors import BankError
from negmine.paths import printable

_SHORTEST = 7  # digits of a hash that are shown, as git's
_LEAST = 4  # digits that a person may type
_PREFIX = re.compile(r"[0-9a-f]{4,64}")
_AT_ONCE = 500

_ORDERS: Mapping[Sort, str] = {
    "score": "d.score DESC",
    "class": "d.class_name, d.score DESC",
    "source": "s.path, s.id, d.score DESC",
    "newest": "n.id DESC",
    "unlabelled": "l.unlabelled IS NULL, l.unlabelled DESC, d.score DESC",
    "cluster": "l.cluster IS NULL, l.cluster, d.score DESC",
}
# The hardest false positive of each negative stands for it. An aggregate's bare columns are those of the row with the
# maximum, by SQLite's rule; that is far faster than a question for each negative.
_HARDEST = """
FROM (SELECT negative_id, max(score) AS score, class_name, source_id, run_id FROM detections
      WHERE negative_id IS NOT NULL GROUP BY negative_id) d
JOIN negatives n ON n.id = d.negative_id
JOIN sources s ON s.id = d.source_id
LEFT JOIN reviews r ON r.negative_id = n.id
LEFT JOIN likenesses l ON l.negative_id = n.id
"""
_OF_SOURCE = """
SELECT d.class_name, d.score, d.kind, d.negative_id IS ?1, d.skipped, d.run_id, d.x1, d.y1, d.x2, d.y2
FROM detections d JOIN sources s ON s.id = d.source_id WHERE s.sha256 = ?2 ORDER BY d.score DESC, d.id
"""
_HARDEST_BOXES = """
SELECT negative_id, max(score), x1, y1, x2, y2 FROM detections
WHERE negative_id {} GROUP BY negative_id
"""
_OBJECTS = """
SELECT DISTINCT o.class_name, o.x1, o.y1, o.x2, o.y2 FROM objects o JOIN truths t ON t.id = o.truth_id
JOIN sources s ON s.id = t.source_id WHERE s.sha256 = ? ORDER BY o.id
"""
_RUNS = """
SELECT r.id, r.weights, r.weights_sha256, r.detector_settings, r.scan_settings, r.versions,
       coalesce(x.images, 0), coalesce(d.negatives, 0)
FROM runs r
LEFT JOIN (SELECT run_id, count(*) AS images FROM scans GROUP BY run_id) x ON x.run_id = r.id
LEFT JOIN (SELECT run_id, count(DISTINCT negative_id) AS negatives FROM detections
           WHERE negative_id IS NOT NULL GROUP BY run_id) d ON d.run_id = r.id
ORDER BY r.id
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """A detection in the image that a negative was cut from.

    Attributes:
        class_name, score: as the detector gave them.
        kind: what the matcher made of it, such as `background`.
        box_xyxy: pixels of the source.
        is_here: whether it is one of the false positives that the negative was cut around.
        skipped: why it gave no negative; None where it did, or is no background false positive.
        run: the number of the run that found it.
    """

    class_name: str
    score: float
    kind: str
    box_xyxy: tuple[float, float, float, float]
    is_here: bool
    skipped: str | None
    run: int


@dataclass(frozen=True, slots=True)
class LabelledObject:
    """An object in the image that a negative was cut from: its class, and its box in pixels of the source."""

    class_name: str
    box_xyxy: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class SourceImage:
    """A scanned image: where it was found first, and its size in pixels."""

    path: Path
    size_wh: tuple[int, int]


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run, and how much it did.

    Attributes:
        id: its number.
        weights, weights_sha256: what it ran.
        detector_settings, scan_settings, versions: JSON objects.
        images: that it has judged.
        negatives: in which it found something.
    """

    id: int
    weights: str
    weights_sha256: str
    detector_settings: Mapping[str, object]
    scan_settings: Mapping[str, object]
    versions: Mapping[str, object]
    images: int
    negatives: int


def browse(bank: Bank, which: NegativeFilter = EVERY_NEGATIVE, sort: Sort = "score") -> list[int]:
    """The numbers of the negatives that are meant, in order; equal ones by number."""
    rows = hardest(bank, "n.id", {"id": WHOLE}, which, f"ORDER BY {_ORDERS[sort]}, n.id")
    return [number for (number,) in rows]


def first(
    bank: Bank, which: NegativeFilter = EVERY_NEGATIVE, sort: Sort = "score", *, limit: int | None = None
) -> tuple[list[int], int]:
    """The numbers of the first so many of the negatives that are meant, in order, and how many there are in all."""
    end = f"ORDER BY {_ORDERS[sort]}, n.id LIMIT {-1 if limit is None else int(limit)}"
    rows = list(hardest(bank, "n.id, count(*) OVER ()", {"id": WHOLE, "count": WHOLE}, which, end))
    return [number for number, _ in rows], rows[0][1] if rows else 0


def counts(bank: Bank, which: NegativeFilter = EVERY_NEGATIVE) -> dict[str, dict[str, int]]:
    """How many of the negatives that are meant have each class, and each state; most frequent classes first."""
    columns = {"name": TEXT, "count": WHOLE}
    named = {"classes": "d.class_name", "states": "coalesce(r.state, 'unreviewed')"}
    return {
        name: dict(hardest(bank, f"{column}, count(*)", columns, which, "GROUP BY 1 ORDER BY 2 DESC, 1"))
        for name, column in named.items()
    }


def hardest(
    bank: Bank, selected: str, columns: Mapping[str, Cell], which: NegativeFilter = EVERY_NEGATIVE, end: str = ""
) -> Iterator[Row]:
    """Rows about the negatives that are meant, each with its hardest false positive.

    Args:
        bank: open.
        selected: SQL expressions of n (negatives), d (that false positive), s (its source), r (reviews) and l
            (likenesses).
        columns: what each holds, by its name.
        which: negatives are meant.
        end: of the question: how rows are grouped and ordered.
    """
    conditions, values = which.conditions()
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    return bank.rows(f"SELECT {selected} {_HARDEST} {where} {end}", columns, tuple(values))


def find(bank: Bank, prefix: str) -> int:
    """The number of the negative whose hash begins with some hex digits.

    Raises:
        BankError: where these are fewer than four, or no hex digits, or no hash or several begin so.
    """
    text = prefix.strip().lower()
    if is_gap_name(text):
        raise BankError(f"{printable(text)} names a likely miss, not a negative; `negmine bank list --gaps` lists them")
    if not _PREFIX.fullmatch(text):
        raise BankError(
            f"expected {_LEAST} or more hex digits of a negative's hash, as `negmine bank list` shows them, found "
            f"{prefix!r}"
        )
    question = "SELECT id, sha256 FROM negatives WHERE sha256 >= ?1 AND sha256 < ?1 || 'g' ORDER BY sha256 LIMIT 6"
    rows = list(bank.rows(question, {"id": WHOLE, "sha256": SHA256}, (text,)))
    if len(rows) > 1:
        several = ", ".join(sha256[: len(text) + 4] for _, sha256 in rows[:5]) + (", ..." if len(rows) > 5 else "")
        raise BankError(f"{text} is the beginning of several negatives ({several}); give more digits")
    if not rows:
        raise BankError(
            f"bank {printable(bank.folder)} has no negative {text}; `negmine bank list --limit 0` lists all"
        )
    return int(rows[0][0])


def digits(bank: Bank) -> int:
    """How many digits of a hash tell all negatives of the bank apart; seven at least."""
    question = "SELECT count(*), count(DISTINCT substr(sha256, 1, ?)) FROM negatives"
    for number in range(_SHORTEST, 64):
        ((every, told_apart),) = bank.rows(question, {"count": WHOLE, "distinct": WHOLE}, (number,))
        if every == told_apart:
            return number
    return 64


def in_order(bank: Bank, negative_ids: Sequence[int]) -> list[Negative]:
    """The negatives with these numbers, in this order; those that are gone meanwhile are left out."""
    found: dict[int, Negative] = {}
    for start in range(0, len(negative_ids), _AT_ONCE):
        found |= {each.id: each for each in bank.negatives(negative_ids[start : start + _AT_ONCE])}
    return [found[number] for number in negative_ids if number in found]


def hardest_boxes(bank: Bank, negative_ids: Sequence[int]) -> dict[int, tuple[float, float, float, float]]:
    """The box of the hardest false positive of each negative, xyxy in pixels of the source, by its number."""
    within, asked = bank.among(negative_ids)
    rows = bank.rows(_HARDEST_BOXES.format(within), {"negative_id": WHOLE, "score": NUMBER, **BOX}, asked)
    return {number: (x1, y1, x2, y2) for number, _, x1, y1, x2, y2 in rows}


def source_image(bank: Bank, sha256: str) -> SourceImage | None:
    """The scanned image with this hash; None where the bank knows none."""
    columns = {"key": KEY, "width": SIDE, "height": SIDE}
    row = next(bank.rows("SELECT key, width, height FROM sources WHERE sha256 = ?", columns, (sha256,)), None)
    return None if row is None else SourceImage(source_path(bank.folder, row[0]), (row[1], row[2]))


def findings(bank: Bank, negative: Negative) -> list[Finding]:
    """All detections in the image that a negative was cut from, of all runs, highest score first."""
    return findings_in(bank, negative.source_sha256, negative.id)


def findings_in(bank: Bank, source_sha256: str, negative_id: int = 0) -> list[Finding]:
    """All detections in an image, of all runs, highest score first.

    Args:
        bank: open.
        source_sha256: of the image.
        negative_id: of the negative whose false positives are `is_here`; 0 for none.
    """
    columns: dict[str, Cell] = {
        "class_name": TEXT, "score": NUMBER, "kind": TEXT, "is_here": FLAG, "skipped": TEXT_OR_NULL, "run": WHOLE,
        **BOX,
    }  # fmt: skip
    return [
        Finding(class_name, score, kind, (x1, y1, x2, y2), bool(is_here), skipped, run)
        for class_name, score, kind, is_here, skipped, run, x1, y1, x2, y2 in bank.rows(
            _OF_SOURCE, columns, (negative_id, source_sha256)
        )
    ]


def labelled_objects(bank: Bank, negative: Negative) -> list[LabelledObject]:
    """The labels of the image that a negative was cut from."""
    return labelled_objects_in(bank, negative.source_sha256)


def labelled_objects_in(bank: Bank, source_sha256: str) -> list[LabelledObject]:
    """The labels of an image."""
    rows = bank.rows(_OBJECTS, {"class_name": TEXT, **BOX}, (source_sha256,))
    return [LabelledObject(name, (x1, y1, x2, y2)) for name, x1, y1, x2, y2 in rows]


def runs(bank: Bank) -> list[RunSummary]:
    """All runs, oldest first."""
    columns = {
        "id": WHOLE, "weights": TEXT, "weights_sha256": TEXT, "detector_settings": TEXT, "scan_settings": TEXT,
        "versions": TEXT, "images": WHOLE, "negatives": WHOLE,
    }  # fmt: skip
    return [
        RunSummary(number, weights, sha256, _settings(one), _settings(two), _settings(three), images, negatives)
        for number, weights, sha256, one, two, three, images, negatives in bank.rows(_RUNS, columns)
    ]


def in_crop(
    box_xyxy: Sequence[float], rect: Rect, size_wh: tuple[int, int]
) -> tuple[float, float, float, float] | None:
    """Where a box of the source lies in a negative, pixels of the negative; None where it is outside.

    A crop is resized by one factor, and what differs is letterboxed about its centre.
    """
    left, top, right, bottom = rect
    x1, y1, x2, y2 = max(box_xyxy[0], left), max(box_xyxy[1], top), min(box_xyxy[2], right), min(box_xyxy[3], bottom)
    if x1 >= x2 or y1 >= y2:
        return None
    scale, pad_x, pad_y = _fitted(rect, size_wh)
    across, down = ((x - left) * scale + pad_x for x in (x1, x2)), ((y - top) * scale + pad_y for y in (y1, y2))
    (new_x1, new_x2), (new_y1, new_y2) = across, down
    return new_x1, new_y1, new_x2, new_y2


def from_crop(
    box_xyxy: Sequence[float], rect: Rect, size_wh: tuple[int, int]
) -> tuple[float, float, float, float] | None:
    """Where a box of a negative lies in its source, as `in_crop` has it the other way; None on the letterbox alone."""
    scale, pad_x, pad_y = _fitted(rect, size_wh)
    x1, x2 = (min(max(rect.x1 + (x - pad_x) / scale, rect.x1), rect.x2) for x in box_xyxy[::2])
    y1, y2 = (min(max(rect.y1 + (y - pad_y) / scale, rect.y1), rect.y2) for y in box_xyxy[1::2])
    return (x1, y1, x2, y2) if x1 < x2 and y1 < y2 else None


def _fitted(rect: Rect, size_wh: tuple[int, int]) -> tuple[float, int, int]:
    """By what a crop was resized, and how much was letterboxed at the left and above."""
    wide, high = rect.x2 - rect.x1, rect.y2 - rect.y1
    scale = min(size_wh[0] / wide, size_wh[1] / high)
    return scale, math.floor((size_wh[0] - wide * scale) / 2), math.floor((size_wh[1] - high * scale) / 2)


def _settings(text: str) -> Mapping[str, object]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {}
