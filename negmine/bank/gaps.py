"""Likely misses: places in frames of a video where a thing was found before and after, and what people say of them.

They are work for a labeller, never negatives. A verdict is about a place in a frame, whichever run finds it again.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from negmine.bank.bank import Bank
from negmine.bank.carried_verdicts import SAME_PLACE_IOU
from negmine.bank.cells import BOX, KEY, NUMBER, REVIEW, SHA256, SIDE, TEXT, WHOLE, checked
from negmine.bank.content_files import source_path
from negmine.bank.filters import EVERY_NEGATIVE, NegativeFilter, ReviewState
from negmine.boxes import Box, box_iou
from negmine.errors import BankError, ConfigError
from negmine.files import sha256_of
from negmine.paths import printable
from negmine.structures import as_boxes_xyxy
from negmine.words import counted

SCHEMA_VERSION = 1
GAP_MARK = "g"  # before the hash of a likely miss, so that nobody takes it for that of a negative
GAP_STATES: tuple[ReviewState, ...] = ("unreviewed", "target", "rejected")
_MOST = 1000  # of one class in one frame; a detector gives fewer
_SHORTEST = 7  # digits of a hash that are shown, as for negatives
_PREFIX = re.compile(rf"{GAP_MARK}[0-9a-f]{{4,64}}")
_GAPS = """
SELECT g.id, g.class_name, g.score, s.sha256, s.key, s.width, s.height, g.x1, g.y1, g.x2, g.y2
FROM gaps g JOIN sources s ON s.id = g.source_id ORDER BY g.score DESC, g.id
"""
_REVIEWS = """
SELECT s.sha256, r.class_name, r.state, r.x1, r.y1, r.x2, r.y2
FROM gap_reviews r JOIN sources s ON s.id = r.source_id WHERE s.sha256 {}
ORDER BY s.sha256, r.class_name, r.x1, r.y1, r.x2, r.y2
"""
_FOUND = """
SELECT count(*), coalesce(max(id), 0), total(score),
       total((id % 1024 + 1) * (source_id + unicode(class_name) + x1 + 3 * y1 + 5 * x2 + 7 * y2))
