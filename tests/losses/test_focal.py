"""Focal loss against torchvision's, and where torchvision's is NaN."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.ops import sigmoid_focal_loss

from negmine.losses import focal_loss, quality_focal_weights

REDUCTIONS = ["none", "sum", "mean"]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0, 3)])
def test_loss_of_nothing_is_a_zero_with_a_gradient(shape: tuple[int, ...], reduction: str) -> None:
    logits = torch.zeros(shape, requires_grad=True)

    loss = focal_loss(logits, torch.zeros(shape), reduction=reduction)  # type: ignore[arg-type]
    loss.sum().backward()

    assert loss.shape == (shape if reduction == "none" else ()) and loss.sum().item() == 0
    assert logits.grad is not None and logits.grad.shape == shape


def test_loss_by_hand() -> None:
    # A logit of log 3 is a probability of 3/4.
    logits = torch.full((2,), math.log(3))

    loss = focal_loss(logits, torch.tensor([1.0, 0.0]))

    # Object: 0.25 (1 - 3/4)^2 log(4/3); background: 0.75 (3/4)^2 log 4.
    assert loss.tolist() == pytest.approx([0.25 / 16 * math.log(4 / 3), 0.75 * 9 / 16 * math.log(4)])


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("alpha", "gamma"), [(0.25, 2.0), (0.6, 0.0), (0.0, 1.0), (1.0, 3.5), (0.25, 0.5)])
@pytest.mark.parametrize("soft", [False, True])
def test_loss_and_gradient_are_torchvisions(reduction: str, alpha: float, gamma: float, soft: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    ours = (torch.randn(6, 5, generator=generator, dtype=torch.float64) * 4).requires_grad_()
    theirs = ours.detach().clone().requires_grad_()
    targets = torch.rand(6, 5, generator=generator, dtype=torch.float64)
    targets = targets if soft else targets.round()

    loss = focal_loss(ours, targets, alpha=alpha, gamma=gamma, reduction=reduction)  # type: ignore[arg-type]
    expected = sigmoid_focal_loss(theirs, targets, alpha=alpha, gamma=gamma, reduction=reduction)
    loss.sum().backward(), expected.sum().backward()

    assert torch.allclose(loss, expected, rtol=1e-9)
    assert ours.grad is not None and theirs.grad is not None and torch.allclose(ours.grad, theirs.grad, rtol=1e-9)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("target", [0.0, 0.3, 1.0])
def test_loss_and_gradient_are_finite_for_any_logit(gamma: float, target: float) -> None:
    logits = torch.tensor([-3e4, -200.0, -20.0, 0.0, 20.0, 200.0, 3e4], requires_grad=True)

    loss = focal_loss(logits, torch.full((7,), target), gamma=gamma)
    loss.sum().backward()

    assert loss.isfinite().all() and (loss >= 0).all()
    assert logits.grad is not None and logits.grad.isfinite().all()


@given(st.floats(-30, 30), st.sampled_from([0.0, 1.0]), st.floats(0, 4))
def test_loss_is_never_more_than_weighted_cross_entropy(logit: float, target: float, gamma: float) -> None:
    logits, targets = torch.tensor([logit], dtype=torch.float64), torch.tensor([target], dtype=torch.float64)

    loss = focal_loss(logits, targets, gamma=gamma)

    assert 0 <= loss.item() <= focal_loss(logits, targets, gamma=0.0).item() * (1 + 1e-9)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_loss_has_the_gradient_that_it_should(gamma: float) -> None:
    logits = torch.randn(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1), requires_grad=True)
    targets = torch.tensor([[0.0, 1.0, 0.3, 0.9]] * 3, dtype=torch.float64)

    assert torch.autograd.gradcheck(lambda x: focal_loss(x, targets, gamma=gamma), logits)


def test_no_gradient_flows_to_targets() -> None:
    targets = torch.tensor([0.0, 1.0], requires_grad=True)

    assert not focal_loss(torch.zeros(2), targets).requires_grad


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_single(dtype: torch.dtype) -> None:
    logits = torch.full((4000,), 40.0, dtype=dtype)

    loss = focal_loss(logits, torch.zeros(4000, dtype=dtype), reduction="sum")  # 120000 overflows float16

    assert loss.dtype == torch.float32 and loss.item() == pytest.approx(4000 * 0.75 * 40)


@pytest.mark.parametrize(
    ("targets", "settings", "message"),
    [
        (torch.zeros(3), {}, r"targets: expected the shape of logits, \[2\], found \[3\]"),
        (torch.tensor([0.0, 1.5]), {}, r"targets: expected values in \[0, 1\], found 1.5 at \[1\]"),
        (torch.tensor([math.nan, 0.0]), {}, r"targets: expected values in \[0, 1\], found nan at \[0\]"),
        (torch.zeros(2), {"alpha": 1.1}, r"alpha: expected a number in \[0, 1\], found 1.1"),
        (torch.zeros(2), {"gamma": -1.0}, r"gamma: expected a number in \[0, inf\), found -1.0"),
        (torch.zeros(2), {"reduction": "median"}, "reduction: expected one of none, sum, mean, found 'median'"),
    ],
)
def test_what_does_not_fit_is_named(targets: torch.Tensor, settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        focal_loss(torch.zeros(2), targets, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(0, 3, 2), (2, 0, 2)])
def test_weights_of_nothing_are_nothing(shape: tuple[int, ...]) -> None:
    assert quality_focal_weights(torch.zeros(shape), torch.zeros(shape), torch.zeros(shape[:2]) > 0).shape == shape


def test_quality_focal_weights_by_hand() -> None:
    # A logit of log 3 is a probability of 3/4. The first anchor holds an object of class 0, of quality 0.5.
    logits = torch.full((1, 2, 2), math.log(3), requires_grad=True)
    targets = torch.tensor([[[0.5, 0.0], [0.0, 0.0]]])

    weights = quality_focal_weights(logits, targets, torch.tensor([[True, False]]))

    assert not weights.requires_grad
    assert weights[0, 0].tolist() == pytest.approx([0.25 / 4**2, 0.25 * 9 / 16])
    assert weights[0, 1].tolist() == pytest.approx([0.75 * 9 / 16] * 2)


def test_with_hard_targets_of_one_class_the_weighted_entropy_is_the_focal_loss() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 30, 1, generator=generator, dtype=torch.float64) * 4
    positive = torch.rand(2, 30, generator=generator) > 0.7
    targets = positive[..., None].double()

    weights = quality_focal_weights(logits, targets, positive, alpha=0.6, gamma=1.5)
    entropy = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")

    assert torch.allclose(weights * entropy, focal_loss(logits, targets, alpha=0.6, gamma=1.5), rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"logits": torch.zeros(2, 3)}, r"logits: expected shape \[B, A, C\], found \[2, 3\]"),
        ({"targets": torch.full((1, 2, 3), 2.0)}, r"targets: expected values in \[0, 1\], found 2.0"),
        ({"positive": torch.zeros(1, 3, dtype=torch.bool)}, "positive: expected the shape of the anchors"),
        ({"gamma": -1.0}, "gamma: expected"),
    ],
)
def test_weights_name_what_does_not_fit(change: dict[str, object], message: str) -> None:
    fitting = {"logits": torch.zeros(1, 2, 3), "targets": torch.zeros(1, 2, 3), "positive": torch.zeros(1, 2) > 0}
    with pytest.raises(ValueError, match=message):
        quality_focal_weights(**{**fitting, **change})  # type: ignore[arg-type]
