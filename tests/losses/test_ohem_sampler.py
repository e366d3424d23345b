"""OHEM against another definition of it, where the two coincide, and where they do not.

The twin is written from the description of MMDetection's `OHEMSampler`: in each image by itself, objects and background
apart, it keeps those of highest classification loss, without suppression; objects are at most a share of the batch.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from negmine.losses import ohem_loss
from negmine.losses.ohem import ohem_row_losses, ohem_select

CLASSES = 4


def sampled(loss: Tensor, is_object: Tensor, *, num: int, pos_fraction: float) -> set[int]:
    """The rows that the sampler keeps, by the classification loss [R] of each."""

    def hardest(rows: list[int], count: int) -> list[int]:
        return sorted(rows, key=lambda row: -float(loss[row]))[:count]

    objects = [row for row in range(len(loss)) if bool(is_object[row])]
    background = [row for row in range(len(loss)) if not bool(is_object[row])]
    positives = hardest(objects, int(num * pos_fraction))
    return {*positives, *hardest(background, num - len(positives))}


def _rows(objects: int, background: int, seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Logits, labels, and predicted and wanted offsets."""
    generator = torch.Generator().manual_seed(seed)
    count = objects + background
    logits = torch.randn(count, CLASSES, generator=generator)
    labels = torch.cat(
        [torch.randint(1, CLASSES, (objects,), generator=generator), torch.zeros(background, dtype=torch.int64)]
    )
    order = torch.randperm(count, generator=generator)
    offsets = torch.randn(2, count, 4, generator=generator)
    return logits[order], labels[order], offsets[0], offsets[1]


@pytest.mark.parametrize("seed", range(5))
def test_in_an_image_without_objects_both_keep_the_same(seed: int) -> None:
    logits, labels, predicted, wanted = _rows(0, 60, seed)
    loss = ohem_row_losses(logits, labels, predicted, wanted)
    twin = sampled(functional.cross_entropy(logits, labels, reduction="none"), labels > 0, num=16, pos_fraction=0.25)
    assert set(ohem_select(loss, keep=16).tolist()) == twin
    kept = sorted(twin)
    cls_loss, loc_loss = ohem_loss(logits, labels, predicted, wanted, keep=16)
    torch.testing.assert_close(cls_loss, functional.cross_entropy(logits[kept], labels[kept]))
    assert float(loc_loss) == 0


@pytest.mark.parametrize("seed", range(5))
def test_with_few_objects_that_are_all_hard_both_keep_the_same(seed: int) -> None:
    logits, labels, predicted, wanted = _rows(4, 60, seed)
    logits[labels > 0, 0] += 20  # every object is taken for background
    loss = ohem_row_losses(logits, labels, predicted, wanted)
    twin = sampled(functional.cross_entropy(logits, labels, reduction="none"), labels > 0, num=16, pos_fraction=0.25)
    assert set(ohem_select(loss, keep=16).tolist()) == twin


@pytest.mark.parametrize("seed", range(5))
def test_among_the_background_both_always_keep_the_same(seed: int) -> None:
    logits, labels, predicted, wanted = _rows(20, 60, seed)
    chosen = ohem_select(ohem_row_losses(logits, labels, predicted, wanted), keep=16)
    background = {int(row) for row in chosen if labels[row] == 0}
    loss = functional.cross_entropy(logits, labels, reduction="none")
    twin = sampled(loss, torch.zeros(80, dtype=torch.bool) | (labels > 0), num=len(background), pos_fraction=0.0)
    assert background and background == twin


def test_the_paper_lets_go_of_easy_objects_and_the_sampler_does_not() -> None:
    logits, labels, predicted, wanted = _rows(4, 60, 0)
    objects = torch.where(labels > 0)[0]
    logits[objects] = functional.one_hot(labels[objects], CLASSES).float() * 30
    wanted[objects] = predicted[objects]
    chosen = set(ohem_select(ohem_row_losses(logits, labels, predicted, wanted), keep=16).tolist())
    loss = functional.cross_entropy(logits, labels, reduction="none")
    assert not chosen & set(objects.tolist())
    assert set(objects.tolist()) <= sampled(loss, labels > 0, num=16, pos_fraction=0.25)


def test_the_box_loss_can_change_which_objects_are_kept() -> None:
    logits, labels, predicted, wanted = _rows(8, 0, 0)
    by_class = functional.cross_entropy(logits, labels, reduction="none")
    easiest = int(by_class.argmin())
    wanted[easiest] = predicted[easiest] + 100
    assert int(ohem_select(ohem_row_losses(logits, labels, predicted, wanted), keep=1)) == easiest
    assert sampled(by_class, labels > 0, num=1, pos_fraction=1.0) == {int(by_class.argmax())}
