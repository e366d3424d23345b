"""How many negatives a bank holds, by class, verdict, run and folder."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from negmine.bank.bank import Bank
from negmine.bank.browsing import RunSummary, hardest, runs
from negmine.bank.cells import KEY, REVIEW, TEXT, WHOLE
from negmine.bank.filters import EVERY_NEGATIVE, STATES, NegativeFilter, ReviewState
from negmine.bank.gaps import gap_counts, likely_misses
from negmine.paths import printable

SCHEMA_VERSION = 1
_KINDS = "SELECT kind, count(*) FROM detections GROUP BY kind ORDER BY 2 DESC, 1"


@dataclass(frozen=True, slots=True)
class BankStatistics:
    """What a bank holds, in numbers.

    Attributes:
        bank: its folder.
        negatives: that are meant.
        variants: of all negatives.
        images: that were scanned.
        classes: negatives by the class that the detector took them for, the most frequent first.
        states: negatives by verdict.
        held_back: of all negatives, those that are not trained on, since they look like targets without a label
            or are flickers.
        waiting: images that show a target which has no label yet.
        likely_misses: of all scans for flickers, by verdict.
        folders: negatives by the folder that their source is in, the most frequent first.
        detections: of all runs, by kind.
        runs: all of them, oldest first.
    """

    bank: Path
    negatives: int
    variants: int
    images: int
    classes: Mapping[str, int]
    states: Mapping[ReviewState, int]
    held_back: int
    waiting: int
    likely_misses: Mapping[ReviewState, int]
    folders: Mapping[str, int]
    detections: Mapping[str, int]
    runs: tuple[RunSummary, ...]

    def to_dict(self) -> dict[str, object]:
        """The `--json` document."""
        return {
            "schema_version": SCHEMA_VERSION,
            "bank": printable(self.bank),
            "negatives": self.negatives,
            "variants": self.variants,
            "images": self.images,
            "classes": dict(self.classes),
            "states": dict(self.states),
            "held_back": self.held_back,
            "images_waiting_for_a_label": self.waiting,
            "likely_misses": dict(self.likely_misses),
            "folders": dict(self.folders),
            "detections": dict(self.detections),
            "runs": [
                {
                    "id": run.id,
                    "weights": run.weights,
                    "weights_sha256": run.weights_sha256,
                    "images": run.images,
                    "negatives": run.negatives,
                }
                for run in self.runs
            ],
        }


def statistics(bank: Bank, which: NegativeFilter = EVERY_NEGATIVE, *, held_back: int, waiting: int) -> BankStatistics:
    """Count what a bank holds.

    Args:
        bank: open.
        which: negatives are counted by class, verdict and folder.
        held_back, waiting: see `BankStatistics`; `negmine.trainable` knows them.
    """
    columns = {"class_name": TEXT, "state": REVIEW, "key": KEY}
    classes, states, keys = Counter[str](), Counter[ReviewState](), Counter[bytes]()
    for class_name, state, key in hardest(bank, "d.class_name, coalesce(r.state, 'unreviewed'), s.key", columns, which):
        classes[class_name] += 1
        states[state] += 1
        keys[os.path.dirname(key)] += 1  # noqa: PTH120  (a hundred thousand paths)
    return BankStatistics(
        bank=bank.folder,
        negatives=classes.total(),
        variants=int(bank.scalar("SELECT count(*) FROM variants") or 0),
        images=bank.scanned_count(),
        classes=_by_frequency(classes),
        states={state: states[state] for state in STATES},
        held_back=held_back,
        waiting=waiting,
        likely_misses=gap_counts(likely_misses(bank)),
        folders=_by_frequency(Counter({printable(os.fsdecode(key)): count for key, count in keys.items()})),
        detections=dict(bank.rows(_KINDS, {"kind": TEXT, "count": WHOLE})),
        runs=tuple(runs(bank)),
    )


def _by_frequency(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda each: (-each[1], each[0])))
