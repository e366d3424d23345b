"""Mini-batches: quotas, ranges of overlap, and draws that depend on the generator alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from negmine.losses import biased_minibatch

_OVERLAPS = st.lists(st.sampled_from([-1.0, 0.0, 0.05, 0.1, 0.3, 0.49, 0.5, 0.8, 1.0]), max_size=60)


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_nothing_is_drawn_of_nothing() -> None:
    positive, negative = biased_minibatch(torch.zeros(0), generator=_generator())

    assert positive.shape == negative.shape == (0,) and positive.dtype == negative.dtype == torch.int64


@given(_OVERLAPS, st.integers(0, 40), st.sampled_from([0.0, 0.07, 0.25, 0.5, 1.0]), st.integers(0, 3))
def test_a_minibatch_keeps_its_quotas_and_ranges(overlaps: list[float], size: int, share: float, seed: int) -> None:
    iou = torch.tensor(overlaps)

    positive, negative = biased_minibatch(iou, generator=_generator(seed), batch_size=size, positive_fraction=share)

    high, low = (iou >= 0.5).sum().item(), ((iou >= 0.1) & (iou < 0.5)).sum().item()
    assert len(positive) == min(high, int(share * size + 1e-9)) and len(negative) == min(low, size - len(positive))
    assert (iou[positive] >= 0.5).all() and ((iou[negative] >= 0.1) & (iou[negative] < 0.5)).all()
    for drawn in (positive, negative):
        assert drawn.tolist() == sorted(set(drawn.tolist()))


def test_with_a_lower_end_of_zero_backgrounds_are_drawn() -> None:
    nowhere = torch.zeros(10)

    assert len(biased_minibatch(nowhere, generator=_generator(), batch_size=4)[1]) == 0
    assert len(biased_minibatch(nowhere, generator=_generator(), batch_size=4, bg_lo=0.0)[1]) == 4


def test_draws_depend_on_the_generator_alone() -> None:
    iou = torch.rand(200, generator=_generator(9)) * 0.7

    def drawn(seed: int) -> list[list[int]]:
        return [part.tolist() for part in biased_minibatch(iou, generator=_generator(seed))]

    first = drawn(1)
    torch.manual_seed(3)
    assert drawn(1) == first and drawn(2) != first


@pytest.mark.parametrize(
    "change",
    [
        {"max_iou": torch.zeros(2, 2)},
        {"max_iou": torch.zeros(2, dtype=torch.int64)},
        {"batch_size": -1},
        {"positive_fraction": 1.1},
        {"fg_iou": 2.0},
        {"bg_hi": 0.6},
        {"bg_lo": 0.55},
    ],
)
def test_a_minibatch_names_what_does_not_fit(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"^{next(iter(change))}: expected .*, found "):
        biased_minibatch(**{"max_iou": torch.zeros(2), "generator": _generator(), **change})
