"""How much each anchor of a dense head counts in the classification loss.

A dense head (YOLO's, RetinaNet's) judges thousands of anchors an image, nearly all of them easy background. Each rule
here turns the loss of every anchor into a weight for it.

Normalisation: dropping or damping the easy negatives takes their share out of the sum, and how much that is differs
between rules, models and the hour of the training; the classification term would shrink against the box terms by an
unknown factor, and the learning rate with it. So the weights of each batch are scaled such that the sum of the weighted
losses is that of the unweighted ones (the factor is detached). At every step the classification term has its stock
value; what changes is which anchors its gradient comes from. Scaling the negatives alone, so that positives keep weight
1, sank all scores and lost recall; scaling both did not. For `hard-negative` nothing is scaled, as in SSD: the term is
the stock one less its easy negatives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from negmine.losses.ghm import ghm_c_weights
from negmine.losses.hard_negative import hardest_negatives
from negmine.training.suppression import suppressed

_TINY = 1e-12
_FOCAL_ALPHA, _FOCAL_GAMMA = 0.25, 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Anchors:
    """What a dense head said of every anchor of a batch, and what it should have said.

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
class HardestNegatives:
    """Every positive anchor, and of each image the negatives of the highest loss: OHEM and SSD's rule for dense heads.

    Shrivastava et al., "Training Region-based Object Detectors with Online Hard Example Mining", CVPR 2016, rank
    regions by loss, after non-maximum suppression among them since neighbours have the same loss; Liu et al., "SSD",
    ECCV 2016, keep at most three negatives for each positive. An image without objects keeps `min_neg`, or it would
    teach nothing.

    Attributes:
        neg_per_pos: negatives for each positive anchor of an image with objects.
        min_neg: negatives of an image without.
        nms_iou: overlap of decoded boxes above which the lower loss is passed over; None for no suppression.
        keep_sum: scale what is kept to the sum of all anchors of the batch (see the module); without, the term only
            ever gets smaller, as in SSD.
    """

    neg_per_pos: float
    min_neg: int
    nms_iou: float | None
    keep_sum: bool

    def __call__(self, anchors: Anchors) -> Tensor:
        loss = anchors.loss.sum(2)  # [B, A]
        passed_over = (
            None if self.nms_iou is None else suppressed(loss, anchors.positive, anchors.boxes, iou=self.nms_iou)
        )
        kept = hardest_negatives(
            loss, anchors.positive, neg_per_pos=self.neg_per_pos, min_neg=self.min_neg, ignore=passed_over
        )
        weights = (kept | anchors.positive).to(loss.dtype)[..., None]
        return _same_sum(weights, anchors) if self.keep_sum else weights


def focal(anchors: Anchors) -> Tensor:
    """Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, alpha 0.25, gamma 2, as weights on the entropy.

    The modulating factor is |target - probability|^gamma, which for targets of 0 and 1 is the paper's, and for the soft
    targets of a task-aligned head that of Li et al., "Generalized Focal Loss", NeurIPS 2020, equation 5.
    """
    alpha = torch.where(anchors.positive[..., None], _FOCAL_ALPHA, 1 - _FOCAL_ALPHA)
    weights = alpha * (anchors.targets - anchors.logits.sigmoid()).abs() ** _FOCAL_GAMMA
    return _same_sum(weights, anchors)


class GradientHarmonised:
    """Li et al., "Gradient Harmonized Single-stage Detector", AAAI 2019 (GHM-C): weights by how rare a gradient is.

    Attributes:
        average: [bins] moving average of the number in each bin, kept from batch to batch; None before the first.
    """

    def __init__(self, *, bins: int = 10, momentum: float = 0.75) -> None:
        self._bins, self._momentum = bins, momentum
        self.average: Tensor | None = None

    def __call__(self, anchors: Anchors) -> Tensor:
        before = None if self.average is None else self.average.to(anchors.logits.device)
        weights, self.average = ghm_c_weights(
            anchors.logits, anchors.targets, bins=self._bins, momentum=self._momentum, acc=before
        )
        return _same_sum(weights, anchors)


def _same_sum(weights: Tensor, anchors: Anchors) -> Tensor:
    """Scale weights [B, A, C] such that the weighted sum is the plain one."""
    weighted: Tensor = (weights * anchors.loss).sum()
    return weights * anchors.loss.sum() / weighted.clamp(min=_TINY)
