"""The numbers of a configuration reach the heads of a Faster R-CNN, and decide which regions it is trained on."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from regions import SIZE, features, make_heads, proposals, target, trained_on
from torch import Tensor, nn
from torchvision.ops import box_iou

from negmine.training.config import TrainConfig
from negmine.training.torchvision.trainer import install_loss

BUILDER = "fasterrcnn_mobilenet_v3_large_320_fpn"
OBJECT = (8.0, 8.0, 40.0, 40.0)


class _Detector(nn.Module):
    """The part of a Faster R-CNN that is taught."""

    def __init__(self) -> None:
        super().__init__()
        self.roi_heads = make_heads()


def taught(**settings: Any) -> Any:
    """Heads with the loss of a configuration."""
    model = _Detector()
    assert install_loss(model, BUILDER, TrainConfig(**settings)) is None
    return model.roi_heads


def drawn(heads: Any, given: Tensor, objects: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Boxes and labels of the regions of one image that heads draw."""
    torch.manual_seed(0)
    boxes, _, labels, _ = heads.select_training_samples([given], [objects])
    return boxes[0], labels[0]


def of_overlap(*shares: float) -> Tensor:
    """Boxes within the object that each cover a share of it, which then is their overlap."""
    x1, y1, x2, y2 = OBJECT
    return torch.tensor([[x1, y1, x1 + (x2 - x1) * share, y2] for share in shares])


@pytest.mark.parametrize("objects", [target(), target([OBJECT], [1])])
@pytest.mark.parametrize("loss", ["ohem", "random", "heuristic"])
@pytest.mark.parametrize("ohem_batch", [6, 10])
def test_so_many_regions_of_all_images_count(loss: Any, ohem_batch: int, objects: dict[str, Tensor]) -> None:
    heads = taught(loss=loss, ohem_batch=ohem_batch, ohem_nms=None, bg_lo=0.0)
    boxes = trained_on(heads, [proposals(40), proposals(40, seed=1)], [objects, target()])
    assert sum(map(len, boxes)) == ohem_batch


@pytest.mark.parametrize("iou", [0.3, 0.8])
def test_chosen_regions_overlap_at_most_so_much(iou: float) -> None:
    given, objects = [proposals(200)], [target([OBJECT], [1])]
    boxes = trained_on(taught(loss="ohem", ohem_batch=40, ohem_nms=iou), given, objects)[0]
    largest = float(box_iou(boxes, boxes).fill_diagonal_(0).max())
    assert iou - 0.1 < largest <= iou  # with so many regions, some pair comes near


def test_without_suppression_chosen_regions_overlap_as_they_please() -> None:
    given, objects = [proposals(200)], [target([OBJECT], [1])]
    boxes = trained_on(taught(loss="ohem", ohem_batch=40, ohem_nms=None), given, objects)[0]
    assert len(boxes) == 40
    assert float(box_iou(boxes, boxes).fill_diagonal_(0).max()) > 0.8


@pytest.mark.parametrize(("bg_lo", "count"), [(0.0, 8), (0.1, 0)])
def test_an_image_without_objects_gives_regions_only_from_an_overlap_of_0(bg_lo: float, count: int) -> None:
    boxes, labels = drawn(taught(loss="heuristic", ohem_batch=8, bg_lo=bg_lo), proposals(30), target())
    assert len(boxes) == count
    assert not bool(labels.any())


@pytest.mark.parametrize(("bg_lo", "expected"), [(0.0, [5, 15, 25, 35]), (0.1, [15, 25, 35]), (0.3, [35])])
def test_background_is_drawn_from_an_overlap_of_so_much(bg_lo: float, expected: list[int]) -> None:
    given = of_overlap(0.05, 0.15, 0.25, 0.35, 0.7, 0.9)
    boxes, labels = drawn(taught(loss="heuristic", ohem_batch=64, bg_lo=bg_lo), given, target([OBJECT], [2]))
    percent = (box_iou(boxes, torch.tensor([OBJECT]))[:, 0] * 100).round().int()
    assert percent[labels == 0].tolist() == expected
    assert percent[labels == 2].tolist() == [70, 90, 100]  # the object itself is a region too


def test_the_heuristic_draws_a_quarter_of_objects() -> None:
    given = of_overlap(*[0.6] * 60, *[0.2] * 60)
    _, labels = drawn(taught(loss="heuristic", ohem_batch=40), given, target([OBJECT], [1]))
    assert (int((labels == 1).sum()), int((labels == 0).sum())) == (10, 30)


@pytest.mark.parametrize(("objects", "background"), [(60, 20), (20, 60)])
def test_random_draws_objects_and_background_alike(objects: int, background: int) -> None:
    """Of 81 regions 70 are drawn, so however they fall, no more than 11 of either kind are missing."""
    given = of_overlap(*[0.6] * objects, *[0.05] * background)
    _, labels = drawn(taught(loss="random", ohem_batch=70), given, target([OBJECT], [1]))
    assert len(labels) == 70
    assert int((labels == 1).sum()) >= objects + 1 - 11
    assert int((labels == 0).sum()) >= background - 11


def test_random_draws_no_region_that_is_neither() -> None:
    model = _Detector()
    model.roi_heads = make_heads(fg_iou=0.6, bg_iou=0.3)
    install_loss(model, BUILDER, TrainConfig(loss="random", ohem_batch=64))
    boxes, labels = drawn(model.roi_heads, of_overlap(0.1, 0.4, 0.5, 0.8), target([OBJECT], [1]))
    assert labels.tolist() == [0, 1, 1]
    assert (box_iou(boxes, torch.tensor([OBJECT]))[:, 0] * 100).round().int().tolist() == [10, 80, 100]


def test_stock_leaves_the_heads_as_they_were() -> None:
    model = _Detector()
    before = model.roi_heads
    assert install_loss(model, BUILDER, TrainConfig(loss="stock")) is None
    assert model.roi_heads is before
    before(features(1), [proposals(5)], [SIZE], [target()])
