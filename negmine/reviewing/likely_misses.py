"""Likely misses on the page: which are listed, what is told of each, and the part of the frame that a tile shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

import numpy as np

from negmine.bank.bank import Bank
from negmine.bank.browsing import findings_in, in_crop, labelled_objects_in
from negmine.bank.filters import NegativeFilter, ReviewState
from negmine.bank.gaps import GAP_MARK, Gap, gap_counts, gap_digits, is_meant
from negmine.bank.index import HASH_DIGITS, NO_GROUP
from negmine.boxes import Rect, cover
from negmine.paths import printable
from negmine.reviewing.documents import Document, choice
from negmine.structures import IntArray
from negmine.videos.names import short_name
from negmine.words import one_line

_CONTEXT = 3.0  # sides of the box that a tile shows
_LEAST_PX = 48


def listed(gaps: Iterable[Gap], which: NegativeFilter, also: frozenset[int] = frozenset()) -> IntArray:
    """The list of the page [N, 4], as of negatives: numbers, no cluster, no place, and first digits of hashes.

    Args:
        gaps: of the bank, in order.
        which: are meant.
        also: numbers of those that are meant whatever was said of them.
    """
    rows = [
        (gap.id, NO_GROUP, NO_GROUP, np.uint32(int(gap.sha256[:HASH_DIGITS], 16)).astype(np.int32))
        for gap in gaps
        if is_meant(gap, which) or gap.id in also
    ]
    return np.array(rows, dtype=np.int64).reshape(-1, 4)


def facets(gaps: Mapping[int, Gap]) -> Document:
    """What likely misses can be filtered by."""
    counts = Counter(gap.class_name for gap in gaps.values())
    return {
        "digits": gap_digits(tuple(gaps.values())),
        "classes": [choice(name, one_line(name), count) for name, count in counts.most_common()],
        "runs": [],
        "folders": [],
        "known": {"unlabelled": False, "clusters": False, "places": False, "flickers": False},
        "compare": "",
    }


def states(gaps: Mapping[int, Gap]) -> Document:
    """How many likely misses are in each state."""
    return {state: count for state, count in gap_counts(gaps.values()).items()}


def stamp(gaps: Mapping[int, Gap]) -> str:
    """What changes when likely misses come or go."""
    return f"misses {hash(tuple((number, gap.sha256) for number, gap in gaps.items()))}"


def decisions(gaps: Mapping[int, Gap]) -> str:
    """What changes when one of them is judged otherwise; as many as before may be in each state then."""
    return f"{hash(tuple(gap.state for gap in gaps.values()))}"


def act(changed: Sequence[Gap], state: ReviewState) -> Document | None:
    """A decision, with what each was before."""
    if not changed:
        return None
    return {"id": 0, "state": state, "ids": [gap.id for gap in changed], "before": [gap.state for gap in changed]}


def rows(gaps: Mapping[int, Gap], numbers: Sequence[int]) -> list[Document]:
    """What a tile shows of each; those that are gone meanwhile are left out."""
    return [_row(gaps[number]) for number in numbers if number in gaps]


def details(bank: Bank, gap: Gap) -> Document:
    """All that the large view shows of a likely miss."""
    return {
        **_row(gap),
        "id": gap.id,
        "name": f"{GAP_MARK}{gap.sha256}",
        "source": printable(gap.source),
        "source_sha256": gap.source_sha256,
        "source_size": gap.source_wh,
        "rect": tuple(shown_rect(gap)),
        "missed": gap.box_xyxy,
        "detections": [
            {**asdict(each), "class_name": one_line(each.class_name), "in_crop": None}
            for each in findings_in(bank, gap.source_sha256)
        ],
        "labels": [
            {"class_name": one_line(each.class_name), "box_xyxy": each.box_xyxy}
            for each in labelled_objects_in(bank, gap.source_sha256)
        ],
    }


def shown_rect(gap: Gap) -> Rect:
    """The part of the frame that a tile shows: the box with what is around it."""
    x1, y1, x2, y2 = gap.box_xyxy
    half = max(_CONTEXT * max(x2 - x1, y2 - y1), _LEAST_PX) / 2
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    return cover(np.array([x - half, y - half, x + half, y + half]), gap.source_wh)


def _row(gap: Gap) -> Document:
    rect = shown_rect(gap)
    return {
        "id": gap.id,
        "sha256": gap.sha256,
        "picture": f"/misses/{gap.sha256}.jpg",
        "class": one_line(gap.class_name),
        "score": gap.score,
        "size": rect.size_wh,
        "box": in_crop(gap.box_xyxy, rect, rect.size_wh),
        "state": gap.state,
        "source": short_name(gap.source),
        "unlabelled": None,
        "held_back": False,
    }
