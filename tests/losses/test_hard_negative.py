"""Hard negative mining: who is chosen, and what the loss of the chosen is divided by."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from negmine.losses import hard_negative_loss, hard_negative_mean, hardest_negatives
from negmine.losses.hard_negative import hardest


def _slow(loss: Tensor, positive: Tensor, neg_per_pos: float, min_neg: int, ignore: Tensor) -> np.ndarray:
    """The rule as a loop over images and anchors."""
    chosen = np.zeros(loss.shape, dtype=bool)
    for image, row in enumerate(loss.tolist()):
        positives = sum((positive & ~ignore)[image].tolist())
        quota = math.ceil(round(neg_per_pos * positives, 9)) if positives else min_neg
        free = [a for a in range(len(row)) if not positive[image, a] and not ignore[image, a]]
        for anchor in sorted(free, key=lambda a: (-row[a], a))[:quota]:
            chosen[image, anchor] = True
    return chosen


@st.composite
def _batches(draw: st.DrawFn) -> tuple[Tensor, Tensor, Tensor]:
    images, anchors = draw(st.integers(0, 3)), draw(st.integers(0, 12))
    cells = images * anchors
    steps = draw(st.lists(st.integers(0, 4), min_size=cells, max_size=cells))  # few values: many are tied
    masks = [draw(st.lists(st.booleans(), min_size=cells, max_size=cells)) for _ in range(2)]
    loss = torch.tensor(steps, dtype=torch.float32).view(images, anchors)
    positive, ignore = (torch.tensor(mask, dtype=torch.bool).view(images, anchors) for mask in masks)
    return loss, positive, ignore


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (3, 0)])
def test_nothing_is_chosen_of_nothing(shape: tuple[int, int]) -> None:
    chosen = hardest_negatives(torch.zeros(shape), torch.zeros(shape, dtype=torch.bool), neg_per_pos=3.0, min_neg=2)

    assert chosen.shape == shape and chosen.dtype == torch.bool and not chosen.any()


@given(_batches(), st.sampled_from([0.0, 0.07, 0.5, 1.0, 1.5, 3.0]), st.integers(0, 6))
def test_the_choice_is_that_of_a_slow_loop(batch: tuple[Tensor, Tensor, Tensor], ratio: float, floor: int) -> None:
    loss, positive, ignore = batch

    chosen = hardest_negatives(loss, positive, neg_per_pos=ratio, min_neg=floor, ignore=ignore)

    assert chosen.tolist() == _slow(loss, positive, ratio, floor, ignore).tolist()


@given(_batches(), st.floats(0, 5), st.integers(0, 6))
def test_no_positive_is_chosen_and_no_quota_exceeded(
    batch: tuple[Tensor, Tensor, Tensor], ratio: float, floor: int
) -> None:
    loss, positive, ignore = batch

    chosen = hardest_negatives(loss, positive, neg_per_pos=ratio, min_neg=floor, ignore=ignore)

    assert not (chosen & (positive | ignore)).any()
    quota = (positive & ~ignore).sum(1) * ratio
    assert (chosen.sum(1) <= torch.where(quota > 0, quota.ceil(), float(floor))).all()


def test_a_ratio_is_exact() -> None:
    # 0.07 * 100 is 7.000000000000001 in floating point, whose ceiling is 8
    positive = torch.arange(200)[None] < 100

    assert hardest_negatives(torch.rand(1, 200), positive, neg_per_pos=0.07, min_neg=0).sum() == 7


def test_nan_counts_as_the_highest_loss() -> None:
    loss = torch.tensor([[1.0, math.nan, -math.inf, math.inf, 2.0]])
    nothing = torch.zeros(1, 5, dtype=torch.bool)

    picked = [hardest_negatives(loss, nothing, neg_per_pos=0.0, min_neg=n)[0].nonzero()[:, 0].tolist() for n in (2, 5)]

    assert picked == [[1, 3], [0, 1, 2, 3, 4]]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_the_choice_takes_any_precision(dtype: torch.dtype) -> None:
    loss = torch.tensor([[0.5, 3.0, 1.0]], dtype=dtype)

    assert hardest(loss, torch.ones(1, 3, dtype=torch.bool), torch.tensor([2])).tolist() == [[False, True, True]]


def test_each_image_has_its_own_quota() -> None:
    loss = torch.arange(4.0).repeat(3, 1)

    chosen = hardest(loss, torch.ones(3, 4, dtype=torch.bool), torch.tensor([0, 1, 9]))

    assert chosen.sum(1).tolist() == [0, 1, 4]


@pytest.mark.parametrize("change", ["quota", "positive shape", "positive dtype", "ratio", "infinite", "floor", "ints"])
def test_what_does_not_fit_is_named(change: str) -> None:
    loss, positive, settings = (
        torch.zeros(2, 3),
        torch.zeros(2, 3, dtype=torch.bool),
        {"neg_per_pos": 3.0, "min_neg": 1},
    )
    with pytest.raises(ValueError, match=r"^(quota|positive|neg_per_pos|min_neg|loss): expected .*, found "):
        if change == "quota":
            hardest(loss, positive, torch.zeros(3, dtype=torch.int64))
        elif change == "ints":
            hardest_negatives(loss.long(), positive, **settings)
        elif change.startswith("positive"):
            hardest_negatives(loss, positive[:, :2] if "shape" in change else positive.int(), **settings)
        else:
            wrong = {"ratio": ("neg_per_pos", -1.0), "infinite": ("neg_per_pos", math.inf), "floor": ("min_neg", -1)}
            hardest_negatives(loss, positive, **{**settings, wrong[change][0]: wrong[change][1]})


@pytest.mark.parametrize("shape", [(0, 4), (2, 0), (2, 4)])
def test_loss_of_nothing_is_a_zero_with_a_gradient(shape: tuple[int, int]) -> None:
    logits = torch.randn(*shape, 3, requires_grad=True)

    loss = hard_negative_loss(logits, torch.full(shape, -1))
    loss.backward()

    assert loss.item() == 0 and logits.grad is not None and logits.grad.count_nonzero() == 0


def test_loss_by_hand() -> None:
    # Two classes, and logits (x, 0): the loss of a background anchor is log(1 + e^-x), of an object log(1 + e^x).
    # x is chosen such that e^-x is 1, 3, 7, ...: losses of negatives are log 2, log 4, log 8.
    x = -torch.tensor([[1.0, 3.0, 7.0, 1.0, 1.0], [1.0, 3.0, 7.0, 15.0, 31.0]]).log()
    logits = torch.stack([x, torch.zeros_like(x)], dim=2)
    target = torch.tensor([[1, 0, 0, 0, -1], [0, 0, 0, 0, -1]])

    loss = hard_negative_loss(logits, target, neg_per_pos=2.0, min_neg=3)

    # Image 0: the object log 2, the two hardest of three negatives log 4 and log 8, by one object: 6 log 2.
    # Image 1 has no object: the three hardest of four are log 16, log 8, log 4: 9 log 2 by 3. It is half of the images.
    assert loss.item() == pytest.approx((6 + 3 / 2) * math.log(2))


def test_images_with_objects_give_the_loss_of_torchvisions_ssd() -> None:
    from torchvision.models.detection.ssd import SSD

    generator = torch.Generator().manual_seed(0)
    images, anchors, classes = 3, 40, 4
    logits = torch.randn(images, anchors, classes, generator=generator)
    matched = torch.full((images, anchors), -1)
    matched[:, :3] = torch.tensor([0, 1, 0])
    labels = [torch.randint(1, classes, (2,), generator=generator) for _ in range(images)]
    ssd = SSD.__new__(SSD)  # its loss alone, without a backbone
    torch.nn.Module.__init__(ssd)
    ssd.neg_to_pos_ratio, ssd.box_coder = 3, _NoOffsets()
    targets = [{"labels": label, "boxes": torch.zeros(2, 4)} for label in labels]
    head = {"bbox_regression": torch.zeros(images, anchors, 4), "cls_logits": logits}
    expected = ssd.compute_loss(targets, head, [torch.zeros(anchors, 4)] * images, list(matched))["classification"]
    target = torch.zeros(images, anchors, dtype=torch.int64)
    for image, label in enumerate(labels):
        target[image, :3] = label[matched[image, :3]]

    assert hard_negative_loss(logits, target).item() == pytest.approx(expected.item(), rel=1e-6)


class _NoOffsets:
    """A box coder that leaves the box loss at 0."""

    def encode_single(self, boxes: Tensor, anchors: Tensor) -> Tensor:
        return torch.zeros_like(boxes)


def test_a_batch_of_backgrounds_is_a_mean() -> None:
    logits = torch.randn(4, 50, 3, generator=torch.Generator().manual_seed(1))
    losses = functional.cross_entropy(logits.flatten(0, 1), torch.zeros(200, dtype=torch.int64), reduction="none")

    loss = hard_negative_loss(logits, torch.zeros(4, 50, dtype=torch.int64), min_neg=10)

    assert loss.item() == pytest.approx(losses.view(4, 50).topk(10).values.mean().item(), rel=1e-6)


def test_the_mean_of_any_loss_by_hand() -> None:
    loss = torch.tensor([[5.0, 4.0, 1.0, 3.0, 9.0], [8.0, 2.0, 6.0, 0.0, 9.0]])
    positive = torch.tensor([[True, False, False, False, False], [False] * 5])
    ignore = torch.tensor([[False] * 4 + [True]] * 2)

    mean = hard_negative_mean(loss, positive, neg_per_pos=2.0, min_neg=2, ignore=ignore)

    # The positive 5 and its two hardest negatives 4 and 3, by one positive; 8 and 6 by two, of one image in two.
    assert mean.item() == pytest.approx(12 + 1 / 2 * 14 / 2)


def test_backgrounds_teach_and_leave_the_rest_as_it_is() -> None:
    logits = torch.randn(2, 30, 3, generator=torch.Generator().manual_seed(2)).requires_grad_()
    target = torch.zeros(2, 30, dtype=torch.int64)
    target[0, :2] = 1

    (both,) = torch.autograd.grad(hard_negative_loss(logits, target, min_neg=5), logits)
    (alone,) = torch.autograd.grad(hard_negative_loss(logits[:1], target[:1], min_neg=5), logits)

    assert torch.allclose(both[0], alone[0])
    assert both[1].abs().sum(1).count_nonzero() == 5


def test_loss_has_the_gradient_that_it_should() -> None:
    logits = torch.randn(2, 6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(3), requires_grad=True)
    target = torch.tensor([[1, 0, 0, 0, 0, -1], [0, 0, 0, 0, 0, 0]])

    assert torch.autograd.gradcheck(lambda x: hard_negative_loss(x, target, min_neg=2), logits)


def test_half_precision_is_computed_in_single() -> None:
    logits = torch.full((1, 8, 2), 0.0, dtype=torch.float16)
    logits[..., 1] = 60000  # the sum of two of these overflows float16

    loss = hard_negative_loss(logits, torch.zeros(1, 8, dtype=torch.int64))

    assert loss.dtype == torch.float32 and loss.item() == pytest.approx(60000, rel=1e-3)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (torch.zeros(2, 3, dtype=torch.int64), r"cls_target: expected shape \[2, 4\], found \[2, 3\]"),
        (torch.zeros(2, 4), "cls_target: expected int64 class indices, found torch.float32"),
        (torch.full((2, 4), 3), r"cls_target: expected classes 0 to 2 or -1, found 3 at \[0, 0\]"),
    ],
)
def test_loss_names_what_does_not_fit(target: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        hard_negative_loss(torch.zeros(2, 4, 3), target)
