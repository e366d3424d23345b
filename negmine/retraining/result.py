"""The result of a retraining."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from math import floor
from pathlib import Path
from typing import Self

from negmine.detectors.tiling.config import TileConfig
from negmine.evaluating.comparing import Comparison
from negmine.notebook import table
from negmine.paths import printable
from negmine.retraining.cross_fit import Report
from negmine.retraining.documents import as_record

SCHEMA_VERSION = 2
_SHARES = ("conf", "recall", "precision", "at_recall", "threshold_at_recall", "map50", "map50_95", "start_share")
_KEYS = {"background_images": "held_out"}  # in JSON, where that differs from the name here


def title_of(number: int, blended: int | None, start_share: float) -> str:
    """What a round is called: `the start`, `round 2`, or `round 2 with 25% of the start`."""
    if blended is not None:
        return f"round {blended} with {start_share:.0%} of the start"
    return f"round {number}" if number else "the start"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundResult:
    """What one round trained on and how good its weights are; round 0 is the start.

    False positives are counted on held-out images: backgrounds, and labelled images without objects. Where the round
    has several members, each image is measured on by the one that it was held out from, and the weights are their
    average. The counts of what was trained on are then the mean of the members.

    Attributes:
        number: of the round.
        weights_sha256: of its weights, hex.
        negatives: images without objects that it was trained on: the sum of `chosen`, `variants` and `empties`.
        fresh: negatives in the bank that the weights before fired on, before the choice.
        chosen: negatives chosen from the bank.
        variants: of those.
        empties: images of the data set that are known to be empty.
        steps: optimizer steps of all its trainings.
        blended: the round whose weights these are averaged from, with the start's; None where they were trained.
        start_share: of the start in that average.
        background_images: held-out images without objects; false positives are counted on them.
        conf: the score from which a detection counts for the next four.
        fppi: false positives per image.
        images_with_fp: images without objects with at least one.
        recall: of the objects in the labelled images that are held out.
        precision: None where nothing is detected.
        at_recall: the recall that every round must reach: that of the start, less what may be lost.
        threshold_at_recall: the highest score at which it is reached; None where it never is.
        fppi_at_recall: false positives per image at that score.
        map50: mean average precision at IoU 0.5.
        map50_95: mean over IoU 0.5 to 0.95.
        lamr: log-average miss rate.
        intervals: 90 % intervals of recall, FPPI and FPPI at recalls, as JSON values (`FigureIntervals`).
        seconds: for the round, without the time of an interrupted run.
        shifts: what was added to the class logits so that `recall` is that of the start, by the name of the class; None
            where the weights are as they were trained.
        notes: what the user may want to know, a line each.
    """

    number: int
    weights_sha256: str
    negatives: int
    fresh: int
    chosen: int
    variants: int
    empties: int
    steps: int
    background_images: int
    conf: float
    fppi: float
    images_with_fp: int
    recall: float
    precision: float | None
    at_recall: float
    threshold_at_recall: float | None
    fppi_at_recall: float | None
    map50: float | None
    map50_95: float | None
    lamr: float | None
    intervals: Mapping[str, object]
    seconds: float
    shifts: Mapping[str, float] | None = None
    notes: tuple[str, ...] = ()
    blended: int | None = None
    start_share: float = 0.0

    @property
    def title(self) -> str:
        """What it is called; see `title_of`."""
        return title_of(self.number, self.blended, self.start_share)

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        values = {_KEYS.get(name, name): value for name, value in asdict(self).items()}
        return values | {"notes": list(self.notes)}

    @classmethod
    def from_dict(cls, document: Mapping[str, object]) -> Self:
        """Read back what `to_dict` gave; other keys are ignored.

        Raises:
            ValueError, KeyError, TypeError: where it is something else.
        """
        found = as_record(cls, {each.name: document[_KEYS.get(each.name, each.name)] for each in fields(cls)})
        for name in _SHARES:
            value = getattr(found, name)
            if value is not None and not 0 <= value <= 1:
                raise ValueError(f"expected {name} from 0 to 1")
        return found


@dataclass(frozen=True, slots=True)
class RetrainResult:
    """The result of a retraining.

    Attributes:
        out: its folder.
        weights: the best weights: those of the best round, or a copy of the start where nothing helped.
        rounds: the start, and every round.
        best: the number of the best round; 0 is the start.
        comparisons: each round compared with the start, on the curve; None for the start.
        report: what the retraining brings on images that did not choose the round.
        advice: what to do about the causes that the figures show, a line each.
        stopped: why there was no further round; None where all rounds were made.
        notes: what the user may want to know about the data and the rounds.
        start: the weights that it started from.
        data_yaml: a data set whose split `val` was measured on.
        held_out_list: a file that lists the backgrounds that were measured on.
        imgsz: of training and measuring, pixels; None for the size that the weights were trained at.
        seconds: for the whole run.
        tiles: that were scanned, trained and measured on; None for whole images alone.
        folds: how many members each round has. With one, nothing was trained on what was measured on; with more, the
            result was trained on all of it, by way of the other members, but for a split `val` of the user's own data.
    """

    out: Path
    weights: Path
    rounds: tuple[RoundResult, ...]
    best: int
    comparisons: tuple[Comparison | None, ...]
    report: Report
    advice: tuple[str, ...]
    stopped: str | None
    notes: tuple[str, ...]
    start: Path
    data_yaml: Path
    held_out_list: Path
    imgsz: int | None
    seconds: float
    tiles: TileConfig | None = None
    folds: int = 1

    @property
    def improved(self) -> bool:
        """Whether a round is better than the start."""
        return self.best != 0

    @property
    def best_round(self) -> RoundResult:
        """The round whose weights are the result."""
        return self.rounds[self.best]

    @property
    def conf(self) -> float | None:
        """The score to use the result at: the user's own where it is calibrated."""
        best = self.best_round
        return best.threshold_at_recall if best.shifts is None else best.conf

    @property
    def verdict(self) -> str:
        """What to do with the result, in one line."""
        start, best, compared = self.rounds[0], self.best_round, self.comparisons[self.best]
        if compared is None:
            return (
                f"nothing helped: no round has fewer false positives than the start over recalls up to "
                f"{start.at_recall:.2f}; the start weights are the result"
            )
        before, after = (
            "none" if fppi is None else f"{fppi:.3g}" for fppi in (self.report.fppi_before, self.report.fppi_after)
        )
        if best.shifts is not None:
            return (
                f"at your conf {start.conf:g}: recall {start.recall:.2f} -> {best.recall:.2f}, false positives per "
                f"image {start.fppi:.3g} -> {best.fppi:.3g} ({before} -> {after} at recall {best.at_recall:.2f}); "
                f"{compared.verdict}"
            )
        conf = floor((best.threshold_at_recall or 0.0) * 1000) / 1000  # rounded up, it would not reach the recall
        return (
            f"use --conf {conf:g}: recall {best.at_recall:.2f} or more (the start has {start.recall:.2f} at "
            f"{start.conf:g}), FPPI {before} -> {after} at equal recall; {compared.verdict}"
        )

    def _repr_html_(self) -> str:
        """The rounds and the verdict, in a notebook."""
        heads = ("round", "negatives", "FPPI", "FPPI at equal recall", "recall", "mAP50", "mAP50-95", "LAMR")
        rows = [
            (
                each.title + (" *" if each.number == self.best else ""), each.negatives, each.fppi,
                each.fppi_at_recall, each.recall, each.map50, each.map50_95, each.lamr,
            )
            for each in self.rounds
        ]  # fmt: skip
        words = (("verdict", self.verdict), ("weights", self.weights), *(("advice", line) for line in self.advice))
        return table("Rounds; * marks the best", heads, rows) + table("", (), words)

    def to_dict(self) -> dict[str, object]:
        """The `--json` document."""
        return {
            "schema_version": SCHEMA_VERSION,
            "out": printable(self.out),
            "weights": printable(self.weights),
            "best": self.best,
            "improved": self.improved,
            "conf": self.conf,
            "verdict": self.verdict,
            "comparisons": [None if each is None else each.to_dict() for each in self.comparisons],
            "report": self.report.to_dict(),
            "advice": list(self.advice),
            "stopped": self.stopped,
            "rounds": [each.to_dict() for each in self.rounds],
            "notes": list(self.notes),
            "start": printable(self.start),
            "data_yaml": printable(self.data_yaml),
            "held_out": printable(self.held_out_list),
            "folds": self.folds,
            "imgsz": self.imgsz,
            "tiles": None if self.tiles is None else self.tiles.settings(),
            "seconds": round(self.seconds, 3),
        }
