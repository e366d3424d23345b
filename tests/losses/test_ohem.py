"""OHEM: which rows are kept, and what their losses are."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torchvision.ops import nms as torchvision_nms

from negmine.losses import ohem_loss, ohem_row_losses, ohem_select


def _regions(rows: int, classes: int = 3, *, seed: int = 0, dtype: torch.dtype = torch.float64) -> tuple[Tensor, ...]:
    """Logits, targets (some ignored), offsets, their targets, and boxes that overlap."""
    generator = torch.Generator().manual_seed(seed)
    target = torch.randint(-1, classes, (rows,), generator=generator)
    logits = torch.randn(rows, classes, generator=generator, dtype=dtype)
    offsets, wanted = torch.randn(2, rows, 4, generator=generator, dtype=dtype) * 2
    corner, size = torch.rand(2, rows, 2, generator=generator, dtype=dtype) * 4
    return logits, target, offsets, wanted, torch.cat([corner, corner + 4 + size], dim=1)


def _slow_rows(logits: Tensor, target: Tensor, offsets: Tensor, wanted: Tensor, beta: float) -> tuple[np.ndarray, ...]:
    """Both losses of each row, by their definitions."""
    cls, loc = np.zeros(len(target)), np.zeros(len(target))
    for row, label in enumerate(target.tolist()):
        if label < 0:
            continue
        shares = np.exp(logits[row].numpy()) / np.exp(logits[row].numpy()).sum()
        cls[row] = -math.log(shares[label])
        if label > 0:
            gaps = np.abs(offsets[row].numpy() - wanted[row].numpy())
            loc[row] = sum(0.5 * gap**2 / beta if gap < beta else gap - 0.5 * beta for gap in gaps)
    return cls, loc


def _empty(kind: str) -> tuple[Tensor, ...]:
    rows = 0 if kind == "no rows" else 5
    target = {"no rows": torch.zeros(0), "all ignored": torch.full((5,), -1), "no positives": torch.zeros(5)}[kind]
    return torch.randn(rows, 3), target.long(), torch.randn(rows, 4), torch.full((rows, 4), math.nan)


@pytest.mark.parametrize("kind", ["no rows", "all ignored", "no positives"])
@pytest.mark.parametrize("suppress", [False, True])
def test_loss_of_nothing_is_a_zero_with_a_gradient(kind: str, suppress: bool) -> None:
    logits, target, offsets, wanted = _empty(kind)
    logits.requires_grad_(), offsets.requires_grad_()
    boxes: dict[str, Any] = {"boxes": torch.rand(len(target), 4), "nms_iou": 0.7} if suppress else {}

    cls_loss, loc_loss = ohem_loss(logits, target, offsets, wanted, keep=3, **boxes)
    (cls_loss + loc_loss).backward()

    assert loc_loss.item() == 0 and (cls_loss.item() == 0) == (kind != "no positives")
    assert offsets.grad is not None and offsets.grad.count_nonzero() == 0
    assert logits.grad is not None and logits.grad.isfinite().all()
    assert (logits.grad.count_nonzero() == 0) == (kind != "no positives")


def test_loss_by_hand() -> None:
    # Logits (0, log 3): class 0 has probability 1/4 and class 1 3/4. Logits (0, 0): one half each.
    logits = torch.tensor([[0.0, math.log(3)], [0.0, 0.0], [0.0, math.log(3)], [0.0, math.log(3)]])
    target = torch.tensor([0, 0, 1, -1])
    offsets = torch.tensor([[9.0, 9, 9, 9], [9, 9, 9, 9], [0.5, 0, 0, 3], [9, 9, 9, 9]])

    cls_loss, loc_loss = ohem_loss(logits, target, offsets, torch.zeros(4, 4), keep=2)

    # Rows: log 4 = 1.386; log 2 = 0.693; log(4/3) = 0.288 plus 0.5 * 0.5^2 + (3 - 0.5) = 2.625, so 2.913; ignored.
    # The two highest are rows 2 and 0; both sums are divided by the two rows kept.
    assert cls_loss.item() == pytest.approx((math.log(4 / 3) + math.log(4)) / 2)
    assert loc_loss.item() == pytest.approx(2.625 / 2)


@pytest.mark.parametrize("iou", [None, 0.3, 0.7])
@pytest.mark.parametrize("keep", [1, 7, 100])
def test_loss_is_that_of_a_slow_twin(iou: float | None, keep: int) -> None:
    logits, target, offsets, wanted, boxes = _regions(40)
    cls, loc = _slow_rows(logits, target, offsets, wanted, beta=0.5)
    rows = np.flatnonzero(target.numpy() >= 0)
    ranked = rows[np.argsort(-(cls + loc)[rows], kind="stable")]
    if iou is not None:
        ranked = rows[torchvision_nms(boxes[rows], torch.from_numpy((cls + loc)[rows]), iou).numpy()]
    kept = ranked[:keep]

    chosen = {"boxes": boxes, "nms_iou": iou} if iou is not None else {}
    losses = ohem_loss(logits, target, offsets, wanted, keep=keep, beta=0.5, **chosen)  # type: ignore[arg-type]

    assert losses[0].item() == pytest.approx(cls[kept].sum() / len(kept))
    assert losses[1].item() == pytest.approx(loc[kept].sum() / len(kept))


def test_row_losses_are_those_of_a_slow_twin() -> None:
    logits, target, offsets, wanted, _ = _regions(30)

    rows = ohem_row_losses(logits, target, offsets, wanted, beta=2.0)

    assert rows.numpy() == pytest.approx(sum(_slow_rows(logits, target, offsets, wanted, beta=2.0)))


@given(st.lists(st.one_of(st.none(), st.integers(0, 4)), max_size=15), st.integers(1, 20))
def test_selection_is_the_hardest_of_what_counts(losses: list[int | None], keep: int) -> None:
    values = torch.tensor([9.0 if loss is None else loss for loss in losses], dtype=torch.float32)
    ignore = torch.tensor([loss is None for loss in losses], dtype=torch.bool)

    kept = ohem_select(values, keep=keep, ignore=ignore).tolist()

    counted = [row for row, loss in enumerate(losses) if loss is not None]
    assert kept == sorted(counted, key=lambda row: (-values[row].item(), row))[:keep]


def test_an_ignored_row_suppresses_nothing() -> None:
    boxes = torch.tensor([[0.0, 0.0, 10.0, 10.0]]).repeat(2, 1)
    loss, ignore = torch.tensor([5.0, 1.0]), torch.tensor([True, False])

    assert ohem_select(loss, keep=2, boxes=boxes, nms_iou=0.5, ignore=ignore).tolist() == [1]
    assert ohem_select(loss, keep=2, boxes=boxes, nms_iou=0.5).tolist() == [0]


def test_rows_of_no_object_need_no_offsets() -> None:
    logits, target, offsets, wanted, _ = _regions(20)
    broken = wanted.masked_fill((target <= 0)[:, None], math.nan)

    assert ohem_loss(logits, target, offsets, broken, keep=5) == ohem_loss(logits, target, offsets, wanted, keep=5)


@pytest.mark.parametrize("suppress", [False, True])
def test_losses_have_the_gradient_that_they_should(suppress: bool) -> None:
    logits, target, offsets, wanted, boxes = _regions(12)
    chosen: dict[str, Any] = {"boxes": boxes, "nms_iou": 0.4} if suppress else {}

    def both(logits: Tensor, offsets: Tensor) -> tuple[Tensor, Tensor]:
        return ohem_loss(logits, target, offsets, wanted, keep=5, **chosen)

    assert torch.autograd.gradcheck(both, (logits.requires_grad_(), offsets.requires_grad_()))


def test_only_kept_rows_have_a_gradient() -> None:
    logits, target, offsets, wanted, _ = _regions(30)
    logits.requires_grad_()

    ohem_loss(logits, target, offsets, wanted, keep=4)[0].backward()

    assert logits.grad is not None and logits.grad.abs().sum(1).count_nonzero() == 4


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_single(dtype: torch.dtype) -> None:
    logits, target, offsets, wanted, _ = (part.to(dtype) if part.is_floating_point() else part for part in _regions(30))
    wide = [part.float() for part in (logits, offsets, wanted)]

    losses = ohem_loss(logits, target, offsets, wanted, keep=8)

    assert losses == ohem_loss(wide[0], target, wide[1], wide[2], keep=8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cls_pred": torch.zeros(6)}, r"cls_pred: expected shape \[R, C\], found \[6\]"),
        ({"cls_target": torch.zeros(5, dtype=torch.int64)}, r"cls_target: expected shape \[6\], found \[5\]"),
        ({"cls_target": torch.full((6,), 3)}, r"cls_target: expected classes 0 to 2 or -1, found 3 at \[0\]"),
        ({"loc_pred": torch.zeros(6, 12)}, r"loc_pred: expected shape \[6, 4\], found \[6, 12\]"),
        ({"loc_target": torch.zeros(5, 4)}, r"loc_target: expected the shape of loc_pred, \[6, 4\], found \[5, 4\]"),
        ({"keep": 0}, r"keep: expected a number in \[1, inf\), found 0"),
        ({"beta": -1.0}, "beta: expected"),
        ({"boxes": torch.zeros(6, 4)}, "boxes, nms_iou: expected both or neither, found boxes alone"),
        ({"nms_iou": 0.5}, "found nms_iou alone"),
        ({"boxes": torch.zeros(5, 4), "nms_iou": 0.5}, r"boxes: expected shape \[6, 4\], found \[5, 4\]"),
        ({"boxes": torch.zeros(6, 4), "nms_iou": 7.0}, r"nms_iou: expected a number in \[0, 1\], found 7.0"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, Any], message: str) -> None:
    fitting = {"cls_pred": torch.zeros(6, 3), "cls_target": torch.zeros(6, dtype=torch.int64)}
    fitting |= {"loc_pred": torch.zeros(6, 4), "loc_target": torch.zeros(6, 4)}
    with pytest.raises(ValueError, match=message):
        ohem_loss(**{**fitting, "keep": 2, **change})
