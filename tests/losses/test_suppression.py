"""Non-maximum suppression against torchvision's."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torchvision.ops import nms as torchvision_nms

from negmine.losses import nms


@st.composite
def _scored_boxes(draw: st.DrawFn) -> tuple[Tensor, Tensor]:
    """Boxes on a coarse grid, so that overlaps equal round thresholds and scores are tied; some have no area."""
    count = draw(st.integers(0, 12))
    numbers = draw(st.lists(st.integers(0, 10), min_size=4 * count, max_size=4 * count))
    corner, size = torch.tensor(numbers, dtype=torch.float32).view(count, 4).split(2, dim=1)
    scores = draw(st.lists(st.integers(0, 3), min_size=count, max_size=count))
    return torch.cat([corner, corner + size], dim=1), torch.tensor(scores, dtype=torch.float32)


def test_of_no_boxes_none_is_kept() -> None:
    kept = nms(torch.zeros(0, 4), torch.zeros(0), iou=0.5)

    assert kept.dtype == torch.int64 and kept.shape == (0,)


@given(_scored_boxes(), st.sampled_from([0.0, 0.1, 0.2, 1 / 3, 0.5, 0.6, 0.7, 1.0]))
def test_the_result_is_torchvisions(scored: tuple[Tensor, Tensor], iou: float) -> None:
    boxes, scores = scored

    assert nms(boxes, scores, iou=iou).tolist() == torchvision_nms(boxes, scores, iou).tolist()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_result_is_torchvisions_for_many_boxes(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    corner, size = torch.rand(2, 400, 2, generator=generator, dtype=dtype) * 100
    boxes = torch.cat([corner, corner + size], dim=1)
    scores = torch.rand(400, generator=generator, dtype=dtype)

    kept = torchvision_nms(boxes, scores, 0.7).tolist()

    assert 20 < len(kept) < 380
    assert nms(boxes, scores, iou=0.7).tolist() == kept
    assert nms(boxes, scores, iou=0.7, limit=9).tolist() == kept[:9]


@pytest.mark.parametrize("iou", [0.1, 0.2, 0.3, 0.4, 0.6, 0.7])
def test_a_threshold_met_exactly_is_judged_as_by_torchvision(iou: float) -> None:
    # The second box is the first, cut to `iou` of its width: their overlap is `iou`, rounded to float32.
    boxes = torch.tensor([[0, 0, 10, 1], [0, 0, 10 * iou, 1]], dtype=torch.float32)
    scores = torch.tensor([1.0, 0.5])

    assert nms(boxes, scores, iou=iou).tolist() == torchvision_nms(boxes, scores, iou).tolist()


def test_a_score_that_is_no_number_goes_first() -> None:
    boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0]]).repeat(3, 1)

    assert nms(boxes, torch.tensor([math.inf, math.nan, 1.0]), iou=0.5).tolist() == [1]


def test_half_precision_is_computed_in_single() -> None:
    boxes = torch.tensor([[0, 0, 1000, 1000], [0, 0, 1000, 990], [1000, 0, 2000, 1000]], dtype=torch.float16)

    assert nms(boxes, torch.tensor([3.0, 2.0, 1.0]), iou=0.9).tolist() == [0, 2]  # an area of 1e6 is inf in float16


@pytest.mark.parametrize(
    ("boxes", "scores", "iou"),
    [
        (torch.zeros(2, 3), torch.zeros(2), 0.5),
        (torch.zeros(2, 4), torch.zeros(3), 0.5),
        (torch.zeros(2, 4, dtype=torch.int64), torch.zeros(2), 0.5),
        (torch.zeros(2, 4), torch.zeros(2), 1.1),
        (torch.zeros(2, 4), torch.zeros(2), math.nan),
    ],
)
def test_what_does_not_fit_is_named(boxes: Tensor, scores: Tensor, iou: float) -> None:
    with pytest.raises(ValueError, match=r"^(boxes_xyxy|scores|iou): expected .*, found "):
        nms(boxes, scores, iou=iou)
