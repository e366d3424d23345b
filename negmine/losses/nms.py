"""Non-maximum suppression with the loss as the score: of boxes that overlap, the one of highest loss stays."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.ops import nms

from negmine.losses.checks import at_least_float32, check_float, check_mask, check_range, check_shape

_RANKED = 1000  # anchors of an image that suppression looks at: those of the highest loss


def nms_by_loss(loss: Tensor, boxes_xyxy: Tensor, *, iou: float) -> Tensor:
    """Keep the box of highest loss, drop the boxes that overlap it by more than `iou`, and so on with the rest.

    Of equal losses the lowest index goes first; NaN counts as the highest loss.

    Args:
        loss: [N]; no gradient flows through the choice.
        boxes_xyxy: [N, 4] boxes of one image, in any unit.
        iou: intersection over union, 0 to 1.

    Returns:
        [K] int64, indices of the kept boxes by falling loss.

    Raises:
        ValueError: a shape or a number is out of its range.
    """
    check_shape("boxes_xyxy", boxes_xyxy, "N", 4)
    check_float("boxes_xyxy", boxes_xyxy)
    check_shape("loss", loss, boxes_xyxy.shape[0])
    check_range("iou", iou, 0, 1)
    order = loss.detach().argsort(descending=True, stable=True)
    boxes = at_least_float32(boxes_xyxy.detach())[order]
    ranks = -torch.arange(len(order), device=boxes.device, dtype=boxes.dtype)  # scores without ties or NaN
    kept: Tensor = order[nms(boxes, ranks, iou)]
    return kept


def overlapping_negatives(loss: Tensor, positive: Tensor, boxes_xyxy: Tensor, *, iou: float) -> Tensor:
    """Mark the negative anchors that suppression drops: those that overlap a negative of higher loss.

    Negatives outside the 1,000 anchors of highest loss of their image are dropped too.

    Args:
        loss: [B, A] loss of each of A anchors of B images; no gradient flows through the choice.
        positive: [B, A] bool, anchors that hold an object; they suppress nothing, and nothing suppresses them.
        boxes_xyxy: [B, A, 4] decoded boxes.
        iou: overlap above which the negative of lower loss is dropped, 0 to 1.

    Returns:
        [B, A] bool.

    Raises:
        ValueError: shapes differ, the mask is not bool, or `iou` is out of its range.
    """
    check_shape("loss", loss, "B", "A")
    check_float("loss", loss)
    check_mask("positive", positive, "loss", loss)
    check_shape("boxes_xyxy", boxes_xyxy, *loss.shape, 4)
    ranked = loss.detach().masked_fill(positive, -1.0)
    highest = ranked.topk(min(_RANKED, loss.shape[1]), dim=1).indices  # [B, K]
    dropped = torch.ones_like(positive)
    for image, anchors in enumerate(highest):
        kept = nms_by_loss(ranked[image, anchors], boxes_xyxy[image, anchors], iou=iou)
        dropped[image, anchors[kept]] = False
    return dropped & ~positive
