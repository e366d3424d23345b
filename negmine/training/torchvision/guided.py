"""What guided loss scaling takes from the training set before the first step: the bias and the thresholds.

Chen et al., "Is Sampling Heuristics Necessary in Training Deep Object Detectors?", 2019. Both come from how rare the
anchors are that an object is matched to; see `negmine.losses.sampling_free`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from negmine.losses.sampling_free import class_adaptive_thresholds, optimal_bias
from negmine.training.torchvision.dense import Losses, Matched, ruled_by
from negmine.training.torchvision.loop import freeze_batch_norm

_UNTRAINED = -math.log((1 - 0.01) / 0.01)  # the bias that torchvision's RetinaNet and FCOS are built with


@dataclass(frozen=True, slots=True, eq=False)
class AnchorCounts:
    """How many anchors of a training set an object was matched to.

    Attributes:
        of_label: [C], of each label of the model, float64.
        anchors: all anchors that count: matched, or background.
    """

    of_label: Tensor
    anchors: int

    @property
    def foreground(self) -> int:
        """Anchors with an object of any class."""
        return int(self.of_label.sum())


class _CountingRule:
    """A rule that changes nothing and counts anchors."""

    def __init__(self) -> None:
        self.of_label = torch.zeros(0, dtype=torch.float64)
        self.anchors = 0

    def __call__(self, matched: Matched, losses: Losses) -> Losses:
        """Add the anchors of a batch."""
        labels = matched.labels[matched.positive].cpu()
        counts = torch.bincount(labels, minlength=matched.logits.shape[2]).double()
        self.of_label = counts + (self.of_label if len(self.of_label) else 0)
        self.anchors += int((~matched.ignored).sum())
        return losses


@torch.no_grad()
def count_anchors(
    model: nn.Module,
    builder: str,
    batches: Iterable[tuple[Sequence[Tensor], Sequence[Mapping[str, Tensor]]]],
    *,
    device: torch.device,
) -> AnchorCounts:
    """Match the objects of some batches to the anchors of a RetinaNet or FCOS, which stays unchanged.

    Args:
        model: in training or not.
        builder: its name in torchvision.
        batches: images and targets, as torchvision takes them.
        device: where the model is.
    """
    counting = _CountingRule()
    was = {module: module.training for module in model.modules()}
    model.train()  # or no anchor is matched
    freeze_batch_norm(model)
    with ruled_by(model, builder, counting):
        for images, targets in batches:
            model(
                [image.to(device) for image in images],
                [{name: value.to(device) for name, value in target.items()} for target in targets],
            )
    for module, training in was.items():
        module.training = training
    return AnchorCounts(counting.of_label, counting.anchors)


@torch.no_grad()
def set_optimal_bias(model: Any, counts: AnchorCounts) -> bool:
    """Give a classification layer that was never trained the bias of lowest loss before the first step.

    A layer that was trained has learned a better one, and keeps it.

    Args:
        model: a RetinaNet or FCOS of torchvision.
        counts: of its training set.

    Returns:
        Whether the bias was set.
    """
    bias: Tensor = model.head.classification_head.cls_logits.bias
    if not counts.foreground or not torch.allclose(bias, torch.full_like(bias, _UNTRAINED), rtol=0, atol=1e-6):
        return False
    bias.fill_(optimal_bias(counts.foreground, counts.anchors, len(counts.of_label)))
    return True


def score_thresholds(counts: AnchorCounts, first_label: int) -> tuple[float, ...]:
    """The score under which a detection of each class is dropped, by class id; see `class_adaptive_thresholds`.

    Args:
        counts: of the training set.
        first_label: the label of class 0.
    """
    if not counts.anchors:
        return (0.0,) * (len(counts.of_label) - first_label)
    thresholds = class_adaptive_thresholds(counts.of_label[first_label:], counts.anchors)
    return tuple(float(threshold) for threshold in thresholds)
