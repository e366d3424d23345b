"""Weights that are no numbers: what is left of a training that diverged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from negmine.errors import WeightsError
from negmine.paths import printable

if TYPE_CHECKING:
    from torch import Tensor


def require_finite(state: Mapping[str, Tensor], where: str) -> None:
    """Refuse weights that are NaN or infinite: a detector of them finds nothing, as if it had no false positives.

    Args:
        state: the tensors by name.
        where: they are, for a message.

    Raises:
        WeightsError: for the first tensor that is not all finite.
    """
    for name, value in state.items():
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise WeightsError(
                f"{where} holds weights that are no finite numbers ({printable(name)}): the training that made it "
                "diverged; use an earlier checkpoint"
            )
