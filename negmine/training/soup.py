"""Several trainings from the same weights, and the average of the weights that they end with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from negmine.detectors.weights_files import written_suffix
from negmine.training.base import CalibratingTrainer, EpochEnd, OnEpoch, TrainingSet
from negmine.training.calibration import Calibration

Average = Callable[[Sequence[Path], Path], None]  # checkpoints, and where their average is written


class SoupTrainer:
    """A model soup (Wortsman et al., "Model soups", ICML 2022): fine-tuned several times, and the weights averaged.

    Trainings from the same start that differ in the order and augmentation of their images end near each other, and the
    paper finds their average to generalise better than each. It costs as many trainings, and nothing when it runs.

    Args:
        members: a trainer for each; two or more.
        average: writes the average of checkpoints.
    """

    def __init__(self, members: Sequence[CalibratingTrainer], average: Average) -> None:
        self._members = tuple(members)
        self._average = average

    def check(self, weights: Path, class_names: Sequence[str]) -> None:
        """Ask the first member, since they differ in their seeds alone."""
        self._members[0].check(weights, class_names)

    def train(self, weights: Path, data: TrainingSet, out: Path, *, on_epoch: OnEpoch | None = None) -> Path:
        """Train each member in a folder of its own; those that are done are not trained again."""
        averaged = out / f"soup{written_suffix(weights)}"
        if not averaged.is_file():
            ends = [
                member.train(weights, data, out / f"member-{number}", on_epoch=self._told(on_epoch, number))
                for number, member in enumerate(self._members)
            ]
            self._average(ends, averaged)
        return averaged

    def calibrate(self, weights: Path, calibration: Calibration, calibrated: Path) -> None:
        """Have the first member do it, since all write checkpoints of one kind."""
        self._members[0].calibrate(weights, calibration, calibrated)

    def _told(self, on_epoch: OnEpoch | None, member: int) -> OnEpoch | None:
        """Count the epochs of all members as those of one training."""
        if on_epoch is None:
            return None

        def tell(end: EpochEnd) -> None:
            done, count = member * end.epochs + end.epoch, len(self._members) * end.epochs
            on_epoch(EpochEnd(done, count, end.losses))

        return tell
