"""Another classification loss for the criterion of an Ultralytics detector: OHEM, SSD's rule, focal, GHM, guided.

Every dense family of Ultralytics (v3u, v5u, v6, v8, v9, 11, 12, and the two heads each of v10 and 26) has a criterion
with an `assigner`, which says which anchor has which object, and a `bce`, which gives the loss of every anchor and
class. Both are wrapped in place, on the live model alone. No class of Ultralytics is replaced or copied; validation
keeps the stock loss, since the average of the weights that is validated was copied before; and a checkpoint holds no
trace, since criteria are not saved.

A dense head judges thousands of anchors an image, nearly all of them easy background. A rule turns the loss of every
anchor into a weight for it. Dropping or damping the easy negatives takes their share out of the sum, and how large that
share is differs between rules, models and epochs; the classification term would shrink against the box terms by an
unknown factor, and the learning rate with it. So the weights of each batch are scaled such that the sum of the weighted
losses is that of the unweighted ones (the factor is detached): at every step the classification term has its stock
value, and only the anchors that its gradient comes from change. Scaling the negatives alone, so that positives keep
weight 1, sank all scores and lost recall; scaling both did not. For `hard-negative` nothing is scaled, as in SSD: the
term is the stock one less its easy negatives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from negmine.losses.focal import unchecked_quality_focal_weights
from negmine.losses.ghm import unchecked_ghm_c_weights
from negmine.losses.hard_negative import hardest_negatives
from negmine.losses.nms import overlapping_negatives
from negmine.losses.sampling_free import guided_scale
from negmine.training.config import TrainConfig
from negmine.training.losses import Family, make_loss

_BOX, _CLASSIFICATION, _DISTRIBUTION = range(3)  # the parts of Ultralytics' loss, in its order
_TINY = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Anchors:
    """What a dense head predicted for every anchor of a batch, and what it should have predicted.

    Attributes:
        loss: [B, A, C] binary cross entropy of each class, detached.
        logits: [B, A, C], detached.
        targets: [B, A, C] in [0, 1]; soft for positives.
        positive: [B, A] bool, the anchors that an object was assigned to.
        boxes: [B, A, 4] decoded xyxy in pixels, detached.
    """

    loss: Tensor
    logits: Tensor
    targets: Tensor
    positive: Tensor
    boxes: Tensor


Weights = Callable[[Anchors], Tensor]  # to [B, A, C], or [B, A, 1] where all classes of an anchor count alike


@dataclass(frozen=True, slots=True)
class HeadLoss:
    """What changes in the loss of one dense head.

    Attributes:
        weights: the rule that weighs the anchors; None for all alike.
        guided: scale the classification term to the box terms.
    """

    weights: Weights | None = None
    guided: bool = False


def stock(config: TrainConfig) -> HeadLoss:
    """Ultralytics' own loss, but for batches without objects; see `_WeightedEntropy`."""
    return HeadLoss()


def ohem(config: TrainConfig) -> HeadLoss:
    """OHEM: the hardest negatives, after suppression among them, scaled to the sum of all."""
    return HeadLoss(HardestNegatives(config.neg_per_pos, config.min_neg, config.nms_iou, keep_sum=True))


def hard_negative(config: TrainConfig) -> HeadLoss:
    """SSD's rule: the hardest negatives, not scaled."""
    return HeadLoss(HardestNegatives(config.neg_per_pos, config.min_neg, None, keep_sum=False))


def focal(config: TrainConfig) -> HeadLoss:
    """Focal loss, for the soft targets of a task-aligned head."""
    return HeadLoss(focal_weights)


def ghm(config: TrainConfig) -> HeadLoss:
    """Gradient harmonising."""
    return HeadLoss(HarmonisedWeights())


def guided(config: TrainConfig) -> HeadLoss:
    """Guided loss scaling."""
    return HeadLoss(guided=True)


def dense_heads(criterion: Any) -> list[Any]:
    """The criteria of the dense heads inside a criterion: one, or the two of an end-to-end model; [] for none."""
    parts = [getattr(criterion, name, None) for name in ("one2many", "one2one")]
    heads = [part for part in parts if part is not None] or [criterion]
    fit = all(hasattr(head, "assigner") and hasattr(head, "bce") for head in heads)
    return heads if fit and all(hasattr(head, "get_assigned_targets_and_loss") for head in heads) else []


def install_criterion_loss(criterion: Any, config: TrainConfig) -> None:
    """Give a criterion the classification loss of `config`.

    Args:
        criterion: of a live model; changed in place.
        config: which loss, and its options.
    """
    for head in dense_heads(criterion):
        loss: HeadLoss = make_loss(config, Family.ULTRALYTICS, "the weights")  # a rule may have a state: one for each
        head.assigner = _RecordingAssigner(head.assigner)
        head.bce = _WeightedEntropy(head.assigner, loss.weights)
        if loss.guided:
            head.get_assigned_targets_and_loss = _scaled_to_boxes(head.get_assigned_targets_and_loss)


