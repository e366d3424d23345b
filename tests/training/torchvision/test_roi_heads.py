"""The choice of regions in a real, tiny Faster R-CNN."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.ops import MultiScaleRoIAlign, box_iou

from negmine.training.torchvision.roi_heads import AllRoIHeads, BiasedRoIHeads, OhemRoIHeads


class _Backbone(torch.nn.Module):
    out_channels = 8

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 8, 3, stride=8, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        return torch.tanh(self.conv(images))


class _Head(torch.nn.Module):
    """Flattens, and normalises if asked to."""

    def __init__(self, normalise: bool) -> None:
        super().__init__()
        self.fc = torch.nn.Linear(8 * 49, 16)
        self.norm = torch.nn.BatchNorm1d(16) if normalise else torch.nn.Identity()

    def forward(self, pooled: Tensor) -> Tensor:
        return torch.tanh(self.norm(self.fc(pooled.flatten(1))))


def make_model(*, normalise: bool = False) -> Any:
    torch.manual_seed(3)
    model = FasterRCNN(
        _Backbone(),
        rpn_anchor_generator=AnchorGenerator(((12, 24, 40),), ((0.5, 1.0, 2.0),)),
        box_roi_pool=MultiScaleRoIAlign(["0"], 7, 2),
        box_head=_Head(normalise),
        box_predictor=_Predictor(),
        min_size=64,
        max_size=96,
        rpn_pre_nms_top_n_train=300,
        rpn_post_nms_top_n_train=200,
        rpn_nms_thresh=0.95,
    )
    return model.train()


class _Predictor(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cls = torch.nn.Linear(16, 3)
        self.box = torch.nn.Linear(16, 12)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.cls(x), self.box(x)


def batch(*, empty: bool = False) -> tuple[list[Tensor], list[dict[str, Tensor]]]:
    generator = torch.Generator().manual_seed(1)
    images = [torch.rand(3, 64, 80, generator=generator), torch.rand(3, 72, 64, generator=generator)]
    some = {"boxes": torch.tensor([[5.0, 8.0, 40.0, 44.0], [30.0, 20.0, 60.0, 60.0]]), "labels": torch.tensor([1, 2])}
    none = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}
    return images, [none if empty else some, none]


def head_gradients(model: Any, make: Callable[[Any], Any], *, empty: bool = False) -> dict[str, Tensor]:
    """The gradients of the box head's losses, with heads made of the model's."""
    before = model.roi_heads
    model.roi_heads = make(before)
    model.zero_grad()
    torch.manual_seed(7)
    losses = model(*batch(empty=empty))
    (losses["loss_classifier"] + losses["loss_box_reg"]).backward()
    gradients = {name: parameter.grad.clone() for name, parameter in model.named_parameters() if
                 parameter.grad is not None}  # fmt: skip
    model.roi_heads = before
    return gradients


@pytest.mark.parametrize("nms_iou", [0.7, None])
@pytest.mark.parametrize("empty", [False, True])
def test_the_read_only_pass_and_the_zeroed_losses_give_the_same_gradients(nms_iou: float | None, empty: bool) -> None:
    model = make_model()

    def ohem(*, read_only: bool) -> dict[str, Tensor]:
        return head_gradients(
            model, lambda h: OhemRoIHeads(h, batch=24, nms_iou=nms_iou, read_only=read_only), empty=empty
        )

    two_passes, at_once = ohem(read_only=True), ohem(read_only=False)
    assert set(two_passes) == set(at_once)
    for name, gradient in two_passes.items():
        torch.testing.assert_close(gradient, at_once[name], rtol=1e-5, atol=1e-6)
    assert float(two_passes["roi_heads.box_predictor.cls.weight"].abs().sum()) > 0


def _chosen(model: Any, heads: Any, *, empty: bool = False) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """What the heads choose: boxes and labels of each image, and the loss of every region that they chose from."""
    caught: list[Any] = []
    select = heads.select_training_samples

    def catch(proposals: list[Tensor], targets: Any) -> Any:
        chosen = select(proposals, targets)
        everything = AllRoIHeads(heads).select_training_samples(proposals, targets)
        caught.append((chosen, everything, heads._read(*heads._seen, everything[0], everything[2], everything[3])
                       if hasattr(heads, "_read") else []))  # fmt: skip
        return chosen

    heads.select_training_samples = catch
    before, model.roi_heads = model.roi_heads, heads
    try:
        torch.manual_seed(7)
        model(*batch(empty=empty))
    finally:
        model.roi_heads = before
    (boxes, _, labels, _), (every, _, _, _), losses = caught[0]
    return boxes, labels, [torch.stack([loss, torch.arange(len(loss))]) for loss in losses] or every


def test_the_hardest_of_all_images_are_chosen_and_overlap_no_harder_one() -> None:
    model = make_model()
    heads = OhemRoIHeads(model.roi_heads, batch=24, nms_iou=0.7)
    boxes, _, losses = _chosen(model, heads)
    assert sum(map(len, boxes)) == 24
    for each in boxes:
        overlaps = box_iou(each, each).fill_diagonal_(0)
        assert float(overlaps.max()) <= 0.7
    plain = OhemRoIHeads(model.roi_heads, batch=24, nms_iou=None)
    _, labels, losses = _chosen(model, plain)
    every = torch.cat([each[0] for each in losses])
    assert len(every) > 100
    ranked = every.sort(descending=True).values[:24]  # an independent top-k: no suppression, ranked by loss
    per_image = [int((each[0] >= ranked[-1]).sum()) for each in losses]
    assert [len(each) for each in labels] == per_image


def test_fewer_regions_than_the_batch_are_all_chosen() -> None:
    model = make_model()
    boxes, _, losses = _chosen(model, OhemRoIHeads(model.roi_heads, batch=10_000, nms_iou=None))
    assert [len(each) for each in boxes] == [each.shape[1] for each in losses]


def test_the_read_only_pass_leaves_batch_normalisation_alone() -> None:
    model = make_model(normalise=True)
    norm = model.roi_heads.box_head.norm
    heads = OhemRoIHeads(model.roi_heads, batch=24)
    images, targets = batch()
    model.roi_heads = heads
    model(images, targets)
    assert norm.training
    assert int(norm.num_batches_tracked) == 1  # the second pass alone


def test_the_state_and_the_results_are_those_of_torchvision() -> None:
    model = make_model()
    names = list(model.state_dict())
    model.eval()
    expected = model(batch()[0])
    model.roi_heads = OhemRoIHeads(model.roi_heads).eval()
    assert list(model.state_dict()) == names
    for found, wanted in zip(model(batch()[0]), expected, strict=True):
        torch.testing.assert_close(found["boxes"], wanted["boxes"])
        torch.testing.assert_close(found["scores"], wanted["scores"])


def test_an_image_without_objects_gives_negatives_to_all_but_the_heuristic() -> None:
    model = make_model()
    for heads, count in (
        (OhemRoIHeads(model.roi_heads, batch=24), 24),
        (BiasedRoIHeads(model.roi_heads, batch=24, bg_lo=0.0), 24),
        (BiasedRoIHeads(model.roi_heads, batch=24, positive_fraction=None), 24),
        (BiasedRoIHeads(model.roi_heads, batch=24, bg_lo=0.1), 0),
    ):
        _, labels, _ = _chosen(model, heads, empty=True)
        assert sum(map(len, labels)) == count
        assert not any(bool(each.any()) for each in labels)


def test_the_heuristic_draws_a_quarter_of_objects_at_most() -> None:
    model = make_model()
    _, labels, _ = _chosen(model, BiasedRoIHeads(model.roi_heads, batch=40, bg_lo=0.0))
    assert [len(each) for each in labels] == [20, 20]
    assert 0 < int((labels[0] > 0).sum()) <= 5
