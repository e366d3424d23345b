"""The bias and the thresholds of the Sampling-Free mechanism, from the anchors of a training set."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torchvision.models import get_model
from torchvision.ops import box_iou

from negmine.training.config import TrainConfig
from negmine.training.torchvision.guided import AnchorCounts, count_anchors, score_thresholds, set_optimal_bias
from negmine.training.torchvision.trainer import install_loss

RETINA, FCOS = "retinanet_resnet50_fpn", "fcos_resnet50_fpn"
CPU = torch.device("cpu")
SIZE = 64


def _model(builder: str) -> Any:
    torch.manual_seed(0)
    return get_model(builder, weights=None, weights_backbone=None, num_classes=3, min_size=SIZE, max_size=SIZE)


def _batch(labels: tuple[int, ...]) -> tuple[list[Tensor], list[dict[str, Tensor]]]:
    boxes = torch.tensor([[8.0, 8.0, 40.0, 40.0], [24.0, 16.0, 60.0, 62.0]])[: len(labels)]
    target = {"boxes": boxes.reshape(-1, 4), "labels": torch.tensor(labels, dtype=torch.int64)}
    return [torch.rand(3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))], [target]


def _untouched(model: Any) -> dict[str, Any]:
    state = {name: value.clone() for name, value in model.state_dict().items()}
    return {"state": state, "training": [module.training for module in model.modules()]}


def test_the_anchors_of_a_retinanet_are_counted_as_by_hand() -> None:
    model = _model(RETINA).eval()
    images, targets = _batch((1, 2))
    counts = count_anchors(model, RETINA, [(images, targets), _batch(())], device=CPU)

    transformed, _ = model.transform(images)
    anchors = model.anchor_generator(transformed, list(model.backbone(transformed.tensors).values()))[0]
    iou = box_iou(targets[0]["boxes"], anchors)  # torchvision's rule: 0.5 and the best of each object; 0.4 to 0.5 not
    best, of_object = iou.max(0)
    best_of_object = iou == iou.amax(1, keepdim=True)
    positive = (best >= 0.5) | best_of_object.any(0)
    ignored = (best >= 0.4) & (best < 0.5) & ~positive
    by_hand = [int((positive & (of_object == which)).sum()) for which in (0, 1)]
    assert min(by_hand) > 0
    assert counts.of_label.tolist() == [0, *by_hand]
    assert counts.foreground == sum(by_hand)
    assert counts.anchors == 2 * len(anchors) - int(ignored.sum())


@pytest.mark.parametrize("builder", [RETINA, FCOS])
def test_counting_leaves_the_model_as_it_was(builder: str) -> None:
    model = _model(builder).train()
    model.backbone.eval()
    rule = install_loss(model, builder, TrainConfig(loss="guided", device="cpu"))
    ruled, before = model.head.compute_loss, _untouched(model)
    assert count_anchors(model, builder, [_batch((1,))], device=CPU).foreground > 0
    after = _untouched(model)
    assert model.head.compute_loss is ruled and rule is not None
    assert after["training"] == before["training"]
    assert all(torch.equal(value, after["state"][name]) for name, value in before["state"].items())


@pytest.mark.parametrize("builder", [RETINA, FCOS])
def test_the_bias_of_a_fresh_head_gives_the_lowest_loss_of_any_bias(builder: str) -> None:
    model = _model(builder)
    counts = AnchorCounts(torch.tensor([0.0, 30.0, 10.0], dtype=torch.float64), 2000)
    assert set_optimal_bias(model, counts)
    bias = model.head.classification_head.cls_logits.bias
    assert bias.unique().numel() == 1
    found = float(bias[0].detach())
    assert found == pytest.approx(-math.log((1 - 40 / 6000) / (40 / 6000)), rel=1e-5)

    def loss(logit: float) -> float:  # binary cross entropy of 40 ones among 6,000 outputs that all say the same
        score = 1 / (1 + math.exp(-logit))
        return -40 * math.log(score) - 5960 * math.log(1 - score)

    assert loss(found) < min(loss(found - 0.01), loss(found + 0.01))


def test_a_trained_head_keeps_its_bias_and_so_does_one_without_objects() -> None:
    model, counts = _model(RETINA), AnchorCounts(torch.tensor([0.0, 3.0, 1.0], dtype=torch.float64), 100)
    bias = model.head.classification_head.cls_logits.bias
    before = bias.detach().clone()
    assert not set_optimal_bias(model, AnchorCounts(torch.zeros(3, dtype=torch.float64), 100))
    assert torch.equal(bias, before)
    with torch.no_grad():
        bias[0] += 0.01  # a step of training changes every one of them a little
    before = bias.detach().clone()
    assert not set_optimal_bias(model, counts)
    assert torch.equal(bias, before)


def test_the_thresholds_are_shares_of_the_anchors_by_class_id() -> None:
    counts = AnchorCounts(torch.tensor([0.0, 30.0, 10.0], dtype=torch.float64), 2000)
    assert score_thresholds(counts, 1) == pytest.approx((0.015, 0.005))
    assert score_thresholds(counts, 0) == pytest.approx((0.0, 0.015, 0.005))
    assert score_thresholds(AnchorCounts(torch.zeros(3, dtype=torch.float64), 0), 1) == (0.0, 0.0)
