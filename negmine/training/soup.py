"""Several trainings from the same weights, and the average of the weights that they end with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from negmine.detectors.weights_files import written_suffix
from negmine.training.base import CalibratingTrainer, OnSteps, TrainingSet, TrainProgress
from negmine.training.calibration import Calibration


class SoupTrainer:
    """A model soup (Wortsman et al., "Model soups", ICML 2022): fine-tuned several times, and the weights averaged.

    Trainings from the same start that differ in the order and augmentation of their images end near each other, and the
    paper finds their average to generalise better than each. It costs as many trainings, and nothing when it runs.

    Args:
        members: a trainer for each; two or more.
    """

    def __init__(self, members: Sequence[CalibratingTrainer]) -> None:
        self._members = tuple(members)

    def check(self, weights: Path, class_names: Sequence[str]) -> None:
        """Ask the first member, since they differ in their seeds alone."""
        self._members[0].check(weights, class_names)

    @property
    def trainings(self) -> int:
        """One for each member."""
        return sum(member.trainings for member in self._members)

    def steps_of(self, data: TrainingSet) -> int:
        """The steps of all members."""
        return sum(member.steps_of(data) for member in self._members)

    def train(
        self,
        weights: Path,
        data: TrainingSet,
        out: Path,
        *,
        steps: int | None = None,
        on_steps: OnSteps | None = None,
    ) -> Path:
        """Train each member in a folder of its own; those that are done are not trained again."""
        averaged = out / f"soup{written_suffix(weights)}"
        if not averaged.is_file():
            ends = [
                member.train(
                    weights, data, out / f"member-{number}", steps=steps, on_steps=self._told(on_steps, number)
                )
                for number, member in enumerate(self._members, 1)
            ]
            self.average(ends, averaged)
        return averaged

    def average(self, checkpoints: Sequence[Path], averaged: Path, *, shares: Sequence[float] | None = None) -> None:
        """Ask the first member, as in `check`."""
        self._members[0].average(checkpoints, averaged, shares=shares)

    def calibrate(self, weights: Path, calibration: Calibration, calibrated: Path) -> None:
        """Have the first member do it, since all write checkpoints of one kind."""
        self._members[0].calibrate(weights, calibration, calibrated)

    def _told(self, on_steps: OnSteps | None, member: int) -> OnSteps | None:
        """Count the steps of all members as those of one training."""
        if on_steps is None:
            return None

        def tell(now: TrainProgress) -> None:
            done, count = (member - 1) * now.steps + now.step, len(self._members) * now.steps
            on_steps(TrainProgress(done, count, now.losses))

        return tell
