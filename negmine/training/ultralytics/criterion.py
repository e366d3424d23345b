"""Teaching the criterion of an Ultralytics detector another classification loss, in place.

Every dense family of Ultralytics (v3u, v5u, v6, v8, v9, 11, 12, and the two heads each of v10 and 26) has a criterion
with an `assigner`, which says which anchor has which object, and a `bce`, which gives the loss of every anchor and
class. Both are wrapped where they are, on the live model alone. No class of Ultralytics is replaced or copied;
validation keeps the stock loss, since the average of the weights that is validated was copied before; and a checkpoint
holds no trace, since criteria are not saved.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from negmine.losses.sampling_free import guided_scale
from negmine.training.config import TrainConfig
from negmine.training.dense import Anchors, GradientHarmonised, HardestNegatives, Weights, focal

_BOX, _CLASSIFICATION, _DISTRIBUTION = range(3)  # the parts of Ultralytics' loss, in its order


def dense_heads(criterion: Any) -> list[Any]:
    """The criteria of the dense heads inside a criterion: one, or the two of an end-to-end model; [] for none."""
    parts = [getattr(criterion, name, None) for name in ("one2many", "one2one")]
    heads = [part for part in parts if part is not None] or [criterion]
    fit = all(hasattr(head, "assigner") and hasattr(head, "bce") for head in heads)
    return heads if fit and all(hasattr(head, "get_assigned_targets_and_loss") for head in heads) else []


def teach(criterion: Any, config: TrainConfig) -> None:
    """Make a criterion's classification loss the one of `config`.

    Args:
        criterion: of a live model; changed in place.
        config: which loss, and its numbers.
    """
    for head in dense_heads(criterion):
        head.assigner = _Watched(head.assigner)
        head.bce = _Weighted(head.assigner, _weights(config))
        if config.loss == "guided":
            head.get_assigned_targets_and_loss = _guided(head.get_assigned_targets_and_loss)


def _weights(config: TrainConfig) -> Weights | None:
    """A fresh rule, since a rule may keep what it saw: each head has its own."""
    if config.loss in ("ohem", "hard-negative"):
        ohem = config.loss == "ohem"
        return HardestNegatives(config.neg_per_pos, config.min_neg, config.nms_iou if ohem else None, keep_sum=ohem)
    if config.loss == "focal":
        return focal
    return GradientHarmonised() if config.loss == "ghm" else None


class _Watched(nn.Module):
    """An assigner that remembers what it assigned last; all else is the assigner's own."""

    def __init__(self, assigner: nn.Module) -> None:
        super().__init__()
        self.assigner = assigner
        self.positive: Tensor | None = None  # [B, A]
        self.boxes: Tensor | None = None  # [B, A, 4]

    def forward(self, scores: Tensor, boxes: Tensor, *rest: Any, **named: Any) -> Any:
        assigned = self.assigner(scores, boxes, *rest, **named)
        self.boxes, self.positive = boxes, assigned[3]
        return assigned

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("assigner"), name)


class _Weighted(nn.Module):
    """Binary cross entropy of every anchor and class, weighted by a rule.

    Ultralytics divides the sum by the targets' sum, or by 1 where a batch has no object: its gradient is then several
    times that of any other batch. Here such a batch is divided by the mean of the batches before, as if it had had the
    usual objects; the first batch of all, where there are none before, by its number of images.
    """

    def __init__(self, watched: _Watched, weights: Weights | None) -> None:
        super().__init__()
        self._watched = watched
        self._weights = weights
        self._normalisers, self._batches = 0.0, 0

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        loss = nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
        positive, boxes = self._watched.positive, self._watched.boxes
        if positive is None or boxes is None:
            return loss
        if self._weights is not None:
            with torch.no_grad():
                plain = loss.detach().float()
                weights = self._weights(Anchors(plain, logits.detach().float(), targets.float(), positive, boxes))
            loss = loss * weights
        return loss / self._usual(targets)

    def get_extra_state(self) -> dict[str, Any]:
        """What was kept from batch to batch."""
        bins = self._weights.average if isinstance(self._weights, GradientHarmonised) else None
        return {"normalisers": self._normalisers, "batches": self._batches, "bins": bins}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self._normalisers, self._batches = state["normalisers"], state["batches"]
        if isinstance(self._weights, GradientHarmonised):
            self._weights.average = state["bins"]

    def _usual(self, targets: Tensor) -> float:
        """What to divide by so that a batch without objects weighs as others do; 1 for a batch with objects."""
        total = float(targets.sum())
        if total > 0:
            self._normalisers += max(total, 1.0)
            self._batches += 1
            return 1.0
        return self._normalisers / self._batches if self._batches else float(max(len(targets), 1))


def _guided(compute: Callable[..., Any]) -> Callable[..., Any]:
    """Guided loss scaling: the classification term, with its gain, is as large as the terms of the boxes.

    Chen et al., "Is Sampling Heuristics Necessary in Training Deep Object Detectors?", 2019. A batch without objects
    has no box to be guided by, and keeps its loss.
    """

    def guided(*arguments: Any, **named: Any) -> Any:
        assigned, loss, items = compute(*arguments, **named)
        scale = guided_scale(loss[_CLASSIFICATION], loss[_BOX] + loss[_DISTRIBUTION])
        factors = torch.ones_like(loss)
        factors[_CLASSIFICATION] = scale.detach()
        loss = loss * factors
        return assigned, loss, dict(zip(items, loss.detach(), strict=True))

    return guided
