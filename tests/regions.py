"""The heads of a Faster R-CNN on their own: real, small enough for a test, with the proposals that the test gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.ops import MultiScaleRoIAlign

SIZE = (64, 64)  # height and width of every image
Targets = list[dict[str, Tensor]]


class _Predictor(nn.Module):
    """Three classes, the background among them, and offsets for each."""

    def __init__(self) -> None:
        super().__init__()
        self.cls, self.box = nn.Linear(16, 3), nn.Linear(16, 12)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.cls(x), self.box(x)


def make_heads(*, fg_iou: float = 0.5, bg_iou: float = 0.5) -> Any:
    """torchvision's heads for features of 8 channels, with weights that are always the same."""
    torch.manual_seed(3)
    return RoIHeads(
        MultiScaleRoIAlign(["0"], 2, 2),
        nn.Sequential(nn.Flatten(), nn.Linear(8 * 4, 16), nn.Tanh()),
        _Predictor(),
        fg_iou,
        bg_iou,
        512,
        0.25,
        None,
        0.05,
        0.5,
        100,
    ).train()


def target(boxes: Sequence[tuple[float, float, float, float]] = (), labels: Sequence[int] = ()) -> dict[str, Tensor]:
    """The objects of an image."""
    return {
        "boxes": torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        "labels": torch.tensor(labels, dtype=torch.int64),
    }


def proposals(count: int, *, seed: int = 0) -> Tensor:
    """Boxes [R, 4] all over the image, many of which overlap."""
    generator = torch.Generator().manual_seed(seed)
    corner = torch.rand(count, 2, generator=generator) * 30
    return torch.cat([corner, corner + 15 + torch.rand(count, 2, generator=generator) * 15], 1)


def features(images: int, *, requires_grad: bool = False) -> dict[str, Tensor]:
    """A map of a fourth of the image's size."""
    generator = torch.Generator().manual_seed(1)
    return {"0": torch.rand(images, 8, 16, 16, generator=generator).requires_grad_(requires_grad)}


def trained_on(heads: Any, given: Sequence[Tensor], targets: Targets) -> list[Tensor]:
    """The boxes of each image that the losses are made of: those that are pooled last."""
    pooled: list[list[Tensor]] = []
    hook = heads.box_roi_pool.register_forward_pre_hook(lambda _, arguments: pooled.append(list(arguments[1])))
    try:
        heads(features(len(given)), list(given), [SIZE] * len(given), targets)
    finally:
        hook.remove()
    return pooled[-1]
