"""Averages of weights, for soups, folds and blends with the start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from negmine.errors import TrainingError


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
