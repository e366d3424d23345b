"""The checkpoints of a training with Ultralytics: exact ones to resume from, and the trained weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from negmine.detectors.ultralytics.loading import channels_of
from negmine.errors import TrainingError, WeightsError
from negmine.paths import printable
from negmine.training.calibration import Calibration
from negmine.training.saving import save

EXACT = "negmine"  # the key under which a killed training finds what Ultralytics keeps at half precision


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint that this run wrote: unpickled without a check."""
    document: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=False)
    return document


def require_same_network(start: Any, checkpoint: Path) -> None:
    """Refuse trained weights that take other images than those they were trained from, or have another head.

    Args:
        start: the module that the training began with.
        checkpoint: of the training.

    Raises:
        TrainingError: with what differs.
    """
    before, after = _network(start), _network(load(checkpoint)["ema"])
    for what, had in before.items():
        if after[what] != had:
            raise TrainingError(
                f"{printable(checkpoint)}: expected {what} to stay {had}, found {after[what]} after the training; use "
                "another version of Ultralytics"
            )


def _network(module: Any) -> dict[str, object]:
    head = module.model[-1]
    return {
        "input channels": channels_of(module),
        "the head": type(head).__name__,
        "the number of classes": head.nc,
    }


def save_weights(checkpoint: Path, weights: Path) -> None:
    """Write what Ultralytics' own final checkpoint holds: the moving average, without the state to resume from."""
    from ultralytics.utils.torch_utils import strip_optimizer

    document = load(checkpoint)
    document.pop(EXACT, None)
    part = weights.with_suffix(".stripped.pt")
    try:
        save(document, part)
        strip_optimizer(part)
        save(load(part), weights)
    finally:
        part.unlink(missing_ok=True)


def save_tensors(trained: Path, tensors: Mapping[str, torch.Tensor], saved: Path) -> None:
    """Write a checkpoint with other tensors in it; its metrics, which are not theirs, are left out.

    Args:
        trained: a checkpoint that a training of ours wrote.
        tensors: by name, all that it has.
        saved: the file to write.
    """
    document = load(trained)
    document["model"].load_state_dict(tensors)
    save({**document, "train_metrics": None, "train_results": None}, saved)


def calibrate_weights(weights: Path, calibration: Calibration, calibrated: Path) -> None:
    """Write a checkpoint whose class logits are shifted: the biases of the last convolution of every class branch.

    The branches are those of every scale, and of both heads of an end-to-end model. Everything else is copied, and the
    precision stays: at half precision a bias between -16 and 0 takes a shift upwards by a multiple of `STEP`, down to
    its negative, without rounding; elsewhere under 16, rounding is within 0.004 logits.

    Args:
        weights: a checkpoint that this run wrote.
        calibration: the shifts.
        calibrated: where to write it.

    Raises:
        WeightsError: where the head has no such convolutions.
    """
    document = load(weights)
    for key in ("model", "ema"):
        if document.get(key) is not None:
            _shift_head(document[key].model[-1], calibration, printable(weights))
    save(document, calibrated)


def _shift_head(head: Any, calibration: Calibration, where: str) -> None:
    """Shift a head in place."""
    shifts = torch.tensor([calibration.shift(number) for number in range(head.nc)], dtype=torch.float64)
    with torch.no_grad():
        for last in _class_convolutions(head, where):
            last.bias.copy_((last.bias.double() + shifts).to(last.bias.dtype))


def _class_convolutions(head: Any, where: str) -> Iterator[Any]:
    """The convolutions that give the class logits, of each branch that is there."""
    branches = [branch for name in ("cv3", "one2one_cv3") if (branch := getattr(head, name, None)) is not None]
    for branch in branches:
        for scale in branch:
            last = scale[-1]
            if not isinstance(last, nn.Conv2d) or last.bias is None or len(last.bias) != head.nc:
                raise WeightsError(
                    f"{where} cannot be calibrated: expected its head to end in a convolution with a bias for each of "
                    f"{head.nc} classes, found {type(last).__name__}; use --no-calibrate"
                )
            yield last
    if not branches:
        raise WeightsError(
            f"{where} cannot be calibrated: its head {type(head).__name__} has no class branch; use --no-calibrate"
        )
