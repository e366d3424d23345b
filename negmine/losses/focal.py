"""Focal loss: what the detector already gets right counts for little.

Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017 (arXiv:1708.02002).
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.ops import sigmoid_focal_loss

from negmine.losses.checks import (
    at_least_float32,
    check_float,
    check_like,
    check_mask,
    check_probabilities,
    check_range,
    check_shape,
)

Reduction = Literal["none", "sum", "mean"]


def focal_loss(
    logits: Tensor, targets: Tensor, *, alpha: float = 0.25, gamma: float = 2.0, reduction: Reduction = "none"
) -> Tensor:
    """Sigmoid focal loss, equation 5: FL = -alpha_t (1 - p_t)^gamma log(p_t).

    For a target t and p = sigmoid(x): p_t = p t + (1 - p) (1 - t) and alpha_t = alpha t + (1 - alpha) (1 - t), and the
    logarithm is binary cross entropy, which for targets of 0 and 1 is the paper's equation. The paper divides the sum
    by the anchors that hold an object, which the caller knows. Loss and gradient are finite for any finite logit.

    Args:
        logits: of any shape, one for each anchor and class.
        targets: the same shape, in [0, 1]; no gradient flows to them.
        alpha: 0 to 1, the weight of a target of 1; that of a target of 0 is 1 - alpha.
        gamma: 0 or more; 0 gives weighted cross entropy.
        reduction: "none" for every element, "sum", or "mean" over all elements.

    Returns:
        The loss, of float32 or wider: of the shape of `logits`, or a scalar; a scalar of nothing is 0 with a gradient.

    Raises:
        ValueError: shapes differ, or a value is out of its range.
    """
    check_float("logits", logits)
    check_like("targets", targets, "logits", logits)
    check_probabilities("targets", targets)
    check_range("alpha", alpha, 0, 1)
    check_range("gamma", gamma, 0)
    if reduction not in get_args(Reduction):
        raise ValueError(f"reduction: expected one of {', '.join(get_args(Reduction))}, found {reduction!r}")
    logits = at_least_float32(logits)
    targets = targets.detach().to(logits.dtype)
    loss: Tensor
    if gamma >= 1:
        loss = sigmoid_focal_loss(logits, targets, alpha=alpha, gamma=gamma)
    else:
        loss = _focal_by_logarithms(logits, targets, alpha, gamma)
    if reduction == "none":
        return loss
    return loss.sum() if reduction == "sum" else loss.sum() / max(loss.numel(), 1)


def _focal_by_logarithms(logits: Tensor, targets: Tensor, alpha: float, gamma: float) -> Tensor:
    """Focal loss of every element, for gamma under 1: where p_t is 1, torchvision's has a gradient of NaN."""
    entropy = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    missed = torch.logaddexp(  # log(1 - p_t) = log(p (1 - t) + (1 - p) t)
        functional.logsigmoid(logits) + (1 - targets).log(), functional.logsigmoid(-logits) + targets.log()
    )
    return (alpha * targets + (1 - alpha) * (1 - targets)) * (gamma * missed).exp() * entropy


def quality_focal_weights(
    logits: Tensor, targets: Tensor, positive: Tensor, *, alpha: float = 0.25, gamma: float = 2.0
) -> Tensor:
    """Weights on binary cross entropy that make it a focal loss for soft targets: alpha_t |t - p|^gamma.

    Li et al., "Generalized Focal Loss", NeurIPS 2020 (arXiv:2006.04388), equation 5, for a target t and p = sigmoid(x).
    For targets of 0 and 1 the modulating factor |t - p|^gamma is that of `focal_loss`. alpha_t is one for all classes
    of an anchor: `alpha` where it holds an object, 1 - `alpha` elsewhere.

    Args:
        logits: [B, A, C] of A anchors of B images; no gradient flows through the weights.
        targets: [B, A, C] in [0, 1], soft for anchors that hold an object.
        positive: [B, A] bool, the anchors that hold an object.
        alpha: 0 to 1, the weight of an anchor with an object.
        gamma: 0 or more.

    Returns:
        [B, A, C] weights of float32 or wider.

    Raises:
        ValueError: shapes differ, or a value is out of its range.
    """
    check_shape("logits", logits, "B", "A", "C")
    check_float("logits", logits)
    check_like("targets", targets, "logits", logits)
    check_probabilities("targets", targets)
    check_mask("positive", positive, "the anchors", logits[..., 0])
    check_range("alpha", alpha, 0, 1)
    check_range("gamma", gamma, 0)
    return unchecked_quality_focal_weights(logits, targets, positive, alpha=alpha, gamma=gamma)


def unchecked_quality_focal_weights(
    logits: Tensor, targets: Tensor, positive: Tensor, *, alpha: float = 0.25, gamma: float = 2.0
) -> Tensor:
    """As `quality_focal_weights`, without its checks: NaN in a training that diverges gives NaN, not an error."""
    of_anchor = torch.where(positive[..., None], alpha, 1 - alpha)
    return of_anchor * (targets.detach() - at_least_float32(logits.detach()).sigmoid()).abs() ** gamma
