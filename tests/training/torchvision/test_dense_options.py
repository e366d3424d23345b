"""The numbers of a configuration reach the heads of one-stage detectors, and so do the objects of each anchor.

The heads are torchvision's own, with what they said and the matches made by hand; no image goes through them.
"""

from __future__ import annotations

from math import log, sqrt
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
from torchvision.models.detection.fcos import FCOSHead
from torchvision.models.detection.retinanet import RetinaNetHead
from torchvision.models.detection.ssd import SSD as WholeSSD
from torchvision.models.detection.ssd import SSDHead

from negmine.training.config import TrainConfig
from negmine.training.torchvision.trainer import install_loss

RETINA, FCOS, SSD = "retinanet_resnet50_fpn", "fcos_resnet50_fpn", "ssd300_vgg16"
NEGATIVE, IGNORED = -1, -2
# Six anchors: 1 and 2 lie on each other but for a tenth, 3, 4 and 5 alone.
ANCHORS = torch.tensor(
    [[0, 0, 10, 10], [20, 0, 30, 10], [21, 0, 31, 10], [40, 0, 50, 10], [60, 0, 70, 10], [80, 0, 90, 10]]
).float()
HARDNESS = [0.5, 0.9, 0.8, 0.7, 0.6, 0.99]  # the probability that each is an object


class _Detector(nn.Module):
    """The part of a one-stage detector that is taught."""

    def __init__(self, builder: str) -> None:
        super().__init__()
        self.head: Any = RetinaNetHead(4, 1, 2) if builder == RETINA else FCOSHead(32, 1, 2)


def _ssd() -> WholeSSD:
    """An SSD, which has no head that makes its losses."""
    return WholeSSD(nn.Identity(), DefaultBoxGenerator([[2]]), (32, 32), 2, head=SSDHead([4], [4], 2))


def losses(
    builder: str, config: TrainConfig, matches: list[list[int]], targets: list[dict[str, Tensor]], regression: Tensor
) -> tuple[dict[str, Tensor], Tensor]:
    """The losses of a batch of anchors, and the logits [B, A, 2] that they are made of."""
    model = _ssd() if builder == SSD else _Detector(builder)
    install_loss(model, builder, config)
    count = len(matches)
    logits = torch.tensor(HARDNESS).logit()[None, :, None].repeat(count, 1, 2).requires_grad_()
    classes = [0.0, 1.0] if builder == SSD else [1.0, 0.5]  # of SSD the first is the background
    outputs = {"cls_logits": logits * torch.tensor(classes), "bbox_regression": regression}
    if builder == FCOS:
        outputs["bbox_ctrness"] = torch.zeros(count, 6, 1)
    place: Any = model if builder == SSD else model.head
    found = place.compute_loss(targets, outputs, [ANCHORS] * count, [torch.tensor(each) for each in matches])
    return found, logits


def counted(config: TrainConfig, match: list[int], builder: str = RETINA) -> list[int]:
    """The anchors of one image, with an object at the first or none, that have a gradient."""
    objects = int(max(match) >= 0)
    target = {"boxes": ANCHORS[:objects], "labels": torch.ones(objects, dtype=torch.int64)}
    itself = torch.full((1, 6, 4), 0.5 if builder == FCOS else 0.0)  # a box that is the anchor
    found, logits = losses(builder, config, [match], [target], itself)
    (gradient,) = torch.autograd.grad(found["classification"], logits)
    places: list[int] = torch.where(gradient[0].abs().sum(1) > 0)[0].tolist()
    return places


@pytest.mark.parametrize("builder", [RETINA, FCOS, SSD])
@pytest.mark.parametrize("loss", ["ohem", "hard-negative"])
@pytest.mark.parametrize("min_neg", [1, 2, 4])
def test_an_image_without_objects_gives_so_many_negatives(loss: Any, min_neg: int, builder: str) -> None:
    hardest = [5, 1, 2, 3, 4, 0][:min_neg]
    assert counted(TrainConfig(loss=loss, min_neg=min_neg), [NEGATIVE] * 6, builder) == sorted(hardest)


@pytest.mark.parametrize("builder", [RETINA, FCOS, SSD])
@pytest.mark.parametrize("loss", ["ohem", "hard-negative"])
@pytest.mark.parametrize(
    ("neg_per_pos", "negatives"), [(0, []), (1, [5]), (2, [1, 5]), (3, [1, 2, 5]), (9, [1, 2, 3, 4, 5])]
)
def test_an_object_gives_so_many_negatives(loss: Any, neg_per_pos: float, negatives: list[int], builder: str) -> None:
    config = TrainConfig(loss=loss, neg_per_pos=neg_per_pos)
    assert counted(config, [0, *[NEGATIVE] * 5], builder) == [0, *negatives]


