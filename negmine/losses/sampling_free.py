"""The Sampling-Free mechanism: no anchor is left out or weighted; the classification loss is scaled as a whole.

Chen et al., "Is Sampling Heuristics Necessary in Training Deep Object Detectors?", 2019 (arXiv:1909.04868). Equation
numbers are those of its early versions; later ones have one threshold for all classes.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from negmine.losses.checks import at_least_float32, check_range, check_shape


def guided_scale(cls_loss: Tensor, box_loss: Tensor) -> Tensor:
    """The factor that makes the classification loss as large as the box loss: r = L_box / L_cls (equation 5).

    The box loss is of positives alone and so knows nothing of the imbalance. Use it as `r * cls_loss` (equation 6):
    r is detached, so the gradient of the product is r times that of the classification loss.

    Args:
        cls_loss: a scalar, 0 or more.
        box_loss: a scalar, 0 or more, with its weight.

    Returns:
        r, a detached scalar of float32 or wider. It is 1 where there is nothing to be guided by: no box (a box loss of
        0), no classification loss, or a NaN.

    Raises:
        ValueError: a loss is not a scalar.
    """
    check_shape("cls_loss", cls_loss)
    check_shape("box_loss", box_loss)
    ratio = at_least_float32(box_loss.detach()) / at_least_float32(cls_loss.detach())
    return torch.where(ratio.isfinite() & (ratio > 0), ratio, torch.ones_like(ratio))


def optimal_bias(num_foreground: float, num_anchors: float, num_classes: int) -> float:
    """The bias b of the last classification layer that gives the lowest loss before the first step.

    Where every score is pi, the cross entropy for each foreground is -log(pi) - (N C / N_f - 1) log(1 - pi)
    (equation 3), which is lowest at pi = N_f / (N C) (equation 4). With a sigmoid, b = -log((1 - pi) / pi).

    Args:
        num_foreground: N_f, anchors of the training set that an object was assigned to (or their mean an image).
        num_anchors: N, all anchors that count (or their mean an image).
        num_classes: C, without background.

    Returns:
        b, finite.

    Raises:
        ValueError: a number is out of its range; without a foreground, or with nothing else, no bias is the best.
    """
    check_range("num_classes", num_classes, 1)
    check_range("num_anchors", num_anchors, 0, low_open=True)
    check_range("num_foreground", num_foreground, 0, num_anchors, low_open=True)
    prior = num_foreground / (num_anchors * num_classes)
    if not 0 < prior < 1:
        raise ValueError(
            f"num_foreground: expected more than 0 and less than num_anchors * num_classes "
            f"({num_anchors} * {num_classes}), found {num_foreground}"
        )
    return -math.log((1 - prior) / prior)


def class_adaptive_thresholds(
    class_counts: Tensor, num_anchors: float, *, num_foreground: float | None = None
) -> Tensor:
    """The score under which detections of each class are dropped: theta_j = (N_f / N) (N_j / sum_k N_k) (equation 7).

    A detector trained without sampling gives scores as low as objects are rare; a threshold for all classes, such as
    0.05, would drop the rare ones.

    Args:
        class_counts: [C], N_j: objects, or foreground anchors, of each class in the training set; 0 or more.
        num_anchors: N, all anchors of the training set that count.
        num_foreground: N_f, those that an object was assigned to; None where `class_counts` are such anchors: then
            their sum, and theta_j = N_j / N.

    Returns:
        [C] thresholds in [0, 1], float64; 0 for a class without an object, and for all where no class has one.

    Raises:
        ValueError: a shape or a number is out of its range.
    """
    check_shape("class_counts", class_counts, "C")
    counts = class_counts.double()
    if not bool(((counts >= 0) & counts.isfinite()).all()):
        raise ValueError(f"class_counts: expected counts of 0 or more, found {class_counts.tolist()}")
    check_range("num_anchors", num_anchors, 0, low_open=True)
    total = counts.sum()
    foreground = float(total) if num_foreground is None else num_foreground
    check_range("num_foreground", foreground, 0, num_anchors)
    return foreground / num_anchors * counts / torch.where(total > 0, total, 1.0)
