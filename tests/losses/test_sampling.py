"""Mini-batches: quotas, ranges of overlap, and draws that depend on the generator alone."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from negmine.losses import biased_minibatch, iou_balanced_negatives

_OVERLAPS = st.lists(st.sampled_from([-1.0, 0.0, 0.05, 0.1, 0.3, 0.49, 0.5, 0.8, 1.0]), max_size=60)


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_nothing_is_drawn_of_nothing() -> None:
    positive, negative = biased_minibatch(torch.zeros(0), generator=_generator())

    assert positive.shape == negative.shape == iou_balanced_negatives(torch.zeros(0), 5, generator=_generator()).shape
    assert positive.shape == (0,) and positive.dtype == negative.dtype == torch.int64


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


@given(_OVERLAPS, st.integers(0, 40), st.integers(1, 5), st.sampled_from([0.0, 0.1]), st.sampled_from([0.0, 0.3, 1.0]))
def test_balanced_negatives_fill_their_number(
    overlaps: list[float], num: int, bins: int, floor: float, easy: float
) -> None:
    iou = torch.tensor(overlaps)

    drawn = iou_balanced_negatives(iou, num, generator=_generator(), bins=bins, floor=floor, floor_fraction=easy)

    assert len(drawn) == min(num, ((iou >= 0) & (iou < 0.5)).sum().item())
    assert drawn.tolist() == sorted(set(drawn.tolist()))
    assert ((iou[drawn] >= 0) & (iou[drawn] < 0.5)).all()


def test_balanced_negatives_are_even_over_the_bins() -> None:
    # 1,000 regions near 0, 20 near 0.25 and 10 near 0.45: at random, 29 of 30 would be near 0. In three bins of 0.5 / 3
    # each gives 10.
    iou = torch.tensor([0.01] * 1000 + [0.25] * 20 + [0.45] * 10)

    drawn = iou_balanced_negatives(iou, 30, generator=_generator())

    assert list(Counter(iou[drawn].tolist()).values()) == [10, 10, 10]


def test_a_bin_that_holds_too_few_gives_all_and_the_rest_is_filled_up() -> None:
    iou = torch.tensor([0.01] * 100 + [0.25] * 3 + [0.45] * 2)

    drawn = iou_balanced_negatives(iou, 30, generator=_generator())

    assert sorted(Counter(iou[drawn].tolist()).values()) == [2, 3, 25]


def test_below_the_floor_only_its_share_is_drawn() -> None:
    iou = torch.tensor([0.05] * 100 + [0.2] * 100 + [0.4] * 100)

    for share, easy in ((0.0, 0), (0.2, 4), (1.0, 20)):
        drawn = iou_balanced_negatives(iou, 20, generator=_generator(), bins=2, floor=0.1, floor_fraction=share)

        assert (iou[drawn] < 0.1).sum() == easy
        assert (iou[drawn] > 0.3).sum() == (20 - easy) / 2


def test_draws_are_even_within_a_bin() -> None:
    generator = _generator()
    often = Counter[int]()
    for _ in range(600):
        often.update(iou_balanced_negatives(torch.full((6,), 0.2), 3, generator=generator).tolist())

    assert len(often) == 6 and all(abs(count - 300) < 60 for count in often.values())  # five standard deviations


def test_draws_depend_on_the_generator_alone() -> None:
    iou = torch.rand(200, generator=_generator(9)) * 0.7

    def drawn(seed: int) -> list[list[int]]:
        balanced = iou_balanced_negatives(iou, 20, generator=_generator(seed))
        return [balanced.tolist(), *(part.tolist() for part in biased_minibatch(iou, generator=_generator(seed)))]

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


@pytest.mark.parametrize(
    "change",
    [
        {"max_iou": torch.zeros(2, 2)},
        {"num": -1},
        {"bins": 0},
        {"floor": 0.5},
        {"floor_fraction": -0.1},
        {"bg_hi": 0.0},
    ],
)
def test_balanced_negatives_name_what_does_not_fit(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"^{next(iter(change))}: expected .*, found "):
        iou_balanced_negatives(**{"max_iou": torch.zeros(2), "num": 1, "generator": _generator(), **change})
