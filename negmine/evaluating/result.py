"""The result of an evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from negmine.evaluating.checks import CheckFailure
from negmine.evaluating.choosing import ChosenThresholds
from negmine.evaluating.figures import ModelFigures
from negmine.evaluating.findings import EvalFinding
from negmine.evaluating.intervals import Difference
from negmine.evaluating.resampled import ModelIntervals
from negmine.mining.result import SkippedImage
from negmine.notebook import table
from negmine.paths import printable

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class EvalResult:
    """The figures of one or several models on the same images.

    Attributes:
        data: the data set, as given; None where backgrounds alone were evaluated.
        format: its format, as recognised; None without a data set.
        split: the evaluated split; if it is everything in the data set, all splits, joined by `+`; None without one.
        backgrounds: number of backgrounds that count.
        empty: number of labelled images without objects.
        models: the figures, in the order of the models.
        intervals: 90 % intervals of the figures of each.
        differences: how each differs from the first; None for the first.
        skipped: images that were skipped for every model, with the reasons.
        notes: how labels and images were paired, and what else the user may want to know.
        findings: what is suspicious.
        failures: models that fail a check.
        plot: the file that the curves were drawn to; None if they were not drawn.
        thresholds: of each class, chosen on these images; None if they were not asked for.
    """

    data: Path | None
    format: str | None
    split: str | None
    backgrounds: int
    empty: int
    models: tuple[ModelFigures, ...]
    intervals: tuple[ModelIntervals, ...]
    differences: tuple[Difference | None, ...]
    skipped: tuple[SkippedImage, ...]
    notes: tuple[str, ...]
    findings: tuple[EvalFinding, ...]
    failures: tuple[CheckFailure, ...] = ()
    plot: Path | None = None
    thresholds: ChosenThresholds | None = None

    @property
    def ok(self) -> bool:
        """Whether no model fails a check."""
        return not self.failures

    def _repr_html_(self) -> str:
        """The figures of each model, in a notebook."""
        heads = ("model", "FPPI", "recall", "precision", "mAP50", "mAP50-95", "LAMR", "FPPI at equal recall")
        rows = [
            (
                each.name, each.fppi, each.recall, each.precision, each.map50, each.map50_95, each.lamr,
                each.fppi_at_recall,
            )
            for each in self.models
        ]  # fmt: skip
        what = "backgrounds" if self.data is None else f"{self.data}, {self.split}"
        return table(f"{what}, at conf {self.models[0].conf:g}", heads, rows)

    def to_dict(self) -> dict[str, object]:
        """The `--json` document, JSON values only."""
        return {
            "schema_version": SCHEMA_VERSION,
            "data": None if self.data is None else printable(self.data),
            "format": self.format,
            "split": self.split,
            "images": {
                "labelled": self.models[0].images,
                "empty": self.empty,
                "backgrounds": self.backgrounds,
                "skipped": len(self.skipped),
            },
            "notes": list(self.notes),
            "ok": self.ok,
            "failures": [failure.to_dict() for failure in self.failures],
            "models": [
                model.to_dict() | {"intervals": each.to_dict()}
                for model, each in zip(self.models, self.intervals, strict=True)
            ],
            "differences": [None if each is None else each.to_dict() for each in self.differences],
            "findings": [finding.to_dict() for finding in self.findings],
            "skipped": [
                {"source": printable(each.source), "kind": each.kind, "reason": each.reason} for each in self.skipped
            ],
            "picture": None if self.plot is None else printable(self.plot),
            "thresholds": None if self.thresholds is None else self.thresholds.to_dict(),
        }
