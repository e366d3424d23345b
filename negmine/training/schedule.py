"""How many optimizer steps a training takes, and in how many passes it takes them.

The budget of a training is counted in steps, not in epochs: eight epochs of 26 images are 32 steps, and so few only
lower all scores. After each pass the state is kept, so that a kill loses one pass at most.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from negmine.training.base import TrainingSet
from negmine.training.batches import positives_per_batch
from negmine.training.config import TrainConfig

_PASS = 25  # steps, unless epochs are asked for
ENOUGH_STEPS = 150  # with 32 a detector learned only to lower its scores, with 160 what it should not find
_MOST = 480  # steps of the rule


@dataclass(frozen=True, slots=True)
class Schedule:
    """The steps of a training.

    Attributes:
        passes: after each, the state is kept.
        steps_per_pass: optimizer steps of each.
    """

    passes: int
    steps_per_pass: int

    @property
    def steps(self) -> int:
        """Optimizer steps in all."""
        return self.passes * self.steps_per_pass


def schedule_for(config: TrainConfig, positives: int, negatives: int, steps: int | None = None) -> Schedule:
    """The steps that a training takes: as many epochs as are asked for, else as many steps, else by the rule.

    Args:
        config: of the training; its batch is set.
        positives: images with objects; at least one.
        negatives: images without.
        steps: replaces what the settings ask for.
    """
    assert config.batch is not None  # `open_trainer` has chosen one
    if steps is None and config.epochs is not None:
        in_batch = positives_per_batch(positives, negatives, batch=config.batch, ratio=config.ratio)
        return Schedule(config.epochs, math.ceil(positives / in_batch))
    steps = steps or config.steps or default_steps(positives)
    passes = max(round(steps / _PASS), min(steps, 2))
    return Schedule(passes, math.ceil(steps / passes))


class OneTraining:
    """What trainers that make one training at a time have in common.

    Args:
        config: of the training; its batch is set.
    """

    def __init__(self, config: TrainConfig) -> None:
        self._config = config

    @property
    def trainings(self) -> int:
        """One."""
        return 1

    def steps_of(self, data: TrainingSet) -> int:
        """The optimizer steps that a training takes on some data."""
        return self._schedule(data).steps

    def _schedule(self, data: TrainingSet, steps: int | None = None) -> Schedule:
        return schedule_for(self._config, len(data.positives), len(data.negatives), steps)


def default_steps(positives: int) -> int:
    """The steps of a training that asks for neither epochs nor steps.

    Args:
        positives: images with objects.
    """
    return min(max(ENOUGH_STEPS, 3 * positives), _MOST)
