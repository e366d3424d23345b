"""Gradient harmonising: weights by the density of gradients, and their moving average."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from negmine.losses import ghm_c_loss, ghm_c_weights, ghm_r_loss


def _logits(*probabilities: float) -> Tensor:
    return torch.tensor(probabilities, dtype=torch.float64).logit()


def _slow_weights(lengths: np.ndarray, bins: int, momentum: float, acc: np.ndarray | None) -> tuple[np.ndarray, ...]:
    """The weights as a loop over examples, and the new average."""
    place = [min(int(length * bins), bins - 1) for length in lengths]
    counts = np.array([place.count(number) for number in range(bins)], dtype=float)
    average = counts.copy()
    for number in range(bins):
        if acc is not None and acc[number] > 0:
            average[number] = momentum * acc[number] + (1 - momentum) * counts[number]
    used = np.count_nonzero(counts)
    return np.array([len(lengths) / (average[number] * used) for number in place]), average


@pytest.mark.parametrize("kind", ["no rows", "all ignored"])
@pytest.mark.parametrize("loss_of", [ghm_c_loss, ghm_r_loss])
def test_loss_of_nothing_is_a_zero_with_a_gradient(loss_of: Any, kind: str) -> None:
    shape = (0, 4) if kind == "no rows" else (3, 4)
    values = torch.full(shape, math.nan, requires_grad=True)  # what does not count may be anything
    before = torch.arange(10.0)

    for acc in (None, before):
        loss, average = loss_of(values, torch.zeros(shape), acc=acc, valid=torch.zeros(shape, dtype=torch.bool))
        values.grad = None
        loss.backward()

        assert loss.item() == 0 and values.grad is not None and values.grad.tolist() == torch.zeros(shape).tolist()
        assert average.tolist() == (before if acc is not None else torch.zeros(10)).tolist()


def test_classification_by_hand() -> None:
    # Targets are 0, so the gradient's length is the probability. With two bins, 0.1, 0.2 and 0.3 share one and 0.8 has
    # the other: two bins are in use, so the weights are 4 / (3 * 2) = 2/3 and 4 / (1 * 2) = 2.
    weights, average = ghm_c_weights(_logits(0.1, 0.2, 0.3, 0.8), torch.zeros(4), bins=2)
    loss, _ = ghm_c_loss(_logits(0.1, 0.2, 0.3, 0.8), torch.zeros(4), bins=2)

    assert weights.tolist() == pytest.approx([2 / 3, 2 / 3, 2 / 3, 2])
    assert average.tolist() == [3, 1]
    # The loss of a background with probability p is -log(1 - p).
    assert loss.item() == pytest.approx(-(2 / 3 * math.log(0.9 * 0.8 * 0.7) + 2 * math.log(0.2)) / 4)


def test_moving_average_by_hand() -> None:
    before = torch.tensor([1.0, 4.0, 0.0, 8.0])

    weights, average = ghm_c_weights(_logits(0.1, 0.2, 0.3, 0.6), torch.zeros(4), bins=4, momentum=0.75, acc=before)

    # Counts are 2, 1, 1, 0. Averages: 0.75 + 0.5, 3 + 0.25, 1 (that bin was always empty), 6 + 0.
    assert average.tolist() == [1.25, 3.25, 1, 6]
    # Three bins are in use now, with four examples: 4 / (3 S).
    assert weights.tolist() == pytest.approx([4 / 3.75, 4 / 3.75, 4 / 9.75, 4 / 3])
    assert before.tolist() == [1, 4, 0, 8]


def test_regression_by_hand() -> None:
    # mu 3 and an offset of 4: root 5, loss 5 - 3 = 2, gradient 4/5. An offset of 0: loss 0, gradient 0.
    loss, average = ghm_r_loss(torch.tensor([4.0, -4.0, 0.0]), torch.zeros(3), mu=3.0, bins=2)

    # Two in the upper bin, one in the lower: weights 3 / (2 * 2), 3 / (2 * 2) and 3 / (1 * 2).
    assert average.tolist() == [1, 2]
    assert loss.item() == pytest.approx((0.75 * 2 + 0.75 * 2 + 1.5 * 0) / 3)


@pytest.mark.parametrize("momentum", [0.0, 0.75])
def test_classification_is_that_of_a_slow_twin(momentum: float) -> None:
    generator = torch.Generator().manual_seed(0)
    acc, slow_acc = None, None
    for _ in range(3):
        logits = torch.randn(50, 3, generator=generator, dtype=torch.float64) * 3
        targets = torch.rand(50, 3, generator=generator, dtype=torch.float64).round()
        valid = torch.rand(50, 3, generator=generator) > 0.2
        chances = 1 / (1 + np.exp(-logits[valid].numpy()))
        gaps = np.abs(chances - targets[valid].numpy())
        slow, slow_acc = _slow_weights(gaps, 10, momentum, slow_acc)

        loss, _ = ghm_c_loss(logits, targets, momentum=momentum, acc=acc, valid=valid)
        weights, acc = ghm_c_weights(logits, targets, momentum=momentum, acc=acc, valid=valid)

        assert weights[valid].numpy() == pytest.approx(slow)
        assert weights[~valid].count_nonzero() == 0
        assert acc.numpy() == pytest.approx(slow_acc)
        assert loss.item() == pytest.approx((slow * -np.log(1 - gaps)).mean())


@pytest.mark.parametrize("momentum", [0.0, 0.7])
def test_regression_is_that_of_a_slow_twin(momentum: float) -> None:
    generator = torch.Generator().manual_seed(0)
    acc, slow_acc = None, None
    for _ in range(3):
        pred, target = torch.randn(2, 40, 4, generator=generator, dtype=torch.float64) * 0.05
        valid = torch.rand(40, 4, generator=generator) > 0.2
        gaps = (pred - target)[valid].numpy()
        roots = np.sqrt(gaps**2 + 0.02**2)
        slow, slow_acc = _slow_weights(np.abs(gaps) / roots, 10, momentum, slow_acc)

        loss, acc = ghm_r_loss(pred, target, momentum=momentum, acc=acc, valid=valid)

        assert acc.numpy() == pytest.approx(slow_acc)
        assert loss.item() == pytest.approx((slow * (roots - 0.02)).mean())


@given(st.lists(st.floats(-20, 20), min_size=1, max_size=40), st.integers(1, 30))
def test_weights_have_a_mean_of_one(logits: list[float], bins: int) -> None:
    weights, average = ghm_c_weights(torch.tensor(logits, dtype=torch.float64), torch.zeros(len(logits)), bins=bins)

    assert weights.mean().item() == pytest.approx(1) and (weights > 0).all()
    assert average.sum().item() == len(logits)


def test_evenly_spread_gradients_are_left_alone() -> None:
    weights, _ = ghm_c_weights(_logits(*(n / 10 + 0.05 for n in range(10))), torch.zeros(10))

    assert weights.tolist() == pytest.approx([1.0] * 10)


def test_a_target_that_does_not_count_may_be_anything() -> None:
    targets, valid = torch.tensor([0.0, -1.0]), torch.tensor([True, False])

    assert ghm_c_weights(torch.zeros(2), targets, valid=valid)[0].tolist() == [1, 0]


def test_a_certain_error_falls_into_the_last_bin() -> None:
    weights, average = ghm_c_weights(torch.tensor([200.0, -200.0]), torch.zeros(2), bins=4)

    assert average.tolist() == [1, 0, 0, 1] and weights.tolist() == [1, 1]


@pytest.mark.parametrize("loss_of", [ghm_c_loss, ghm_r_loss])
def test_losses_have_the_gradient_that_they_should(loss_of: Any) -> None:
    generator = torch.Generator().manual_seed(4)
    values = torch.randn(4, 3, dtype=torch.float64, generator=generator, requires_grad=True)
    targets = torch.rand(4, 3, dtype=torch.float64, generator=generator)
    acc = torch.rand(10, generator=generator, dtype=torch.float64) * 5
    valid = torch.rand(4, 3, generator=generator) > 0.3

    assert torch.autograd.gradcheck(lambda x: loss_of(x, targets, acc=acc, valid=valid)[0], values)


@pytest.mark.parametrize("loss_of", [ghm_c_loss, ghm_r_loss])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_single(loss_of: Any, dtype: torch.dtype) -> None:
    values = torch.randn(100, generator=torch.Generator().manual_seed(5)).to(dtype)

    loss, average = loss_of(values, torch.zeros(100, dtype=dtype))

    assert loss.dtype == average.dtype == torch.float32
    assert loss.item() == loss_of(values.float(), torch.zeros(100))[0].item()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"targets": torch.zeros(3)}, r"targets: expected the shape of logits, \[2\], found \[3\]"),
        ({"targets": torch.tensor([0.0, -1.0])}, r"targets: expected values in \[0, 1\], found -1.0 at \[1\]"),
        ({"logits": torch.zeros(2, dtype=torch.int64)}, "logits: expected floating-point numbers, found torch.int64"),
        ({"valid": torch.ones(2)}, "valid: expected bool, found torch.float32"),
        ({"acc": torch.zeros(3)}, r"acc: expected shape \[10\], found \[3\]"),
        ({"bins": 0}, "bins: expected"),
        ({"momentum": 1.0}, r"momentum: expected a number in \[0, 1\), found 1.0"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ghm_c_loss(**{"logits": torch.zeros(2), "targets": torch.zeros(2), **change})


def test_regression_names_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match=r"target: expected the shape of pred, \[2\], found \[3\]"):
        ghm_r_loss(torch.zeros(2), torch.zeros(3))
    with pytest.raises(ValueError, match=r"mu: expected a number in \(0, inf\), found 0"):
        ghm_r_loss(torch.zeros(2), torch.zeros(2), mu=0.0)
