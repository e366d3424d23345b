"""The rules of one-stage detectors by value: losses that were worked out by hand, with two labels and ignored anchors.

The logits are those of probabilities, so that the loss of an anchor can be read off them. An ignored anchor is always
the one that would change the value most.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log, sqrt
from typing import Any

import pytest
import torch
from torch import Tensor

from negmine.training.torchvision.dense import (
    BOXES,
    CLASSIFICATION,
    FocalHardest,
    HardestAnchors,
    HarmonisedLosses,
    Matched,
    Rule,
    SigmoidHardest,
    SoftmaxHardest,
    scaled_to_boxes,
)

NEGATIVE, IGNORED = -1, -2  # what an anchor may be other than the label of its object
OTHERS = {CLASSIFICATION: torch.tensor(100.0), BOXES: torch.tensor(7.0), "bbox_ctrness": torch.tensor(2.0)}
ONE = HardestAnchors(neg_per_pos=1, min_neg=2, nms_iou=None)  # a negative for each positive, two of an image without


def matched(
    probabilities: Any, anchors: Any, *, softmax: bool = False, offsets: tuple[Tensor, Tensor] | None = None
) -> Matched:
    """A batch of the probabilities [B, A, C] and of what each anchor is, [B, A]: a label, `NEGATIVE` or `IGNORED`."""
    given, kinds = torch.tensor(probabilities, dtype=torch.float64), torch.tensor(anchors)
    return Matched(
        logits=(given.log() if softmax else given.logit()).requires_grad_(),
        labels=kinds.clamp(min=0),
        positive=kinds >= 0,
        ignored=kinds == IGNORED,
        decode=lambda: torch.zeros(*kinds.shape, 4),
        offsets=offsets,
    )


def classification(rule: Rule, given: Matched) -> Tensor:
    """The classification loss that a rule gives; the others must be left alone."""
    losses = rule(given, dict(OTHERS))
    assert losses.keys() == OTHERS.keys()
    assert all(losses[name] is OTHERS[name] for name in OTHERS if name != CLASSIFICATION)
    return losses[CLASSIFICATION]


def binary(row: Sequence[float], label: int = NEGATIVE) -> float:
    """Binary cross entropy of one anchor, summed over the classes."""
    return -sum(log(p) if number == label else log(1 - p) for number, p in enumerate(row))


def counted(loss: Tensor, given: Matched) -> list[list[bool]]:
    """Which anchors the loss has a gradient for."""
    (gradient,) = torch.autograd.grad(loss, given.logits)
    return (gradient.abs().sum(2) > 0).tolist()


A, B, C, D, E = [0.6, 0.2], [0.3, 0.7], [0.4, 0.1], [0.2, 0.1], [0.9, 0.9]  # of two sigmoids; E is the hardest of all


def test_sigmoids_with_the_hardest_negatives_by_hand() -> None:
    given = matched([[A, B, C, D, D, E], [D, C, D, B, C, E]], [[0, 1, -1, -1, -1, -2], [-1, -1, -1, -1, -1, -2]])
    loss = classification(SigmoidHardest(ONE), given)
    # Two positives and two negatives, of which C is the harder, by two positives. The other image gives its two
    # hardest, B and C, by two, and is one of two images.
    with_objects = (binary(A, 0) + binary(B, 1) + binary(C) + binary(D)) / 2
    assert loss.item() == pytest.approx(with_objects + 1 / 2 * (binary(B) + binary(C)) / 2)
    assert counted(loss, given) == [
        [True, True, True, True, False, False],
        [False, True, False, True, False, False],
    ]


def test_images_without_objects_weigh_by_their_share_of_the_batch() -> None:
    def loss(*images: list[int]) -> float:
        return classification(SigmoidHardest(ONE), matched([[A, C, D]] * len(images), list(images))).item()

    some, none = [0, -1, -1], [-1, -1, -1]
    with_objects, without = binary(A, 0) + binary(C), (binary(A) + binary(C)) / 2
    assert loss(some) == pytest.approx(with_objects)
    assert loss(none, none) == pytest.approx(without)
    assert loss(some, none) == pytest.approx(with_objects + without / 2)
    assert loss(some, none, none, none) == pytest.approx(with_objects + without * 3 / 4)


S, T, U, V, W = [0.5, 0.4, 0.1], [0.6, 0.1, 0.3], [0.3, 0.3, 0.4], [0.8, 0.1, 0.1], [0.02, 0.49, 0.49]


def test_a_softmax_with_the_hardest_negatives_by_hand() -> None:
    kinds = [[1, 2, -1, -1, -1, -2], [-1, -1, -1, -1, -1, -2]]
    given = matched([[S, T, U, V, V, W], [V, U, V, T, S, W]], kinds, softmax=True)
    loss = classification(SoftmaxHardest(ONE), given)
    # The first is of label 1 (0.4), the second of label 2 (0.3); the background of U is 0.3, of V 0.8, of S 0.5.
    with_objects = -(log(0.4) + log(0.3) + log(0.3) + log(0.8)) / 2
    assert loss.item() == pytest.approx(with_objects - 1 / 2 * (log(0.3) + log(0.5)) / 2)
    assert counted(loss, given) == [
        [True, True, True, True, False, False],
        [False, True, False, False, True, False],
    ]


def _focal(row: Sequence[float], label: int = NEGATIVE) -> float:
    """The focal loss of one anchor, alpha 0.25 and gamma 2, summed over the classes."""
    return -sum(
        0.25 * (1 - p) ** 2 * log(p) if number == label else 0.75 * p**2 * log(1 - p) for number, p in enumerate(row)
    )


@pytest.mark.parametrize("each_image", [True, False])
def test_the_focal_loss_of_the_hardest_is_as_large_as_that_of_all_that_count(each_image: bool) -> None:
    given = matched(
        [[A, B, C, D, D, E], [A, C, D, D, D, E], [D, C, D, B, C, E]],
        [[0, 1, -1, -1, -1, -2], [0, -1, -1, -1, -1, -2], [-1, -1, -1, -1, -1, -2]],
    )
    loss = classification(FocalHardest(ONE, each_image=each_image), given)
    first = _focal(A, 0) + _focal(B, 1) + _focal(C) + 2 * _focal(D)
    second = _focal(A, 0) + _focal(C) + 3 * _focal(D)
    third = _focal(B) + 2 * _focal(C) + 2 * _focal(D)
    expected = (first / 2 + second + third) / 3 if each_image else (first + second + third) / 3
    assert loss.item() == pytest.approx(expected)
    assert counted(loss, given) == [
        [True, True, True, True, False, False],
        [True, True, False, False, False, False],
        [False, True, False, True, False, False],
    ]


F, G, H = [0.65, 0.35], [0.05, 0.05], [0.05, 0.95]


def test_harmonised_classes_by_hand_and_with_their_moving_average() -> None:
    rule = HarmonisedLosses()
    # Lengths of the gradient are 0.35 twice for F of label 0, and 0.05 for G, and for H of label 1. Two bins are in
    # use, with two and four of the six that count: weights 6 / (2 * 2) and 6 / (4 * 2).
    first = matched([[F, G, E, H, E]], [[0, -1, -2, 1, -2]])
    loss = classification(rule, first)
    assert loss.item() == pytest.approx(-(2 * 1.5 * log(0.65) + 4 * 0.75 * log(0.95)) / 6)
    assert counted(loss, first) == [[True, True, False, True, False]]
    # Now four and two, so the averages are 0.75 * 2 + 0.25 * 4 = 2.5 and 0.75 * 4 + 0.25 * 2 = 3.5.
    second = matched([[F, F, E, H]], [[0, 0, -2, 1]])
    expected = -(4 * 6 / (2 * 2.5) * log(0.65) + 2 * 6 / (2 * 3.5) * log(0.95)) / 6
    kept = rule.state_dict()
    assert classification(rule, second).item() == pytest.approx(expected)
    goes_on = HarmonisedLosses()
    goes_on.load_state_dict(kept)
    assert classification(goes_on, second).item() == pytest.approx(expected)


def test_harmonised_boxes_by_hand_and_with_their_moving_average() -> None:
    rule, wanted = HarmonisedLosses(), torch.tensor([[0.5, -0.25, 1.0, 0.0], [0.1, 0.2, 0.3, 0.4]]).double()

    def boxes(*places: tuple[int, int]) -> float:
        """The loss where the offsets at these places are 0.04 too long, and all others right."""
        predicted = wanted.clone()
        for place in places:
            predicted[place] += 0.04
        losses = rule(matched([[F, H]], [[0, 1]], offsets=(predicted, wanted)), dict(OTHERS))
        assert losses["bbox_ctrness"] is OTHERS["bbox_ctrness"]
        return float(losses[BOXES])

    far = sqrt(0.04**2 + 0.02**2) - 0.02  # its gradient's length is 0.89; of what is right both are 0
    # One of eight is in the upper bin, with a weight of 8 / (1 * 2).
    assert boxes((0, 2)) == pytest.approx(4 * far / 8)
    # Then two, and the average is 0.7 * 1 + 0.3 * 2 = 1.3.
    assert boxes((0, 0), (1, 3)) == pytest.approx(2 * 8 / (2 * 1.3) * far / 8)


def test_guided_by_the_boxes() -> None:
    probabilities, kinds = [[A, B, E, C], [C, D, D, E]], [[0, 1, -2, -1], [-1, -1, -1, -2]]
    given = matched(probabilities, kinds)
    loss = classification(scaled_to_boxes, given)
    assert loss.item() == pytest.approx(9)  # what the boxes lost, and their centres
    # The gradient of a cross entropy is p - t. Scaled to 9, it is divided by the sum of all that count.
    total = binary(A, 0) + binary(B, 1) + 2 * binary(C) + 2 * binary(D)
    expected = (torch.tensor(probabilities).double() - given.one_hot) * (9 / total)
    expected[given.ignored] = 0
    (gradient,) = torch.autograd.grad(loss, given.logits)
    torch.testing.assert_close(gradient, expected)


def test_without_objects_nothing_guides_and_the_mean_over_the_anchors_counts() -> None:
    given = matched([[A, B], [C, D]], [[NEGATIVE] * 2] * 2)
    none = {CLASSIFICATION: torch.tensor(100.0), BOXES: torch.tensor(0.0)}
    expected = (binary(A) + binary(B) + binary(C) + binary(D)) / 4
    assert scaled_to_boxes(given, none)[CLASSIFICATION].item() == pytest.approx(expected)
