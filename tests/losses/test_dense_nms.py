"""Non-maximum suppression by loss, against a slow loop."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torchvision.ops import box_iou

from negmine.losses import overlapping_negatives
from negmine.losses.nms import nms_by_loss


def slow_nms(loss: Tensor, boxes: Tensor, iou: float) -> list[int]:
    """The rule as a loop over boxes by falling loss."""
    overlaps = box_iou(boxes, boxes).tolist() if len(boxes) else []
    kept: list[int] = []
    for box in sorted(range(len(loss)), key=lambda row: (-float(loss[row]), row)):
        if not any(overlaps[box][better] > iou for better in kept):
            kept.append(box)
    return kept


@st.composite
def _scored_boxes(draw: st.DrawFn) -> tuple[Tensor, Tensor]:
    """Boxes on a coarse grid, so that overlaps equal round thresholds and losses are tied; some have no area."""
    count = draw(st.integers(0, 12))
    numbers = draw(st.lists(st.integers(0, 10), min_size=4 * count, max_size=4 * count))
    corner, size = torch.tensor(numbers, dtype=torch.float32).view(count, 4).split(2, dim=1)
    losses = draw(st.lists(st.integers(0, 3), min_size=count, max_size=count))
    return torch.tensor(losses, dtype=torch.float32), torch.cat([corner, corner + size], dim=1)


def test_of_no_boxes_none_is_kept() -> None:
    kept = nms_by_loss(torch.zeros(0), torch.zeros(0, 4), iou=0.5)

    assert kept.dtype == torch.int64 and kept.shape == (0,)


@given(_scored_boxes(), st.sampled_from([0.0, 0.1, 0.2, 1 / 3, 0.5, 0.6, 0.7, 1.0]))
def test_the_choice_is_that_of_a_slow_loop(scored: tuple[Tensor, Tensor], iou: float) -> None:
    loss, boxes = scored

    assert nms_by_loss(loss, boxes, iou=iou).tolist() == slow_nms(loss, boxes, iou)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_choice_among_many_boxes_is_that_of_a_slow_loop(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    corner, size = torch.rand(2, 400, 2, generator=generator, dtype=dtype) * 100
    boxes = torch.cat([corner, corner + size], dim=1)
    loss = torch.rand(400, generator=generator, dtype=torch.float64)

    expected = slow_nms(loss, boxes, 0.7)

    assert 20 < len(expected) < 380
    assert nms_by_loss(loss, boxes, iou=0.7).tolist() == expected


def test_nan_goes_first() -> None:
    boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0]]).repeat(3, 1)

    assert nms_by_loss(torch.tensor([math.inf, math.nan, 1.0]), boxes, iou=0.5).tolist() == [1]


def test_half_precision_is_computed_in_single() -> None:
    boxes = torch.tensor([[0, 0, 1000, 1000], [0, 0, 1000, 990], [1000, 0, 2000, 1000]], dtype=torch.float16)
    loss = torch.tensor([3.0, 2.0, 1.0], dtype=torch.float16)

    assert nms_by_loss(loss, boxes, iou=0.9).tolist() == [0, 2]  # an area of 1e6 is inf in float16


@pytest.mark.parametrize(
    ("boxes", "loss", "iou"),
    [
        (torch.zeros(2, 3), torch.zeros(2), 0.5),
        (torch.zeros(2, 4), torch.zeros(3), 0.5),
        (torch.zeros(2, 4, dtype=torch.int64), torch.zeros(2), 0.5),
        (torch.zeros(2, 4), torch.zeros(2), 1.1),
        (torch.zeros(2, 4), torch.zeros(2), math.nan),
    ],
)
def test_what_does_not_fit_is_named(boxes: Tensor, loss: Tensor, iou: float) -> None:
    with pytest.raises(ValueError, match=r"^(boxes_xyxy|loss|iou): expected .*, found "):
        nms_by_loss(loss, boxes, iou=iou)


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (3, 0)])
def test_of_no_anchors_none_is_dropped(shape: tuple[int, int]) -> None:
    none = torch.zeros(shape, dtype=torch.bool)

    assert overlapping_negatives(torch.zeros(shape), none, torch.zeros(*shape, 4), iou=0.5).shape == shape


def test_a_positive_neither_drops_a_negative_nor_is_dropped() -> None:
    box = torch.tensor([0.0, 0.0, 10.0, 10.0])
    loss = torch.tensor([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0]])
    positive = torch.tensor([[True, False, False], [True, False, False]])

    dropped = overlapping_negatives(loss, positive, box.expand(2, 3, 4), iou=0.5)

    assert dropped.tolist() == [[False, False, True], [False, True, False]]


def test_negatives_that_are_not_among_the_thousand_hardest_are_dropped() -> None:
    loss = torch.arange(1500.0)[None]
    boxes = torch.arange(1500.0)[None, :, None] * 100 + torch.tensor([0.0, 0.0, 10.0, 10.0])  # none overlaps another

    dropped = overlapping_negatives(loss, torch.zeros(1, 1500, dtype=torch.bool), boxes, iou=0.5)

    assert dropped[0].tolist() == [True] * 500 + [False] * 1000


@pytest.mark.parametrize(
    ("loss", "positive", "boxes"),
    [
        (torch.zeros(4), torch.zeros(4, dtype=torch.bool), torch.zeros(4, 4)),
        (torch.zeros(2, 4), torch.zeros(2, 3, dtype=torch.bool), torch.zeros(2, 4, 4)),
        (torch.zeros(2, 4), torch.zeros(2, 4), torch.zeros(2, 4, 4)),
        (torch.zeros(2, 4), torch.zeros(2, 4, dtype=torch.bool), torch.zeros(2, 5, 4)),
    ],
)
def test_anchors_that_do_not_fit_are_named(loss: Tensor, positive: Tensor, boxes: Tensor) -> None:
    with pytest.raises(ValueError, match=r"^(loss|positive|boxes_xyxy): expected .*, found "):
        overlapping_negatives(loss, positive, boxes, iou=0.5)
