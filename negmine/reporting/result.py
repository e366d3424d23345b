"""The result of a report: its file, and the numbers in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from negmine.paths import printable
from negmine.ratios.result import RatioResult
from negmine.reporting.by_size import FoundOfSize
from negmine.reporting.changes import Changes
from negmine.reporting.curves import Curves
from negmine.reporting.facts import BankFacts
from negmine.retraining.finished import FinishedRetraining

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, eq=False)
class RetrainingFacts:
    """A retraining in numbers.

    Attributes:
        finished: what it says of itself.
        before, after: the curves of the start and of the round that is shown; those of the start alone where no round
            was made.
        changes: what that round changed; None where the retraining did not write down what it found where.
        by_size: how many objects of each size are found; () where it did not.
    """

    finished: FinishedRetraining
    before: Curves
    after: Curves | None
    changes: Changes | None
    by_size: tuple[FoundOfSize, ...]

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        done = self.finished
        return {
            "out": printable(done.out),
            "verdict": done.verdict.verdict,
            "improved": done.verdict.improved,
            "conf": done.verdict.conf,
            "best": done.verdict.best,
            "shown": done.shown,
            "weights": done.verdict.weights,
            "start": done.verdict.start,
            "advice": list(done.verdict.advice),
            "notes": list(done.verdict.notes),
            "stopped": done.verdict.stopped,
            "rounds": [each.to_dict() for each in done.rounds],
            "fppi_before": done.on_others.fppi_before,
            "fppi_after": done.on_others.fppi_after,
            "at_recall": done.on_others.at_recall,
            "curves": {
                "before": self.before.to_dict(),
                "after": None if self.after is None else self.after.to_dict(),
            },
            "changes": None if self.changes is None else self.changes.to_dict(),
            "by_size": [each.to_dict() for each in self.by_size],
        }


@dataclass(frozen=True, slots=True, eq=False)
class ReportResult:
    """A report.

    Attributes:
        out: its file.
        size: of the file, bytes.
        bank: what the bank says of itself.
        ratio: of positive to negative images; None where no data set was named.
        retraining: what a retraining changed; None where none was named.
        pictures: in it.
        missing: pictures that cannot be shown, by reason, with their number.
        left_out: pictures that were left out to keep the file small.
    """

    out: Path
    size: int
    bank: BankFacts
    ratio: RatioResult | None
    retraining: RetrainingFacts | None
    pictures: int
    missing: Sequence[tuple[str, int]]
    left_out: int

    def to_dict(self) -> dict[str, object]:
        """The `--json` document."""
        return {
            "schema_version": SCHEMA_VERSION,
            "out": printable(self.out),
            "bytes": self.size,
            "pictures": self.pictures,
            "pictures_missing": {reason: count for reason, count in self.missing},
            "pictures_left_out": self.left_out,
            "bank": self.bank.to_dict(),
            "ratio": None if self.ratio is None else self.ratio.to_dict(),
            "retraining": None if self.retraining is None else self.retraining.to_dict(),
        }