@dataclass(frozen=True, slots=True)
class HardestNegatives:
    """Every positive anchor, and of each image the negatives of highest loss: the mask of OHEM and of SSD's rule.

    Shrivastava et al., "Training Region-based Object Detectors with Online Hard Example Mining", CVPR 2016, rank
    regions by loss, after non-maximum suppression among them since neighbours have the same loss; Liu et al., "SSD",
    ECCV 2016, keep at most three negatives for each positive. An image without objects keeps `min_neg`, or it would
    teach nothing.

    Attributes:
        neg_per_pos: negatives for each positive anchor of an image with objects.
        min_neg: negatives of an image without.
        nms_iou: overlap of decoded boxes above which the lower loss is dropped; None for no suppression.
        keep_sum: scale what is kept to the sum of all anchors of the batch (see the module); without, the term only
            ever gets smaller, as in SSD.
    """

    neg_per_pos: float
    min_neg: int
    nms_iou: float | None
    keep_sum: bool

    def __call__(self, anchors: Anchors) -> Tensor:
        loss, positive = anchors.loss.sum(2), anchors.positive  # [B, A]
        dropped = (
            None if self.nms_iou is None else overlapping_negatives(loss, positive, anchors.boxes, iou=self.nms_iou)
        )
        kept = hardest_negatives(loss, positive, neg_per_pos=self.neg_per_pos, min_neg=self.min_neg, ignore=dropped)
        weights = (kept | positive).to(loss.dtype)[..., None]
        return _same_sum(weights, anchors) if self.keep_sum else weights


def focal_weights(anchors: Anchors) -> Tensor:
    """The weights of `quality_focal_weights`, alpha 0.25 and gamma 2, scaled to the plain sum."""
    return _same_sum(unchecked_quality_focal_weights(anchors.logits, anchors.targets, anchors.positive), anchors)


class HarmonisedWeights:
    """Li et al., "Gradient Harmonized Single-stage Detector", AAAI 2019 (GHM-C): weights by how rare a gradient is.

    Attributes:
        average: [bins] moving average of the number in each bin, kept from batch to batch; None before the first.
    """

    def __init__(self, *, bins: int = 10, momentum: float = 0.75) -> None:
        self._bins, self._momentum = bins, momentum
        self.average: Tensor | None = None

    def __call__(self, anchors: Anchors) -> Tensor:
        before = None if self.average is None else self.average.to(anchors.logits.device)
        weights, self.average = unchecked_ghm_c_weights(
            anchors.logits, anchors.targets, bins=self._bins, momentum=self._momentum, acc=before
        )
        return _same_sum(weights, anchors)


def _same_sum(weights: Tensor, anchors: Anchors) -> Tensor:
    """Scale weights [B, A, C] such that the weighted sum is the plain one."""
    weighted: Tensor = (weights * anchors.loss).sum()
    return weights * anchors.loss.sum() / weighted.clamp(min=_TINY)


class _RecordingAssigner(nn.Module):
    """An assigner that records what it assigned last; all else is the assigner's own."""

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


class _WeightedEntropy(nn.Module):
    """Binary cross entropy of every anchor and class, weighted by a rule.

    Ultralytics divides the sum by the targets' sum, or by 1 where a batch has no object: its gradient is then several
    times that of any other batch. Here such a batch is divided by the mean of the batches before, as if it had had the
    usual objects; the first batch of all, where there are none before, by its number of images.
    """

    def __init__(self, assigner: _RecordingAssigner, weights: Weights | None) -> None:
        super().__init__()
        self._assigner = assigner
        self._weights = weights
        self._normalisers, self._batches = 0.0, 0

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        loss = nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
        positive, boxes = self._assigner.positive, self._assigner.boxes
        if positive is None or boxes is None:
            return loss
        if self._weights is not None:
            with torch.no_grad():
                plain = loss.detach().float()
                weights = self._weights(Anchors(plain, logits.detach().float(), targets.float(), positive, boxes))
            loss = loss * weights
        return loss / self._usual_normaliser(targets)

    def get_extra_state(self) -> dict[str, Any]:
        """What is kept from batch to batch."""
        bins = self._weights.average if isinstance(self._weights, HarmonisedWeights) else None
        return {"normalisers": self._normalisers, "batches": self._batches, "bins": bins}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Restore what `get_extra_state` returned."""
        self._normalisers, self._batches = state["normalisers"], state["batches"]
        if isinstance(self._weights, HarmonisedWeights):
            self._weights.average = state["bins"]

    def _usual_normaliser(self, targets: Tensor) -> float:
        """What to divide by so that a batch without objects weighs as others do; 1 for a batch with objects."""
        total = float(targets.sum())
        if total > 0:
            self._normalisers += max(total, 1.0)
            self._batches += 1
            return 1.0
        return self._normalisers / self._batches if self._batches else float(max(len(targets), 1))


def _scaled_to_boxes(compute: Callable[..., Any]) -> Callable[..., Any]:
    """Guided loss scaling: the classification term, with its gain, is as large as the terms of the boxes.

    Chen et al., "Is Sampling Heuristics Necessary in Training Deep Object Detectors?", 2019. A batch without objects
    has no box to be guided by, and keeps its loss.
    """

    def scaled(*arguments: Any, **named: Any) -> Any:
        assigned, loss, items = compute(*arguments, **named)
        scale = guided_scale(loss[_CLASSIFICATION], loss[_BOX] + loss[_DISTRIBUTION])
        factors = torch.ones_like(loss)
        factors[_CLASSIFICATION] = scale.detach()
        loss = loss * factors
        return assigned, loss, dict(zip(items, loss.detach(), strict=True))

    return scaled
