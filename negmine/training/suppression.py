"""Of negatives that overlap, the hardest: suppression among the anchors of a dense head, ranked by their loss."""

from __future__ import annotations

from torch import Tensor

_LOOKED_AT = 1000  # anchors of an image that are looked at, those of the highest loss


def suppressed(loss: Tensor, positive: Tensor, boxes: Tensor, *, iou: float) -> Tensor:
    """Which negatives are passed over: each that overlaps one of higher loss, or is not among the highest.

    Args:
        loss: [B, A] of each anchor.
        positive: [B, A] bool; these suppress nothing, and nothing suppresses them.
        boxes: [B, A, 4] decoded xyxy.
        iou: overlap above which the lower loss is passed over.

    Returns:
        [B, A] bool.
    """
    import torch
    from torchvision.ops import nms

    passed_over = torch.ones_like(positive)
    ranked = loss.masked_fill(positive, -1.0)
    highest = ranked.topk(min(_LOOKED_AT, loss.shape[1]), dim=1).indices  # [B, K]
    for image, candidates in enumerate(highest):
        kept = candidates[nms(boxes[image, candidates].float(), ranked[image, candidates].float(), iou)]
        passed_over[image, kept] = False
    return passed_over & ~positive  # a positive decides how many negatives there are, wherever it ranks
