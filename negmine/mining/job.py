"""What every loop of a scan works with, and adds to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from negmine.bank.records import JudgedDetection, NewNegative
from negmine.bank.writer import BankWriter
from negmine.detectors.base import Detector
from negmine.detectors.batches import predict_each
from negmine.errors import BoxError
from negmine.mining.config import ScanConfig
from negmine.mining.judge import Classes, confirm_negatives
from negmine.mining.places import PlaceRule
from negmine.mining.result import ScanCounts
from negmine.structures import Detections, Image

Judged = tuple[tuple[JudgedDetection, ...], tuple[NewNegative, ...]]


@dataclass(slots=True, eq=False)
class ScanJob:
    """A scan that is under way.

    Attributes:
        bank: open for writing.
        run_id: the run under which results are stored.
        detector: what is scanned.
        classes: what the detector's classes are called.
        config: thresholds, crop, limits.
        clock: seconds.
        counts: of the scan so far.
        busy_s: seconds that the detector was at work in `predict`.
    """

    bank: BankWriter
    run_id: int
    detector: Detector
    classes: Classes
    config: ScanConfig
    clock: Callable[[], float]
    counts: ScanCounts = field(default_factory=ScanCounts)
    busy_s: float = 0.0

    def place_rule(self) -> PlaceRule | None:
        """Which negatives of one place are kept; None for all."""
        per_place = self.config.per_place
        return None if per_place is None else PlaceRule(self.bank, self.run_id, per_place)

    def predict(self, images: Sequence[Image], paths: Sequence[Path] | None = None) -> list[Detections | BoxError]:
        """Detections of each image, or what is wrong with them; see `predict_each`."""
        begun = self.clock()
        found = predict_each(self.detector, images, paths)
        self.busy_s += self.clock() - begun
        return found

    def confirmed(self, judged: Judged) -> Judged:
        """What was judged, with the negatives on which the detector fires again, where that is asked for."""
        if not self.config.confirm:
            return judged
        return confirm_negatives(*judged, self.detector, self.classes, self.config)
