"""Averages of weights: of the last steps of a training, and of several trainings for soups, folds and blends."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from negmine.errors import TrainingError

_SPAN = 1 / 3  # of a training, that its moving average reaches back
_RAMP = 0.4  # of the span, in which the average leaves the weights that it began with behind


def average_tensors(tables: Sequence[Mapping[str, Tensor]], shares: Sequence[float] | None = None) -> dict[str, Tensor]:
    """Average the tensors of one architecture.

    What is of floating point is averaged at full precision, the statistics of batch normalisation too, and keeps the
    type that it has in the first table; all else is the first one's.

    Args:
        tables: tensors by name, one or more.
        shares: of each table, 1 in all; None for equal ones.

    Raises:
        TrainingError: where tables have other names or shapes than the first.
    """
    first = tables[0]
    shapes = {name: value.shape for name, value in first.items()}
    if any({name: value.shape for name, value in table.items()} != shapes for table in tables[1:]):
        raise TrainingError("the weights to average have tensors of other names or shapes; name weights of one model")
    weights = torch.tensor(shares or [1 / len(tables)] * len(tables), dtype=torch.float32)
    return {
        name: torch.tensordot(weights, torch.stack([table[name].float() for table in tables]), dims=1).to(value.dtype)
        if value.is_floating_point()
        else value
        for name, value in first.items()
    }


def moving_share(step: int, steps: int) -> float:
    """The share that the moving average of the weights keeps of itself in a step; the weights get the rest.

    The average of the last third of a training depends less on the luck of its last batches, and forgets fewer targets
    where few images are labelled (Polyak and Juditsky 1992). Ultralytics' own reaches back 2,000 steps once there were
    as many; in 150 steps it averages hardly anything.

    Args:
        step: of the training, from 1.
        steps: of the whole training.
    """
    span = max(_SPAN * steps, 1.0)
    return (1 - 1 / span) * (1 - math.exp(-step / (_RAMP * span)))
