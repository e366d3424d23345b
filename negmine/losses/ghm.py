"""Gradient harmonising: an example counts the less, the more others have a gradient of the same length.

Li et al., "Gradient Harmonized Single-stage Detector", AAAI 2019 (arXiv:1811.05181). The moving average of the bins
(the paper's EMA) comes in as `acc` and goes out anew; nothing is kept here.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from negmine.losses.checks import (
    at_least_float32,
    check_float,
    check_like,
    check_mask,
    check_probabilities,
    check_range,
    check_shape,
)


def ghm_c_loss(
    logits: Tensor,
    targets: Tensor,
    *,
    bins: int = 10,
    momentum: float = 0.75,
    acc: Tensor | None = None,
    valid: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """GHM-C: L = (1 / N) sum_i beta_i BCE(logits_i, targets_i), with the weights of `ghm_c_weights`.

    Args:
        logits: of any shape, one for each anchor and class.
        targets: the same shape, in [0, 1].
        bins: M, unit regions that [0, 1] is cut into.
        momentum: share of the old average in the new one; 0 for none.
        acc: [M] the average that the last call returned; None at first.
        valid: the same shape, bool: what counts; None for all.

    Returns:
        The loss, a scalar of float32 or wider (0 with zero gradients where nothing counts), and the new average [M].

    Raises:
        ValueError: shapes differ, or a number is out of its range.
    """
    weights, average = ghm_c_weights(logits, targets, bins=bins, momentum=momentum, acc=acc, valid=valid)
    logits, targets = _masked(logits, valid), _masked(targets, valid)
    loss = functional.binary_cross_entropy_with_logits(logits, targets.to(logits.dtype), reduction="none")
    return _mean(weights * loss, valid), average


def ghm_c_weights(
    logits: Tensor,
    targets: Tensor,
    *,
    bins: int = 10,
    momentum: float = 0.75,
    acc: Tensor | None = None,
    valid: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The weight beta_i = N / GD(g_i) of each example, for the gradient's length g = |sigmoid(x) - t|.

    N examples fall into bins of width 1 / M (the paper's unit regions); with R_j of them in bin j, the density there is
    GD = R_j m, where m is the number of bins that hold any. The paper writes M; with m, as in its authors' code, the
    mean of the weights is 1 however few bins are in use, and evenly spread gradients have weight 1 each. With a
    momentum a, S_j = a S_j + (1 - a) R_j takes the place of R_j, and the mean is near 1; a bin that was always empty
    starts at its first R_j, not at a fraction of it.

    Args:
        logits: of any shape, one for each anchor and class; no gradient flows through the weights.
        targets: the same shape, in [0, 1].
        bins: M.
        momentum: a, in [0, 1).
        acc: [M] S that the last call returned; None at first.
        valid: the same shape, bool: what counts; None for all.

    Returns:
        Weights of the shape of `logits` (0 for what does not count), and the new S [M], both float32 or wider. Where
        nothing counts, S is as it was.

    Raises:
        ValueError: shapes differ, or a number is out of its range.
    """
    _check("logits", logits, targets, valid)
    check_probabilities("targets", targets if valid is None else targets[valid])
    return unchecked_ghm_c_weights(logits, targets, bins=bins, momentum=momentum, acc=acc, valid=valid)


def unchecked_ghm_c_weights(
    logits: Tensor,
    targets: Tensor,
    *,
    bins: int = 10,
    momentum: float = 0.75,
    acc: Tensor | None = None,
    valid: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """As `ghm_c_weights`, without the checks of logits and targets: NaN counts as a gradient of no length."""
    lengths = (_masked(logits, valid).detach().sigmoid() - _masked(targets, valid).detach()).abs()
    return _harmonise(lengths, valid, bins, momentum, acc)


def ghm_r_loss(
    pred: Tensor,
    target: Tensor,
    *,
    mu: float = 0.02,
    bins: int = 10,
    momentum: float = 0.7,
    acc: Tensor | None = None,
    valid: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """GHM-R: L = (1 / N) sum_i beta_i ASL1(d_i), for the box offsets d = pred - target of positives.

    ASL1(d) = sqrt(d^2 + mu^2) - mu, whose gradient's length |d| / sqrt(d^2 + mu^2) lies in [0, 1) and tells far from
    farther, where that of smooth L1 is 1 for both. The weights are as in `ghm_c_weights`.

    Args:
        pred: of any shape, such as [P, 4].
        target: the same shape.
        mu: more than 0; how sharp the loss bends at 0.
        bins: M, unit regions that [0, 1] is cut into.
        momentum: share of the old average in the new one; 0 for none.
        acc: [M] the average that the last call returned; None at first.
        valid: the same shape, bool: what counts; None for all.

    Returns:
        The loss, a scalar of float32 or wider (0 with zero gradients where nothing counts), and the new average [M].

    Raises:
        ValueError: shapes differ, or a number is out of its range.
    """
    _check("pred", pred, target, valid)
    check_range("mu", mu, 0, low_open=True)
    offset = _masked(pred, valid) - _masked(target, valid)
    root = torch.sqrt(offset**2 + mu**2)
    weights, average = _harmonise((offset / root).detach().abs(), valid, bins, momentum, acc)
    return _mean(weights * (root - mu), valid), average


def _harmonise(
    lengths: Tensor, valid: Tensor | None, bins: int, momentum: float, acc: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Weights of gradients by their lengths in [0, 1], and the new average [M]."""
    check_range("bins", bins, 1)
    check_range("momentum", momentum, 0, 1, high_open=True)
    if acc is not None:
        check_shape("acc", acc, bins)
    index = (lengths.nan_to_num(0.0) * bins).long().clamp(0, bins - 1)  # a length of 1 is of the last bin
    counted = index if valid is None else index[valid]
    counts = counted.flatten().bincount(minlength=bins).to(lengths.dtype)  # R
    average = counts if acc is None else _moved(acc.to(counts), counts, momentum)
    density = average * (counts > 0).sum()  # GD of each bin that holds any
    share = torch.where(counts > 0, counts.sum() / density.clamp(min=torch.finfo(density.dtype).tiny), 0.0)
    weights = share[index]
    return (weights if valid is None else torch.where(valid, weights, 0.0)), average


def _moved(acc: Tensor, counts: Tensor, momentum: float) -> Tensor:
    """The new average of each bin; as it was where the batch has nothing at all."""
    started = torch.where(acc > 0, momentum * acc + (1 - momentum) * counts, counts)
    return torch.where(counts.sum() > 0, started, acc)


def _masked(values: Tensor, valid: Tensor | None) -> Tensor:
    """The values with 0 for those that do not count, so that no NaN of theirs reaches a loss or a gradient."""
    values = at_least_float32(values)
    return values if valid is None else values.masked_fill(~valid, 0.0)


def _mean(losses: Tensor, valid: Tensor | None) -> Tensor:
    """The sum by the number of those that count."""
    counted = losses.numel() if valid is None else int(valid.sum())
    return losses.sum() / max(counted, 1)


def _check(name: str, values: Tensor, targets: Tensor, valid: Tensor | None) -> None:
    check_float(name, values)
    check_like("targets" if name == "logits" else "target", targets, name, values)
    check_mask("valid", valid, name, values)
