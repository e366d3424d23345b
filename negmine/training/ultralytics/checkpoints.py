"""The checkpoints that a training with Ultralytics ends with: what plain Ultralytics opens, and the same bytes again.

A checkpoint is written from a network in memory, and never from the file of another: so it has what a detector needs,
no date, and no folder of the machine that it was trained on.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from negmine.errors import TrainingError, WeightsError
from negmine.paths import printable
from negmine.training.calibration import Calibration
from negmine.training.saving import save

_KEPT = ("task", "imgsz", "single_cls")  # of the settings of a training


def write_trained(start: Any, tensors: Mapping[str, torch.Tensor], weights: Path) -> None:
    """Write what a training made of a network, at half precision, as Ultralytics does.

    Args:
        start: the detector that the training began with, as Ultralytics opens it.
        tensors: by name, all that the network has.
        weights: the file to write.

    Raises:
        TrainingError: where the training made another network of it.
    """
    network = copy.deepcopy(start.model)
    own = network.state_dict()
    for name, value in own.items():
        if name not in tensors or tensors[name].shape != value.shape:
            raise TrainingError(
                f"{printable(weights)}: expected the network of the weights after the training, found another "
                f"({printable(name)}); use another version of Ultralytics"
            )
    if set(tensors) != set(own):
        raise TrainingError(
            f"{printable(weights)}: expected {len(own)} tensors after the training, found {len(tensors)}; use another "
            "version of Ultralytics"
        )
    network.load_state_dict(dict(tensors))
    _write(start, network.half(), weights)


def _write(start: Any, network: Any, weights: Path) -> None:
    """Write a network with the settings that it was opened with."""
    from ultralytics import __version__

    arguments = {name: start.overrides[name] for name in _KEPT if start.overrides.get(name) is not None}
    network.args = dict(arguments)
    for name in ("criterion", "pt_path"):
        network.__dict__.pop(name, None)
    for parameter in network.parameters():
        parameter.requires_grad = False
    document = {"epoch": -1, "model": network, "ema": None, "train_args": arguments, "version": __version__}
    save(document, weights)


def calibrate_weights(start: Any, calibration: Calibration, calibrated: Path, where: str) -> None:
    """Write a checkpoint whose class logits are shifted: the biases of the last convolution of every class branch.

    The branches are those of every scale, and of both heads of an end-to-end model. Everything else is copied. The
    precision stays half where it was: there a bias between -16 and 0 takes a shift upwards by a multiple of `STEP`,
    down to its negative, without rounding; elsewhere under 16, rounding is within 0.004 logits.

    Args:
        start: the detector, as Ultralytics opens it.
        calibration: the shifts.
        calibrated: where to write it.
        where: the detector is, for a message.

    Raises:
        WeightsError: where the head has no such convolutions.
    """
    network = copy.deepcopy(start.model)
    if all(_is_half(value) for value in network.state_dict().values()):
        network.half()
    _shift_head(network.model[-1], calibration, where)
    _write(start, network, calibrated)


def _is_half(value: torch.Tensor) -> bool:
    """Whether a tensor loses nothing at half precision."""
    return not value.is_floating_point() or torch.equal(value.half().to(value.dtype), value)


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
