"""The biased sample of regions that a mini-batch of Fast R-CNN is made of.

Every draw is from the generator that is passed in, on its device: the same on a CPU and a GPU.
"""

from __future__ import annotations

import torch
from torch import Tensor

from negmine.losses.checks import check_float, check_range, check_shape, exact_ratio


def biased_minibatch(
    max_iou: Tensor,
    *,
    generator: torch.Generator,
    batch_size: int = 64,
    positive_fraction: float = 0.25,
    fg_iou: float = 0.5,
    bg_lo: float = 0.1,
    bg_hi: float = 0.5,
) -> tuple[Tensor, Tensor]:
    """Draw at most a share of positives, and fill up with negatives of some overlap: the 1:3 heuristic.

    Girshick, "Fast R-CNN", ICCV 2015 (arXiv:1504.08083), section 2.3: regions that overlap an object by at least 0.5
    are positives, those in [0.1, 0.5) negatives. The lower end is itself a heuristic of hard negative mining, which
    never shows the detector a region that touches no object: with `bg_lo` 0 images without objects count.

    Args:
        max_iou: [N] largest overlap of each region with an object, 0 to 1; negative for a region to leave out.
        generator: of the draws.
        batch_size: positives and negatives together, at most.
        positive_fraction: share of positives, at most; 0 to 1, exact to a millionth.
        fg_iou: overlap from which a region is a positive.
        bg_lo: overlap from which a region is a negative, inclusive.
        bg_hi: overlap to which a region is a negative, exclusive; at most `fg_iou`.

    Returns:
        Indices of positives [P] and of negatives [Q], int64, ascending: P at most floor(positive_fraction *
        batch_size), Q at most batch_size - P.

    Raises:
        ValueError: a shape or a number is out of its range.
    """
    check_shape("max_iou", max_iou, "N")
    check_float("max_iou", max_iou)
    check_range("batch_size", batch_size, 0)
    check_range("positive_fraction", positive_fraction, 0, 1)
    check_range("fg_iou", fg_iou, 0, 1)
    check_range("bg_hi", bg_hi, 0, fg_iou)
    check_range("bg_lo", bg_lo, 0, bg_hi)
    ratio = exact_ratio(positive_fraction)
    positive = _draw(max_iou >= fg_iou, batch_size * ratio.numerator // ratio.denominator, generator)
    negative = _draw((max_iou >= bg_lo) & (max_iou < bg_hi), batch_size - len(positive), generator)
    return positive, negative


def _draw(mask: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """`count` of the set places of a mask [N], or all where there are fewer; ascending."""
    places = mask.nonzero().flatten()
    picked = torch.randperm(len(places), generator=generator, device=generator.device)[:count]
    return places[picked.to(places.device)].sort().values
