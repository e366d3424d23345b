"""The read-only pass of OHEM: it keeps nothing for gradients, and looking at regions in parts changes no choice."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from regions import SIZE, features, make_heads, proposals, target, trained_on
from torch import Tensor

from negmine.training.torchvision import roi_heads
from negmine.training.torchvision.roi_heads import OhemRoIHeads

SOME = target([(5, 8, 30, 34), (20, 20, 45, 40)], [1, 2])


@pytest.mark.parametrize("objects", [0, 2])
def test_only_the_second_pass_makes_gradients(objects: int) -> None:
    heads = OhemRoIHeads(make_heads(), batch=8)
    given = [proposals(30), proposals(20, seed=1)]
    calls: list[tuple[bool, bool, int]] = []
    heads.box_head.register_forward_hook(
        lambda _, __, out: calls.append((torch.is_grad_enabled(), out.requires_grad, len(out)))
    )
    maps = features(2, requires_grad=True)
    _, losses = heads(maps, given, [SIZE, SIZE], [SOME if objects else target(), target()])
    # every proposal and every object of one image, then of the other; then the chosen, with gradients
    assert calls == [(False, False, 30 + objects), (False, False, 20), (True, True, 8)]
    losses["loss_classifier"].backward()
    gradient = maps["0"].grad
    assert gradient is not None and float(gradient.abs().sum()) > 0


@pytest.mark.parametrize("nms_iou", [0.7, None])
def test_regions_that_are_looked_at_in_parts_are_chosen_as_those_looked_at_together(
    nms_iou: float | None, monkeypatch: Any
) -> None:
    """The size of a part is a constant that no user sees; a small one puts the same code through many parts."""
    heads = OhemRoIHeads(make_heads(), batch=9, nms_iou=nms_iou)
    given, targets = [proposals(40), proposals(25, seed=1)], [SOME, SOME]
    together = trained_on(heads, given, targets)
    parts: list[int] = []
    heads.box_head.register_forward_hook(lambda _, __, out: parts.append(len(out)))
    monkeypatch.setattr(roi_heads, "_CHUNK", 7)
    found = trained_on(heads, given, targets)
    assert parts == [7] * 6 + [7, 7, 7, 6, 9]  # 42 and 27 regions, then the chosen
    assert all(len(each) for each in together)
    for each, wanted in zip(found, together, strict=True):
        assert torch.equal(each, wanted)


def test_the_losses_of_all_parts_are_in_the_order_of_the_regions(monkeypatch: Any) -> None:
    """One region lies on the only bright spot and so has another loss than the rest: it is the one to be chosen."""
    heads = OhemRoIHeads(make_heads(), batch=1, nms_iou=None)
    with torch.no_grad():  # a head that takes what is bright for an object, and what is dark for none
        for parameter in heads.parameters():
            parameter.zero_()
        heads.box_head[1].weight.fill_(0.1)
        heads.box_predictor.cls.weight[1:].fill_(1.0)
    maps = {"0": torch.zeros(1, 8, 16, 16)}
    maps["0"][..., 12:, 12:] = 1
    dark: Tensor = torch.tensor([[0.0, 0.0, 20.0, 20.0]]).repeat(20, 1)
    bright = torch.tensor([48.0, 48.0, 64.0, 64.0])
    monkeypatch.setattr(roi_heads, "_CHUNK", 7)
    for place in (0, 9, 19):
        given = dark.clone()
        given[place] = bright
        pooled: list[Tensor] = []
        hook = heads.box_roi_pool.register_forward_pre_hook(
            lambda _, arguments, pooled=pooled: pooled.append(arguments[1][0])
        )
        heads(maps, [given], [SIZE], [target()])
        hook.remove()
        assert pooled[-1].tolist() == [bright.tolist()]