FROM gaps
"""
_SAID = """
SELECT source_id, class_name, state, x1, y1, x2, y2 FROM gap_reviews ORDER BY source_id, class_name, x1, y1, x2, y2
"""


@dataclass(frozen=True, slots=True)
class Gap:
    """A likely miss.

    Attributes:
        id: its number in the bank; another one may have it after the next scan.
        sha256: of its image, class and box, hex: what names it.
        class_name: what the detector found before and after.
        score: the lower one of those beside it.
        box_xyxy: where the thing must have been, pixels of the frame.
        source: the frame.
        source_sha256: what that is known by, hex.
        source_wh: its size, pixels.
        state: what a person said: `target` (to be labelled), `rejected` (nothing was missed there) or `unreviewed`.
    """

    id: int
    sha256: str
    class_name: str
    score: float
    box_xyxy: Box
    source: Path
    source_sha256: str
    source_wh: tuple[int, int]
    state: ReviewState

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        return {
            "id": f"{GAP_MARK}{self.sha256}",
            "class": self.class_name,
            "score": self.score,
            "state": self.state,
            "source": printable(self.source),
            "source_sha256": self.source_sha256,
            "box": list(self.box_xyxy),
            "width": self.source_wh[0],
            "height": self.source_wh[1],
        }


@dataclass(frozen=True, slots=True)
class GapListing:
    """Some likely misses of a bank.

    Attributes:
        bank: its folder.
        rows: those that are listed, highest score first.
        found: how many are meant.
        digits: of a hash, that tell all of the bank apart.
    """

    bank: Path
    rows: tuple[Gap, ...]
    found: int
    digits: int

    def to_dict(self) -> dict[str, object]:
        """The `--json` document."""
        return {
            "schema_version": SCHEMA_VERSION,
            "bank": printable(self.bank),
            "found": self.found,
            "likely_misses": [row.to_dict() for row in self.rows],
        }


def likely_misses(bank: Bank) -> tuple[Gap, ...]:
    """All likely misses of a bank, highest score first; what several runs found at one place is listed once."""
    columns = {
        "id": WHOLE, "class_name": TEXT, "score": NUMBER, "sha256": SHA256, "key": KEY, "width": SIDE, "height": SIDE,
        **BOX,
    }  # fmt: skip
    by_thing: dict[tuple[str, str], list[Gap]] = defaultdict(list)
    for number, name, score, sha256, key, width, height, *corners in bank.rows(_GAPS, columns):
        box: Box = (corners[0], corners[1], corners[2], corners[3])
        path = source_path(bank.folder, key)
        gap = Gap(number, _hash(sha256, name, box), name, score, box, path, sha256, (width, height), "unreviewed")
        there = by_thing[sha256, name]
        if len(there) < _MOST and not any(at_place(box, [each.box_xyxy for each in there])):
            there.append(gap)
    found = [gap for gaps in by_thing.values() for gap in gaps]
    said = _reviews(bank, {gap.source_sha256 for gap in found})
    judged = [_judged(gap, said.get((gap.source_sha256, gap.class_name), ())) for gap in found]
    return tuple(sorted(judged, key=lambda gap: (-gap.score, gap.id)))


def list_gaps(bank: Bank, which: NegativeFilter = EVERY_NEGATIVE, *, limit: int | None = None) -> GapListing:
    """List likely misses, highest score first.

    Args:
        bank: open.
        which: are meant, by class, verdict, score and folder.
        limit: how many at most; None for all.

    Raises:
        ConfigError: for a condition that only negatives can meet.
    """
    only_negatives = replace(which, classes=(), states=(), min_score=None, max_score=None, folder=None)
    if only_negatives != EVERY_NEGATIVE:
        raise ConfigError("expected --class, --state, --min-score, --max-score or --folder with --gaps, found another")
    every = likely_misses(bank)
    meant = tuple(gap for gap in every if is_meant(gap, which))
    return GapListing(bank.folder, meant[:limit], len(meant), gap_digits(every))


def gap_counts(gaps: Iterable[Gap]) -> dict[ReviewState, int]:
    """How many likely misses are in each state that one can have."""
    counted_states = Counter(gap.state for gap in gaps)
    return {state: counted_states[state] for state in GAP_STATES}


def gap_stamp(bank: Bank) -> tuple[object, ...]:
    """What stays the same while no likely miss comes, goes or is judged: sums of what was found, and all verdicts.

    Sums of these would be the same after two of them have changed places.
    """
    found = bank.rows(_FOUND, {str(number): NUMBER for number in range(4)})
    said = bank.rows(_SAID, {"source_id": WHOLE, "class_name": TEXT, "state": REVIEW, **BOX})
    return *found, *said


def gap_digits(gaps: Sequence[Gap]) -> int:
    """How many digits of a hash tell likely misses apart; seven at least."""
    digits = _SHORTEST
    while digits < 64 and len({gap.sha256[:digits] for gap in gaps}) < len(gaps):
        digits += 1
    return digits


def is_gap_name(text: str) -> bool:
    """Whether text may be the beginning of a likely miss's ID."""
    return _PREFIX.fullmatch(text.strip().lower()) is not None


def find_gaps(gaps: Iterable[Gap], prefixes: Iterable[str], folder: Path) -> list[Gap]:
    """The likely misses with IDs that begin so, in this order.

    Args:
        gaps: of the bank.
        prefixes: `is_gap_name` holds for each.
        folder: of the bank.

    Raises:
        BankError: where no ID or several begin so.
    """
    by_hash = sorted(gaps, key=lambda gap: gap.sha256)
    found = []
    for text in (prefix.strip().lower() for prefix in prefixes):
        digits = text.removeprefix(GAP_MARK)
        first = bisect_left(by_hash, digits, key=lambda gap: gap.sha256)
        after = bisect_left(by_hash, f"{digits}g", first, key=lambda gap: gap.sha256)  # g comes after all hex digits
        if after - first > 1:
            raise BankError(f"{text} is the beginning of {after - first} likely misses; give more digits")
        if after == first:
            raise BankError(
                f"bank {printable(folder)} has no likely miss {text}; `negmine bank list --gaps --limit 0` lists all"
            )
        found.append(by_hash[first])
    return found


