"""Measuring weights on what no round was trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from negmine.detectors.base import Detector
from negmine.evaluating.config import EvalConfig
from negmine.evaluating.data import EvalImages
from negmine.evaluating.figures import ModelFigures, figures
from negmine.evaluating.match import MatchedDetections
from negmine.evaluating.predict import predict_and_match
from negmine.labels.base import Truth


@dataclass(frozen=True, slots=True, eq=False)
class Yardstick:
    """What every round is measured on.

    Attributes:
        labelled: images with labels.
        truth: the labels.
        backgrounds: images without targets.
        config: thresholds.
    """

    labelled: Sequence[Path]
    truth: Truth
    backgrounds: Sequence[Path]
    config: EvalConfig

    def look(self, detector: Detector, on_progress: Callable[[int, int], None] | None = None) -> MatchedDetections:
        """Run a detector over everything; it must give its detections down to `config.floor`."""
        images = EvalImages(self.labelled, self.truth, self.backgrounds)
        return predict_and_match([detector], images, self.config, on_progress)[0]

    def figures(self, evidence: MatchedDetections, at_recall: float | None = None) -> ModelFigures:
        """What the evidence says, and at which threshold a recall is reached."""
        return figures(evidence, self.config, at_recall=at_recall)
