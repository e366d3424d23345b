"""Greedy non-maximum suppression that stops as soon as enough boxes are kept."""

from __future__ import annotations

import torch
from torch import Tensor

from negmine.losses.checks import at_least_float32, check_float, check_range, check_shape


def nms(boxes_xyxy: Tensor, scores: Tensor, *, iou: float, limit: int | None = None) -> Tensor:
    """Keep the box of highest score, drop those that overlap it by more than `iou`, and so on with the rest.

    Without a limit the result is that of `torchvision.ops.nms`. One step a kept box: fast where `limit` is a few
    hundred, however many boxes there are.

    Args:
        boxes_xyxy: [N, 4] boxes of one image, in any unit.
        scores: [N]; of equal ones the lowest index goes first, and one that is no number before all others.
        iou: intersection over union, 0 to 1.
        limit: stop at so many; None for no limit.

    Returns:
        [K] int64, indices of the kept boxes by falling score.

    Raises:
        ValueError: a shape or a number is out of its range.
    """
    check_shape("boxes_xyxy", boxes_xyxy, "N", 4)
    check_float("boxes_xyxy", boxes_xyxy)
    check_shape("scores", scores, boxes_xyxy.shape[0])
    check_range("iou", iou, 0, 1)
    order = scores.detach().argsort(descending=True, stable=True)
    boxes = at_least_float32(boxes_xyxy.detach())[order]
    highest = _at_most(iou, boxes)
    most = len(order) if limit is None else limit
    kept: list[Tensor] = []
    while len(order) and len(kept) < most:
        kept.append(order[0])
        apart = ~(_iou_of_first(boxes) > highest)  # boxes without area overlap nothing: 0 / 0 is not above
        order, boxes = order[1:][apart], boxes[1:][apart]
    return torch.stack(kept) if kept else order[:0]


def _at_most(iou: float, boxes: Tensor) -> Tensor:
    """The threshold in the precision of the boxes, rounded down: what is above it is above `iou` itself."""
    rounded = torch.tensor(iou, dtype=boxes.dtype, device=boxes.device)
    return rounded if float(rounded) <= iou else torch.nextafter(rounded, rounded - 1)


def _iou_of_first(boxes: Tensor) -> Tensor:
    """Overlap [N - 1] of the first of N boxes with each other one."""
    first, rest = boxes[0], boxes[1:]
    size = (torch.minimum(first[2:], rest[:, 2:]) - torch.maximum(first[:2], rest[:, :2])).clamp(min=0)
    shared = size[:, 0] * size[:, 1]
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return shared / (area[0] + area[1:] - shared)
