"""How much each anchor counts, worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from negmine.training.ultralytics.criterion import Anchors, HardestNegatives, HarmonisedWeights, focal_weights


def _anchors(losses: list[list[float]], positive: list[list[bool]], boxes: Tensor | None = None) -> Anchors:
    """One class; logits such that the entropy of a negative is the loss asked for."""
    loss = torch.tensor(losses)[..., None]
    chosen = torch.tensor(positive)
    probability = 1 - torch.exp(-loss)  # -log(1 - p) = loss
    logits = torch.logit(torch.where(chosen[..., None], 1 - probability, probability))
    if boxes is None:
        boxes = torch.arange(loss.shape[1])[None, :, None] * 100.0 + torch.tensor([0.0, 0.0, 10.0, 10.0])
        boxes = boxes.expand(loss.shape[0], -1, -1)
    return Anchors(loss, logits, chosen[..., None].float(), chosen, boxes)


def test_no_anchors_give_no_weights() -> None:
    empty = Anchors(
        torch.zeros(2, 0, 3), torch.zeros(2, 0, 3), torch.zeros(2, 0, 3), torch.zeros(2, 0, dtype=torch.bool),
        torch.zeros(2, 0, 4),
    )  # fmt: skip
    assert HardestNegatives(3, 1, None, keep_sum=True)(empty).shape == (2, 0, 1)
    assert focal_weights(empty).shape == (2, 0, 3)
    assert HarmonisedWeights()(empty).shape == (2, 0, 3)


def test_what_is_kept_takes_over_the_loss_of_the_others() -> None:
    # one positive of loss 0.5; of the four negatives 0.4 0.3 0.2 0.1 two are kept: 1.5 / 1.2 makes up for the others
    anchors = _anchors([[0.5, 0.4, 0.1, 0.3, 0.2]], [[True, False, False, False, False]])
    weights = HardestNegatives(2, 1, None, keep_sum=True)(anchors)[0, :, 0]
    assert weights.tolist() == pytest.approx([1.25, 1.25, 0.0, 1.25, 0.0])
    assert float((weights * anchors.loss[0, :, 0]).sum()) == pytest.approx(1.5)


def test_ssd_scales_nothing() -> None:
    anchors = _anchors([[0.5, 0.4, 0.1, 0.3, 0.2]], [[True, False, False, False, False]])
    weights = HardestNegatives(2, 1, None, keep_sum=False)(anchors)[0, :, 0]
    assert weights.tolist() == [1.0, 1.0, 0.0, 1.0, 0.0]


def test_an_image_without_objects_keeps_the_floor() -> None:
    anchors = _anchors([[0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4]], [[True, False, False, False], [False] * 4])
    weights = HardestNegatives(1, 2, None, keep_sum=False)(anchors)[..., 0]
    assert weights.tolist() == [[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]]


def test_of_neighbours_the_harder_one_is_kept() -> None:
    boxes = torch.tensor([[[0, 0, 10, 10], [0, 0, 10, 9], [50, 50, 60, 60], [0, 0, 10, 10]]], dtype=torch.float32)
    anchors = _anchors([[0.4, 0.3, 0.2, 0.9]], [[False, False, False, True]], boxes)
    with_nms = HardestNegatives(2, 2, 0.7, keep_sum=False)(anchors)[0, :, 0]
    without = HardestNegatives(2, 2, None, keep_sum=False)(anchors)[0, :, 0]
    assert with_nms.tolist() == [1.0, 0.0, 1.0, 1.0]  # a positive passes nobody over
    assert without.tolist() == [1.0, 1.0, 0.0, 1.0]


def test_suppression_leaves_the_number_of_negatives_as_it_is() -> None:
    many = 2000  # more than the suppression looks at
    losses = [[0.0] + [0.001 * number for number in range(many)]]
    anchors = _anchors(losses, [[True] + [False] * many])
    for nms_iou in (None, 0.7):
        weights = HardestNegatives(3, 64, nms_iou, keep_sum=False)(anchors)
        assert int((weights > 0).sum()) == 1 + 3


def test_focal_prefers_what_is_wrong_and_keeps_the_sum() -> None:
    anchors = _anchors([[-math.log(0.5), -math.log(0.9)]], [[False, False]])  # probabilities 0.5 and 0.1
    weights = focal_weights(anchors)[0, :, 0]
    assert float(weights[0] / weights[1]) == pytest.approx(0.5**2 / 0.1**2, rel=1e-5)
    assert float((weights * anchors.loss[0, :, 0]).sum()) == pytest.approx(float(anchors.loss.sum()))


def test_focal_weighs_positives_with_a_quarter() -> None:
    anchors = _anchors([[-math.log(0.5), -math.log(0.5)]], [[True, False]])
    weights = focal_weights(anchors)[0, :, 0]
    assert float(weights[0] / weights[1]) == pytest.approx(0.25 / 0.75, rel=1e-5)


def test_rare_gradients_count_more_and_the_sum_is_kept() -> None:
    easy, hard = -math.log(0.99), -math.log(0.05)
    anchors = _anchors([[easy] * 99 + [hard]], [[False] * 100])
    weights = HarmonisedWeights()(anchors)[0, :, 0]
    assert float(weights[-1] / weights[0]) == pytest.approx(99, rel=1e-3)
    assert float((weights * anchors.loss[0, :, 0]).sum()) == pytest.approx(float(anchors.loss.sum()), rel=1e-5)


@pytest.mark.parametrize("rule", [HardestNegatives(3, 2, 0.7, keep_sum=True), focal_weights, HarmonisedWeights()])
def test_weights_are_finite_where_there_is_nothing_to_lose(rule: HardestNegatives | HarmonisedWeights) -> None:
    anchors = _anchors([[0.0, 0.0, 0.0]], [[False, False, False]])
    assert torch.isfinite(rule(anchors)).all()