@pytest.mark.parametrize("loss", ["ohem", "hard-negative", "ghm", "guided"])
@pytest.mark.parametrize("objects", [0, 1])
def test_what_retinanet_ignores_is_no_negative(loss: Any, objects: int) -> None:
    first = 0 if objects else NEGATIVE
    places = counted(TrainConfig(loss=loss, min_neg=6), [first, IGNORED, NEGATIVE, NEGATIVE, NEGATIVE, IGNORED])
    assert places == [0, 2, 3, 4]


@pytest.mark.parametrize("builder", [RETINA, FCOS, SSD])
@pytest.mark.parametrize(("nms_iou", "negatives"), [(None, [1, 2, 5]), (0.9, [1, 2, 5]), (0.5, [1, 3, 5])])
def test_a_negative_on_a_harder_one_is_passed_over(builder: str, nms_iou: float | None, negatives: list[int]) -> None:
    config = TrainConfig(loss="ohem", neg_per_pos=3, nms_iou=nms_iou)
    assert counted(config, [0, *[NEGATIVE] * 5], builder) == [0, *negatives]


@pytest.mark.parametrize("builder", [RETINA, FCOS, SSD])
def test_without_ohem_nothing_is_passed_over(builder: str) -> None:
    config = TrainConfig(loss="hard-negative", neg_per_pos=3, nms_iou=0.5)
    assert counted(config, [0, *[NEGATIVE] * 5], builder) == [0, 1, 2, 5]


def _offsets(anchor: int, box: list[float]) -> list[float]:
    """What RetinaNet calls a box, seen from an anchor: shift of the centre by the side, logarithm of the sides."""
    x1, y1, x2, y2 = ANCHORS[anchor].tolist()
    centre = [(box[0] + box[2] - x1 - x2) / 2 / (x2 - x1), (box[1] + box[3] - y1 - y2) / 2 / (y2 - y1)]
    return [*centre, log((box[2] - box[0]) / (x2 - x1)), log((box[3] - box[1]) / (y2 - y1))]


def test_harmonised_boxes_are_those_of_each_anchor_and_its_own_object() -> None:
    first, second, third = [18.0, 0.0, 34.0, 12.0], [60.0, 2.0, 72.0, 8.0], [44.0, 1.0, 52.0, 9.0]
    none = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}
    targets = [
        {"boxes": torch.tensor([first, second]), "labels": torch.tensor([1, 0])},
        none,
        {"boxes": torch.tensor([third]), "labels": torch.tensor([1])},
    ]
    matches = [[IGNORED, 0, NEGATIVE, NEGATIVE, 1, NEGATIVE], [NEGATIVE] * 6, [*[NEGATIVE] * 3, 0, IGNORED, NEGATIVE]]
    right = torch.full((3, 6, 4), 0.7)  # what an anchor without an object says does not matter
    right[0, 1], right[0, 4] = torch.tensor(_offsets(1, first)), torch.tensor(_offsets(4, second))
    right[2, 3] = torch.tensor(_offsets(3, third))
    config = TrainConfig(loss="ghm")

    found, _ = losses(RETINA, config, matches, targets, right)
    assert found["bbox_regression"].item() == pytest.approx(0, abs=1e-6)
    wrong = right.clone()
    wrong[0, 4, 1] += 0.04
    found, _ = losses(RETINA, config, matches, targets, wrong)
    # One of twelve offsets has a longer gradient than the others: its weight is 12 / (1 * 2).
    assert found["bbox_regression"].item() == pytest.approx(6 * (sqrt(0.04**2 + 0.02**2) - 0.02) / 12, rel=1e-4)


@pytest.mark.parametrize("builder", [RETINA, FCOS])
@pytest.mark.parametrize("objects", [0, 1, 2])
def test_ohem_has_the_value_of_the_focal_loss_of_all(builder: str, objects: int) -> None:
    counts = (objects, min(objects, 1))
    targets = [{"boxes": ANCHORS[:count], "labels": torch.arange(count)} for count in counts]
    last = IGNORED if builder == RETINA and objects else NEGATIVE  # FCOS ignores none
    matches = [[*range(count), *[NEGATIVE] * (5 - count), last] for count in counts]
    regression = torch.full((2, 6, 4), 0.1)
    ohem, _ = losses(builder, TrainConfig(loss="ohem", min_neg=2, neg_per_pos=1), matches, targets, regression)
    focal, _ = losses(builder, TrainConfig(loss="focal"), matches, targets, regression)
    assert ohem.keys() == focal.keys()
    for name, value in focal.items():
        torch.testing.assert_close(ohem[name], value)
