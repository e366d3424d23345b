"""Hard negative mining for dense heads: every positive anchor, and the negatives with the highest loss.

Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016, section 2.2 (arXiv:1512.02325).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from negmine.losses.checks import (
    at_least_float32,
    check_classes,
    check_float,
    check_mask,
    check_range,
    check_shape,
    exact_ratio,
)


def hardest_negatives(
    loss: Tensor, positive: Tensor, *, neg_per_pos: float, min_neg: int, ignore: Tensor | None = None
) -> Tensor:
    """Choose the hardest negatives of each image: ceil(neg_per_pos * positives), or `min_neg` where there are none.

    Of equal losses the lowest index goes first, so the choice is the same on every run. NaN counts as the highest
    loss. An image with fewer negatives than that gives them all.

    Args:
        loss: [B, A] loss of each of A anchors of B images; no gradient flows through the choice.
        positive: [B, A] bool, the anchors that hold an object; never chosen.
        neg_per_pos: negatives for one positive, 0 or more (exact to a millionth).
        min_neg: negatives of an image without positives.
        ignore: [B, A] bool, anchors that are neither; never chosen, and not counted as positives.

    Returns:
        [B, A] bool, the chosen negatives.

    Raises:
        ValueError: shapes differ, a mask is not bool, or a number is out of its range.
    """
    _check_masks(loss, positive, ignore)
    candidate, positive = _split(positive, ignore)
    return hardest(loss, candidate, _quota(positive.sum(1), neg_per_pos, min_neg))


def hardest(loss: Tensor, candidate: Tensor, quota: Tensor) -> Tensor:
    """Choose, for each image, its `quota` candidates of highest loss; of equal losses the lowest index goes first.

    Args:
        loss: [B, A]; no gradient flows through the choice. NaN counts as the highest loss.
        candidate: [B, A] bool, what may be chosen.
        quota: [B] int64, how many; an image with fewer candidates gives them all.

    Returns:
        [B, A] bool, the chosen.

    Raises:
        ValueError: shapes do not fit, or the mask is not bool.
    """
    check_shape("loss", loss, "B", "A")
    check_mask("candidate", candidate, "loss", loss)
    check_shape("quota", quota, loss.shape[0])
    quota = quota.minimum(candidate.sum(1)).clamp(min=0)[:, None]  # [B, 1]
    most = int(quota.max()) if quota.numel() else 0
    if most == 0:
        return torch.zeros_like(candidate)
    values = at_least_float32(loss.detach())
    values = values.masked_fill(values.isnan(), torch.inf).masked_fill(~candidate, -torch.inf)
    highest = values.topk(most, dim=1).values  # far cheaper than ranking all; its indices would not be stable
    last = highest.gather(1, (quota - 1).clamp(min=0))  # [B, 1], the lowest loss that is still chosen
    above = values > last
    tied = candidate & (values == last)
    places = quota - above.sum(1, keepdim=True)  # left to the tied
    return above | (tied & (tied.cumsum(1) <= places))


def hard_negative_loss(
    cls_pred: Tensor, cls_target: Tensor, *, neg_per_pos: float = 3.0, min_neg: int = 64, ignore_index: int = -1
) -> Tensor:
    """Softmax cross entropy of the positives and the hardest negatives, SSD's confidence loss (equation 3).

    The choice and the normalisation are those of `hard_negative_mean`.

    Args:
        cls_pred: [B, A, C] logits of A anchors of B images; class 0 is the background.
        cls_target: [B, A] int64, 0 for a negative, 1 .. C - 1 for a positive, `ignore_index` for neither.
        neg_per_pos: negatives for one positive, at most.
        min_neg: negatives of an image without positives.
        ignore_index: the target of anchors that never count.

    Returns:
        The loss, a scalar of float32 or wider; 0 with zero gradients where nothing counts.

    Raises:
        ValueError: shapes do not fit, a class is not one of C, or a number is out of its range.
    """
    check_shape("cls_pred", cls_pred, "B", "A", "C")
    check_float("cls_pred", cls_pred)
    check_shape("cls_target", cls_target, *cls_pred.shape[:2])
    check_classes("cls_target", cls_target, cls_pred.shape[2], ignore_index)
    rows = at_least_float32(cls_pred).flatten(0, 1)  # [B * A, C]
    loss = functional.cross_entropy(rows, cls_target.flatten(), ignore_index=ignore_index, reduction="none")
    return hard_negative_mean(
        loss.view(cls_target.shape),
        cls_target > 0,
        neg_per_pos=neg_per_pos,
        min_neg=min_neg,
        ignore=cls_target == ignore_index,
    )


def hard_negative_mean(
    loss: Tensor, positive: Tensor, *, neg_per_pos: float, min_neg: int, ignore: Tensor | None = None
) -> Tensor:
    """The loss of all positives and of the negatives that `hardest_negatives` chooses, normalised.

    SSD as published takes no negative of an image without objects and learns nothing from it; here such an image gives
    `min_neg`. With S_b the sum over the positives and the chosen negatives of image b, P_b its positives, K_b its
    chosen negatives and B_0 of the B images without a positive,

        L = sum_{b: P_b > 0} S_b / sum_b P_b + (B_0 / B) sum_{b: P_b = 0} S_b / sum_{b: P_b = 0} K_b

    The first term is SSD's; images without objects leave it unchanged. They themselves are divided by the negatives
    that they gave: divided by 1, as is usual where nothing is positive, they would drown all else.

    Args:
        loss: [B, A] loss of each of A anchors of B images.
        positive: [B, A] bool, the anchors that hold an object.
        neg_per_pos: negatives for one positive, at most; 0 or more.
        min_neg: negatives of an image without positives.
        ignore: [B, A] bool, anchors that never count.

    Returns:
        The loss, a scalar of float32 or wider; 0 with zero gradients where nothing counts.

    Raises:
        ValueError: shapes differ, a mask is not bool, or a number is out of its range.
    """
    _check_masks(loss, positive, ignore)
    loss = at_least_float32(loss)
    candidate, positive = _split(positive, ignore)
    positives = positive.sum(1)  # [B]
    has_object = positives > 0
    negative = hardest(loss, candidate, _quota(positives, neg_per_pos, min_neg))
    sums = torch.where(positive | negative, loss, 0.0).sum(1)  # [B], S
    with_objects = sums[has_object].sum() / positives.sum().clamp(min=1)
    without = sums[~has_object].sum() / negative[~has_object].sum().clamp(min=1)
    return with_objects + without * (~has_object).sum() / max(len(sums), 1)


def _split(positive: Tensor, ignore: Tensor | None) -> tuple[Tensor, Tensor]:
    """Negatives and positives [B, A], neither of them ignored."""
    return (~positive, positive) if ignore is None else (~(positive | ignore), positive & ~ignore)


def _times(positives: Tensor, neg_per_pos: float) -> Tensor:
    """ceil(neg_per_pos * positives), in whole numbers."""
    check_range("neg_per_pos", neg_per_pos, 0.0)
    ratio = exact_ratio(neg_per_pos)
    return -(-positives * ratio.numerator).div(ratio.denominator, rounding_mode="floor")


def _quota(positives: Tensor, neg_per_pos: float, min_neg: int) -> Tensor:
    """How many negatives each image gives [B]."""
    check_range("min_neg", min_neg, 0)
    return torch.where(positives > 0, _times(positives, neg_per_pos), min_neg)


def _check_masks(loss: Tensor, positive: Tensor, ignore: Tensor | None) -> None:
    check_shape("loss", loss, "B", "A")
    check_float("loss", loss)
    check_mask("positive", positive, "loss", loss)
    check_mask("ignore", ignore, "loss", loss)
