"""Online hard example mining: of all regions, only those with the highest loss are trained on.

Shrivastava et al., "Training Region-based Object Detectors with Online Hard Example Mining", CVPR 2016
(arXiv:1604.03540), section 4.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from negmine.losses.checks import (
    at_least_float32,
    check_classes,
    check_float,
    check_like,
    check_mask,
    check_range,
    check_shape,
)
from negmine.losses.nms import nms_by_loss

_IGNORED = -1  # the class of a row that never counts


def ohem_loss(
    cls_pred: Tensor,
    cls_target: Tensor,
    loc_pred: Tensor,
    loc_target: Tensor,
    *,
    keep: int,
    boxes: Tensor | None = None,
    nms_iou: float | None = None,
    beta: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """Cross entropy and smooth L1 of the `keep` regions whose sum of both is highest.

    With H the kept rows, L_cls = sum_{i in H} CE_i / |H| and L_loc = sum_{i in H, class_i > 0} SmoothL1_i / |H|, where
    SmoothL1_i is the sum over the four offsets of region i. Both are divided by the rows kept, not by the foreground:
    their proportion is that of Fast R-CNN.

    Args:
        cls_pred: [R, C] logits of R regions; class 0 is the background.
        cls_target: [R] int64, 0 .. C - 1, or -1 for a row that never counts.
        loc_pred: [R, 4] box offsets of the target's class.
        loc_target: [R, 4] what they should be; read for rows of class > 0 alone.
        keep: rows to keep, 1 or more.
        boxes: [R, 4] xyxy boxes of the regions, all of one image; with them, of regions that overlap by more than
            `nms_iou` only the one of highest loss can be kept, since overlapping regions have nearly the same loss.
        nms_iou: 0 to 1, 0.7 in the paper; given if and only if `boxes` is.
        beta: where smooth L1 turns from square to straight; 0 for L1.

    Returns:
        The classification loss and the box loss, scalars of float32 or wider; each is 0 with zero gradients where
        nothing counts.

    Raises:
        ValueError: shapes do not fit, a class is not one of C, or a number is out of its range.
    """
    with torch.no_grad():
        losses = ohem_row_losses(cls_pred, cls_target, loc_pred, loc_target, beta=beta)
        kept = ohem_select(losses, keep=keep, boxes=boxes, nms_iou=nms_iou, ignore=cls_target == _IGNORED)
    kept = kept.sort().values  # a sum in the order of the rows does not depend on how hard they are
    cls_loss = functional.cross_entropy(at_least_float32(cls_pred[kept]), cls_target[kept], reduction="sum")
    objects = kept[cls_target[kept] > 0]
    loc_loss = _smooth_l1(loc_pred[objects], loc_target[objects], beta).sum()
    rows = max(len(kept), 1)
    return cls_loss / rows, loc_loss / rows


def ohem_select(
    loss: Tensor,
    *,
    keep: int,
    boxes: Tensor | None = None,
    nms_iou: float | None = None,
    ignore: Tensor | None = None,
) -> Tensor:
    """Choose the `keep` rows of highest loss, after suppression among their boxes where those are given.

    Of equal losses the lowest index goes first; NaN counts as the highest loss.

    Args:
        loss: [R]; no gradient flows through the choice.
        keep: 1 or more; where fewer rows are left, those.
        boxes: [R, 4] xyxy, all of one image.
        nms_iou: 0 to 1; given if and only if `boxes` is.
        ignore: [R] bool, rows that are never chosen, and suppress nothing.

    Returns:
        [K] int64, indices of rows by falling loss, K at most `keep`.

    Raises:
        ValueError: shapes do not fit, or a number is out of its range.
    """
    check_shape("loss", loss, "R")
    check_float("loss", loss)
    check_mask("ignore", ignore, "loss", loss)
    check_range("keep", keep, 1)
    if (boxes is None) != (nms_iou is None):
        given = "boxes" if nms_iou is None else "nms_iou"
        raise ValueError(f"boxes, nms_iou: expected both or neither, found {given} alone")
    rows = torch.arange(len(loss), device=loss.device)
    if ignore is not None:
        rows = rows[~ignore]
    scores = loss.detach()[rows]
    if boxes is None or nms_iou is None:
        return rows[scores.argsort(descending=True, stable=True)[:keep]]
    check_shape("boxes", boxes, loss.shape[0], 4)
    check_range("nms_iou", nms_iou, 0, 1)
    return rows[nms_by_loss(scores, boxes[rows], iou=nms_iou)[:keep]]


def ohem_row_losses(
    cls_pred: Tensor,
    cls_target: Tensor,
    loc_pred: Tensor,
    loc_target: Tensor,
    *,
    beta: float = 1.0,
) -> Tensor:
    """The loss that `ohem_loss` ranks rows by: cross entropy plus, for class > 0, smooth L1 summed over the offsets.

    Args:
        cls_pred: [R, C] logits; class 0 is the background.
        cls_target: [R] int64, 0 .. C - 1, or -1 for a row that never counts; its loss is 0.
        loc_pred: [R, 4].
        loc_target: [R, 4]; read for rows of class > 0 alone.
        beta: where smooth L1 turns from square to straight.

    Returns:
        [R], float32 or wider.

    Raises:
        ValueError: shapes do not fit, a class is not one of C, or beta is negative.
    """
    _check_classification(cls_pred, cls_target)
    check_shape("loc_pred", loc_pred, cls_pred.shape[0], 4)
    check_float("loc_pred", loc_pred)
    check_like("loc_target", loc_target, "loc_pred", loc_pred)
    check_range("beta", beta, 0)
    losses = _cross_entropy(cls_pred, cls_target)
    objects = (cls_target > 0).nonzero().flatten()
    located = _smooth_l1(loc_pred[objects], loc_target[objects], beta).sum(1)
    return losses.index_add(0, objects, located.to(losses.dtype))


def _cross_entropy(cls_pred: Tensor, cls_target: Tensor) -> Tensor:
    return functional.cross_entropy(at_least_float32(cls_pred), cls_target, ignore_index=_IGNORED, reduction="none")


def _smooth_l1(pred: Tensor, target: Tensor, beta: float) -> Tensor:
    return functional.smooth_l1_loss(at_least_float32(pred), at_least_float32(target), beta=beta, reduction="none")


def _check_classification(cls_pred: Tensor, cls_target: Tensor) -> None:
    check_shape("cls_pred", cls_pred, "R", "C")
    check_float("cls_pred", cls_pred)
    check_shape("cls_target", cls_target, cls_pred.shape[0])
    check_classes("cls_target", cls_target, cls_pred.shape[1], _IGNORED)
