"""The choice of regions in a real, tiny Faster R-CNN."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.ops import MultiScaleRoIAlign, batched_nms, box_iou

from negmine.training.torchvision.roi_heads import AllRoIHeads, BiasedRoIHeads, OhemRoIHeads


class _OnePassOhemRoIHeads(AllRoIHeads):
    """OHEM in one pass: gradients of every region are kept, and the chosen regions alone count.

    Args:
        heads: of a Faster R-CNN.
        batch: regions of all images together.
        nms_iou: as of `OhemRoIHeads`.
    """

    def __init__(self, heads: Any, *, batch: int = 128, nms_iou: float | None = 0.7) -> None:
        super().__init__(heads)
        self._batch, self._nms_iou = batch, nms_iou

    def forward(self, features: Any, proposals: Any, image_shapes: Any, targets: Any = None) -> Any:
        """The losses of the hardest regions."""
        boxes, _, labels, offsets = self.select_training_samples(proposals, targets)
        logits, regression = self.box_predictor(self.box_head(self.box_roi_pool(features, boxes, image_shapes)))
        target, wanted, rows = torch.cat(labels), torch.cat(offsets), torch.arange(len(logits))
        predicted = regression.reshape(len(target), -1, 4)[rows, target]
        cls_loss = torch.nn.functional.cross_entropy(logits, target, reduction="none")
        wanted = torch.where(target[:, None] > 0, wanted, predicted.detach())  # background has no box, and no box loss
        box_loss = torch.nn.functional.smooth_l1_loss(predicted, wanted, beta=1 / 9, reduction="none").sum(1)
        loss = (cls_loss + box_loss).detach()
        if self._nms_iou is None:
            order = loss.argsort(descending=True, stable=True)
        else:
            image = torch.repeat_interleave(torch.arange(len(boxes)), torch.tensor([len(each) for each in boxes]))
            order = batched_nms(torch.cat(boxes), loss, image, self._nms_iou)
        kept = order[: self._batch]
        count = max(len(kept), 1)
        return [], {"loss_classifier": cls_loss[kept].sum() / count, "loss_box_reg": box_loss[kept].sum() / count}


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
def test_two_passes_give_the_gradients_of_one_pass_that_keeps_everything(nms_iou: float | None, empty: bool) -> None:
    model = make_model()

    two_passes, at_once = (
        head_gradients(model, partial(kind, batch=24, nms_iou=nms_iou), empty=empty)
        for kind in (OhemRoIHeads, _OnePassOhemRoIHeads)
    )
    assert set(two_passes) == set(at_once)
    for name, gradient in two_passes.items():
        torch.testing.assert_close(gradient, at_once[name], rtol=1e-5, atol=1e-6)
    assert float(two_passes["roi_heads.box_predictor.cls.weight"].abs().sum()) > 0


def _chosen(model: Any, heads: Any, *, empty: bool = False) -> tuple[list[Tensor], list[Tensor]]:
    """What the heads choose: boxes and labels of each image."""
    caught: list[tuple[list[Tensor], list[Tensor]]] = []
    two_passes = isinstance(heads, OhemRoIHeads)
    name = "hardest_regions" if two_passes else "select_training_samples"
    choose = getattr(heads, name)

    def catch(*arguments: Any) -> Any:
        chosen = choose(*arguments)
        caught.append((chosen[0], chosen[1 if two_passes else 2]))
        return chosen

    setattr(heads, name, catch)
    before, model.roi_heads = model.roi_heads, heads
    try:
        torch.manual_seed(7)
        model(*batch(empty=empty))
    finally:
        model.roi_heads = before
    return caught[0]


def _every_loss(model: Any) -> list[Tensor]:
    """The loss of every region of each image, by the read-only pass."""
    heads = OhemRoIHeads(model.roi_heads, batch=24)
    caught: list[list[Tensor]] = []
    read = heads._read
    heads._read = lambda *arguments: caught.append(read(*arguments)) or caught[-1]
    _chosen(model, heads)
    return caught[0]


def test_the_hardest_of_all_images_are_chosen_and_overlap_no_harder_one() -> None:
    model = make_model()
    heads = OhemRoIHeads(model.roi_heads, batch=24, nms_iou=0.7)
    boxes, _ = _chosen(model, heads)
    assert sum(map(len, boxes)) == 24
    for each in boxes:
        overlaps = box_iou(each, each).fill_diagonal_(0)
        assert float(overlaps.max()) <= 0.7
    plain = OhemRoIHeads(model.roi_heads, batch=24, nms_iou=None)
    _, labels = _chosen(model, plain)
    losses = _every_loss(model)
    every = torch.cat(losses)
    assert len(every) > 100
    ranked = every.sort(descending=True).values[:24]  # an independent top-k: no suppression, ranked by loss
    per_image = [int((each >= ranked[-1]).sum()) for each in losses]
    assert [len(each) for each in labels] == per_image


def test_fewer_regions_than_the_batch_are_all_chosen() -> None:
    model = make_model()
    boxes, _ = _chosen(model, OhemRoIHeads(model.roi_heads, batch=10_000, nms_iou=None))
    assert [len(each) for each in boxes] == [len(each) for each in _every_loss(model)]


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
        _, labels = _chosen(model, heads, empty=True)
        assert sum(map(len, labels)) == count
        assert not any(bool(each.any()) for each in labels)


def test_the_heuristic_draws_a_quarter_of_objects_at_most() -> None:
    model = make_model()
    _, labels = _chosen(model, BiasedRoIHeads(model.roi_heads, batch=40, bg_lo=0.0))
    assert [len(each) for each in labels] == [20, 20]
    assert 0 < int((labels[0] > 0).sum()) <= 5
