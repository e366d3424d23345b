"""Sampling-Free: the scale of the classification loss, the bias to begin with, the thresholds to end with."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from negmine.losses import class_adaptive_thresholds, guided_scale, optimal_bias


@pytest.mark.parametrize(
    ("cls_loss", "box_loss"),
    [(0.0, 0.0), (0.0, 2.0), (2.0, 0.0), (1e-45, 1e30), (math.nan, 1.0), (1.0, math.nan), (math.inf, 1.0)],
)
def test_where_nothing_guides_the_loss_is_as_it_was(cls_loss: float, box_loss: float) -> None:
    assert guided_scale(torch.tensor(cls_loss), torch.tensor(box_loss)).item() == 1


def test_without_a_box_the_gradient_is_as_it_was() -> None:
    x = torch.tensor(3.0, requires_grad=True)
    cls_loss, box_loss = x**2, torch.zeros(0, 4, requires_grad=True).sum()

    (guided_scale(cls_loss, box_loss) * cls_loss + box_loss).backward()

    assert x.grad is not None and x.grad.item() == 6


def test_scale_by_hand() -> None:
    x = torch.tensor(2.0, requires_grad=True)
    cls_loss = x**3

    scale = guided_scale(cls_loss, torch.tensor(4.0, requires_grad=True) / 2)
    (scale * cls_loss).backward()

    # r = 2 / 8; the gradient is r * 3 x^2 = 12 / 4, as if r were a number.
    assert scale.item() == 0.25 and not scale.requires_grad
    assert x.grad is not None and x.grad.item() == 3


@given(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6))
def test_the_guided_loss_is_as_large_as_the_box_loss(cls_loss: float, box_loss: float) -> None:
    scale = guided_scale(torch.tensor(cls_loss), torch.tensor(box_loss))

    assert (scale * cls_loss).item() == pytest.approx(box_loss, rel=1e-5)


def test_the_guided_loss_has_the_gradient_that_it_should() -> None:
    x = torch.tensor([0.3, 0.7], dtype=torch.float64, requires_grad=True)
    scale = guided_scale((x**2).sum(), torch.tensor(0.9, dtype=torch.float64))

    assert torch.autograd.gradcheck(lambda x: scale * (x**2).sum(), x)


def test_half_precision_is_computed_in_single() -> None:
    scale = guided_scale(torch.tensor(6e-5, dtype=torch.float16), torch.tensor(100.0, dtype=torch.float16))

    assert scale.dtype == torch.float32 and scale.item() == pytest.approx(100 / 6e-5, rel=1e-2)  # above float16's 65504


def test_scale_names_what_is_no_scalar() -> None:
    with pytest.raises(ValueError, match=r"box_loss: expected shape \[\], found \[2\]"):
        guided_scale(torch.tensor(1.0), torch.zeros(2))


def test_bias_by_hand() -> None:
    # pi = 10 / (1000 * 2) = 1/200, so b = -log(199).
    assert optimal_bias(10, 1000, 2) == pytest.approx(-math.log(199))
    assert optimal_bias(500, 1000, 1) == 0


@given(st.integers(1, 1000), st.integers(2, 1000), st.integers(1, 90))
def test_no_other_bias_has_a_lower_loss(foreground: int, background: int, classes: int) -> None:
    anchors = foreground + background
    bias = optimal_bias(foreground, anchors, classes)

    def loss(b: float) -> float:  # equation 3, for all anchors and classes
        ones, zeros = foreground, anchors * classes - foreground
        return float(ones * np.logaddexp(0, -b) + zeros * np.logaddexp(0, b))

    assert all(loss(bias) < loss(bias + step) for step in (-1, -0.1, 0.1, 1))


@pytest.mark.parametrize(
    ("numbers", "name"),
    [
        ((0, 10, 1), "num_foreground"),
        ((11, 10, 1), "num_foreground"),
        ((10, 10, 1), "num_foreground"),
        ((1, 0, 1), "num_anchors"),
        ((1, 10, 0), "num_classes"),
        ((math.nan, 10, 1), "num_foreground"),
    ],
)
def test_bias_names_what_does_not_fit(numbers: tuple[float, float, int], name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}: expected .*, found "):
        optimal_bias(*numbers)


@pytest.mark.parametrize("counts", [[], [0, 0]])
def test_without_objects_no_threshold_drops_anything(counts: list[int]) -> None:
    assert class_adaptive_thresholds(torch.tensor(counts), 100, num_foreground=5).tolist() == [0.0] * len(counts)


def test_thresholds_by_hand() -> None:
    # 20 of 1,000 anchors are foreground; of four objects, three are of the first class: 0.02 * 3/4 and 0.02 * 1/4.
    assert class_adaptive_thresholds(torch.tensor([3, 1]), 1000, num_foreground=20).tolist() == pytest.approx(
        [0.015, 0.005]
    )
    # Where foreground anchors are counted: 15 / 1000 and 5 / 1000.
    assert class_adaptive_thresholds(torch.tensor([15, 5]), 1000).tolist() == pytest.approx([0.015, 0.005])


@given(st.lists(st.integers(0, 50), min_size=1, max_size=8), st.integers(0, 400))
def test_thresholds_add_up_to_the_share_of_foreground(counts: list[int], foreground: int) -> None:
    thresholds = class_adaptive_thresholds(torch.tensor(counts), 400, num_foreground=foreground)

    assert ((thresholds >= 0) & (thresholds <= 1)).all()
    assert thresholds.sum().item() == pytest.approx(foreground / 400 if any(counts) else 0)


@pytest.mark.parametrize(
    ("counts", "anchors", "foreground", "name"),
    [
        (torch.zeros(2, 2), 10, None, "class_counts"),
        (torch.tensor([1, -1]), 10, None, "class_counts"),
        (torch.tensor([1.0, math.nan]), 10, None, "class_counts"),
        (torch.tensor([1]), 0, None, "num_anchors"),
        (torch.tensor([1]), 10, 11, "num_foreground"),
        (torch.tensor([11]), 10, None, "num_foreground"),
    ],
)
def test_thresholds_name_what_does_not_fit(
    counts: torch.Tensor, anchors: float, foreground: float | None, name: str
) -> None:
    with pytest.raises(ValueError, match=f"^{name}: expected .*, found "):
        class_adaptive_thresholds(counts, anchors, num_foreground=foreground)