def judge(connection: sqlite3.Connection, gaps: Sequence[Gap], state: ReviewState) -> tuple[Gap, ...]:
    """Store a verdict on likely misses, inside a transaction of the caller.

    Args:
        connection: of a writer.
        gaps: as they were listed.
        state: one of `GAP_STATES`; `unreviewed` takes a verdict back.

    Returns:
        Those that had another state, as they were before.

    Raises:
        BankError: for a state that a likely miss cannot have.
    """
    if state not in GAP_STATES:
        raise BankError(
            "a likely miss is no negative, so nothing accepts it: `negmine bank target` confirms it, and `negmine bank "
            "reject` says that nothing was missed there"
        )
    changed = tuple(gap for gap in gaps if gap.state != state)
    for gap in changed:
        question = "SELECT id FROM sources WHERE sha256 = ?"
        (source,) = next(checked(connection.execute(question, (gap.source_sha256,)), {"id": WHOLE}))
        _forget(connection, source, gap)
        if state != "unreviewed":
            connection.execute(
                "INSERT INTO gap_reviews (source_id, class_name, state, score, x1, y1, x2, y2)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (source, gap.class_name, state, gap.score, *gap.box_xyxy),
            )
    return changed


def require_same(now: Mapping[int, Gap], prefixes: Mapping[int, str]) -> list[Gap]:
    """The likely misses with these numbers, which must be those that were looked at.

    Args:
        now: all of the bank, by their numbers.
        prefixes: how the hash of each began, by its number.

    Raises:
        BankError: where one is gone, or its number is another's by now.
    """
    gone = [
        number for number, prefix in prefixes.items() if number not in now or not now[number].sha256.startswith(prefix)
    ]
    if gone:
        raise BankError(
            f"{counted(len(gone), 'likely miss', 'likely misses')} changed since the page was drawn; look again"
        )
    return [now[number] for number in prefixes]


def _hash(source_sha256: str, class_name: str, box: Box) -> str:
    return sha256_of(json.dumps([source_sha256, class_name, *map(float, box)]).encode())


def is_meant(gap: Gap, which: NegativeFilter) -> bool:
    """Whether a likely miss is meant, by class, verdict, score and folder."""
    return (
        (not which.classes or gap.class_name in which.classes)
        and (not which.states or gap.state in which.states)
        and (which.min_score is None or gap.score >= which.min_score)
        and (which.max_score is None or gap.score <= which.max_score)
        and (which.below is None or os.fsencode(gap.source).startswith(which.below))
    )


def at_place(box: Box, others: Sequence[Box]) -> list[bool]:
    """Which of several boxes of one frame are at the place of a box."""
    if not others:
        return []
    overlaps = box_iou(as_boxes_xyxy([box]), as_boxes_xyxy(others))[0]
    return [bool(overlap >= SAME_PLACE_IOU) for overlap in overlaps]


def _reviews(bank: Bank, sources: Iterable[str]) -> dict[tuple[str, str], list[tuple[ReviewState, Box]]]:
    columns = {"sha256": SHA256, "class_name": TEXT, "state": REVIEW, **BOX}
    found: dict[tuple[str, str], list[tuple[ReviewState, Box]]] = defaultdict(list)
    within, asked = bank.among(sorted(sources))
    for sha256, name, state, x1, y1, x2, y2 in bank.rows(_REVIEWS.format(within), columns, asked):
        found[sha256, name].append((state, (x1, y1, x2, y2)))
    return found


def _judged(gap: Gap, said: Sequence[tuple[ReviewState, Box]]) -> Gap:
    """With what was said of its place; a merged bank may have both verdicts, of which `target` is the safer."""
    here = at_place(gap.box_xyxy, [box for _, box in said])
    states = {state for (state, _), is_here in zip(said, here, strict=True) if is_here}
    for state in GAP_STATES[1:]:
        if state in states:
            return replace(gap, state=state)
    return gap


def _forget(connection: sqlite3.Connection, source: int, gap: Gap) -> None:
    """Take away what was said of a place."""
    question = "SELECT x1, y1, x2, y2 FROM gap_reviews WHERE source_id = ? AND class_name = ?"
    boxes: list[Box] = [
        (row[0], row[1], row[2], row[3]) for row in checked(connection.execute(question, (source, gap.class_name)), BOX)
    ]
    connection.executemany(
        "DELETE FROM gap_reviews WHERE source_id = ? AND class_name = ? AND x1 = ? AND y1 = ? AND x2 = ? AND y2 = ?",
        [
            (source, gap.class_name, *box)
            for box, is_here in zip(boxes, at_place(gap.box_xyxy, boxes), strict=True)
            if is_here
        ],
    )
