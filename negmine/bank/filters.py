"""Which negatives are meant, and in which order."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from negmine.bank.among import LISTED

ReviewState = Literal["unreviewed", "accepted", "rejected", "target"]
STATES: tuple[ReviewState, ...] = get_args(ReviewState)
Sort = Literal["score", "class", "source", "newest", "unlabelled", "cluster"]
SORTS: tuple[Sort, ...] = get_args(Sort)
ConflictRule = Literal["safer", "own", "theirs"]  # which of two verdicts holds, where banks are merged
CONFLICT_RULES: tuple[ConflictRule, ...] = get_args(ConflictRule)

_IS_FLICKER = "NOT EXISTS (SELECT 1 FROM detections x WHERE x.negative_id = n.id AND x.kind <> 'flicker')"


@dataclass(frozen=True, slots=True)
class NegativeFilter:
    """Which negatives; every condition that is set must hold.

    Attributes:
        classes: what the detector took it for.
        states: what a person said of it.
        runs: numbers of runs that found it.
        min_score, max_score: of its hardest false positive, both inclusive.
        folder: that its source is in, at any depth.
        cluster: number of the cluster that it is in.
        place: number of the place that it is at.
        min_unlabelled: how much it looks like a target without a label, at least; what nobody compared is left out.
        or_flicker: whether flickers are meant beside those of `min_unlabelled`.
    """

    classes: tuple[str, ...] = ()
    states: tuple[ReviewState, ...] = ()
    runs: tuple[int, ...] = ()
    min_score: float | None = None
    max_score: float | None = None
    folder: Path | None = None
    cluster: int | None = None
    place: int | None = None
    min_unlabelled: float | None = None
    or_flicker: bool = False

    @property
    def below(self) -> bytes | None:
        """What the key of every source in the folder begins with; None where any folder is meant."""
        return None if self.folder is None else os.fsencode(os.path.join(os.path.abspath(self.folder), ""))  # noqa: PTH100, PTH118

    def conditions(self) -> tuple[list[str], list[object]]:
        """SQL conditions and their values."""
        every: list[tuple[str, object]] = [
            (f"d.class_name {LISTED}", json.dumps(self.classes) if self.classes else None),
            (
                f"coalesce(r.state, 'unreviewed') {LISTED}",
                json.dumps(self.states) if self.states else None,
            ),
            (
                f"EXISTS (SELECT 1 FROM detections x WHERE x.negative_id = n.id AND x.run_id {LISTED})",
                json.dumps(self.runs) if self.runs else None,
            ),
            ("d.score >= ?", self.min_score),
            ("d.score <= ?", self.max_score),
            ("substr(s.key, 1, length(?)) = ?", self.below),
            ("l.cluster = ?", self.cluster),
            ("l.place = ?", self.place),
            (f"(l.unlabelled >= ? OR {_IS_FLICKER})" if self.or_flicker else "l.unlabelled >= ?", self.min_unlabelled),
        ]
        conditions, values = [], []
        for condition, value in every:
            if value is not None:
                conditions.append(condition)
                values += [value] * condition.count("?")
        return conditions, values


EVERY_NEGATIVE = NegativeFilter()
