"""What an evaluation found out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from negmine.evaluating.checks import Failure
from negmine.evaluating.figures import ModelFigures
from negmine.evaluating.findings import EvalFinding
from negmine.mining.result import SkippedImage
from negmine.paths import printable

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class EvalResult:
    """The figures of one or several models on the same images.

    Attributes:
        data: the data set, as given.
        format: what it was recognised as.
        split: the split that was measured on; several, joined by `+`, where that is everything in the data set.
        backgrounds: images that were counted as backgrounds.
        empty: labelled images without objects.
        models: the figures, in the order of the models.
        skipped: images passed over, for every model, each with its reason.
        findings: what is suspicious.
        failures: models that a check says no to.
        picture: where the curves were drawn, if they were.
    """

    data: Path
    format: str
    split: str
    backgrounds: int
    empty: int
    models: tuple[ModelFigures, ...]
    skipped: tuple[SkippedImage, ...]
    findings: tuple[EvalFinding, ...]
    failures: tuple[Failure, ...] = ()
    picture: Path | None = None

    @property
    def ok(self) -> bool:
        """Whether no check says no."""
        return not self.failures

    def to_dict(self) -> dict[str, object]:
        """The `--json` document: JSON values only."""
        return {
            "schema_version": SCHEMA_VERSION,
            "data": printable(self.data),
            "format": self.format,
            "split": self.split,
            "images": {
                "labelled": self.models[0].images,
                "empty": self.empty,
                "backgrounds": self.backgrounds,
                "skipped": len(self.skipped),
            },
            "ok": self.ok,
            "failures": [failure.to_dict() for failure in self.failures],
            "models": [model.to_dict() for model in self.models],
            "findings": [finding.to_dict() for finding in self.findings],
            "skipped": [
                {"source": printable(each.source), "kind": each.kind, "reason": each.reason} for each in self.skipped
            ],
            "picture": None if self.picture is None else printable(self.picture),
        }
