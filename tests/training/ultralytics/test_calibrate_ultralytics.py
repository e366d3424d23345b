"""Shifted heads of Ultralytics' families: what is found stays, its scores move, and plain Ultralytics opens it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from negmine.detectors.ultralytics.quiet import quiet_ultralytics
from negmine.errors import WeightsError
from negmine.training.calibration import STEP, Calibration, logits
from negmine.training.config import TrainConfig
from negmine.training.open import open_trainer

FAMILIES = ("yolo11n", "yolo26n", "yolov10n", "yolov8n", "yolov5n", "yolov9t", "yolo12n")
NAMES = ("lamp", "sign", "tree")


def write_half(path: Path, family: str, *, bias: float = -9.7) -> Path:
    """A checkpoint of random weights as Ultralytics leaves it: at half precision, and with low scores."""
    with quiet_ultralytics():
        from ultralytics import YOLO
        from ultralytics.nn.tasks import DetectionModel

        torch.manual_seed(0)
        model = DetectionModel(f"{family}.yaml", nc=len(NAMES), verbose=False)
        model.names = dict(enumerate(NAMES))
        for last in class_biases(model):
            last.data += torch.randn(last.shape) * 0.3 + bias - last.mean()
        torch.save({"model": model.half(), "ema": None, "train_args": {"task": "detect"}}, path)
        assert YOLO(path).task == "detect"
    return path


def load(path: Path) -> dict[str, Any]:
    """As plain torch does."""
    document: dict[str, Any] = torch.load(path, weights_only=False)
    return document


def class_biases(model: Any) -> list[Any]:
    """The biases of all class branches."""
    head = model.model[-1]
    branches = [getattr(head, name) for name in ("cv3", "one2one_cv3") if hasattr(head, name)]
    return [scale[-1].bias for branch in branches for scale in branch]


def calibrate(weights: Path, calibration: Calibration, *, trust_weights: bool = False) -> Path:
    """As the trainer of a retraining does."""
    target = weights.with_name("calibrated.pt")
    open_trainer(TrainConfig(device="cpu", soup=2, trust_weights=trust_weights)).calibrate(
        weights, calibration, target
    )  # through the soup
    return target


def raw(weights: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Boxes [4, A] and class scores [3, A] of plain Ultralytics, before any choice; of an end-to-end model its best."""
    with quiet_ultralytics(), torch.inference_mode():
        from ultralytics import YOLO

        module = YOLO(weights).model.eval()
        module.model[-1].end2end = False
        torch.manual_seed(1)
        y = module(torch.rand(1, 3, 64, 64))[0][0]
        return y[:4], y[4:]


@pytest.mark.slow_after(1)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_logit_moves_by_exactly_the_shift_of_its_class_at_half_precision(family: str, tmp_path: Path) -> None:
    weights = write_half(tmp_path / "w.pt", family)
    shifts = {0: 300 * STEP, 2: 7 * STEP}
    calibrated = calibrate(weights, Calibration(0.25, shifts))
    (boxes, before), (same, after) = raw(weights), raw(calibrated)
    assert torch.equal(boxes, same)
    moved = torch.logit(after.double()) - torch.logit(before.double())
    for number in range(3):
        assert moved[number].numpy() == pytest.approx(shifts.get(number, 0.0), abs=1e-3)  # of single precision
        assert torch.equal(after[number].argsort(stable=True)[-20:], before[number].argsort(stable=True)[-20:])
    changed = [
        (old, new)
        for old, new in zip(*(class_biases(load(each)["model"]) for each in (weights, calibrated)), strict=True)
    ]
    assert len(changed) == (6 if family in ("yolo26n", "yolov10n") else 3)
    for old, new in changed:  # both heads of an end-to-end model; no bit is lost
        assert new.dtype == torch.float16
        assert (new.double() - old.double()).tolist() == [300 * STEP, 0.0, 7 * STEP]


@pytest.mark.slow
def test_nothing_but_the_biases_changes_and_the_same_shifts_give_the_same_bytes(tmp_path: Path) -> None:
    weights = write_half(tmp_path / "w.pt", "yolo11n")
    original = weights.read_bytes()
    first = calibrate(weights, Calibration(0.25, {0: 1.0})).read_bytes()
    assert calibrate(weights, Calibration(0.25, {0: 1.0})).read_bytes() == first != original
    assert weights.read_bytes() == original
    before, after = (load(path)["model"].state_dict() for path in (weights, tmp_path / "calibrated.pt"))
    changed = [name for name in before if not torch.equal(before[name], after[name])]
    assert [name.split(".")[2:] for name in changed] == [["cv3", str(scale), "2", "bias"] for scale in range(3)]
    assert raw(calibrate(weights, Calibration(0.25, {})))[1].equal(raw(weights)[1])


def test_shifts_downwards_are_within_rounding(tmp_path: Path) -> None:
    weights = write_half(tmp_path / "w.pt", "yolo11n", bias=-7.3)
    before, after = raw(weights)[1][0], raw(calibrate(weights, Calibration(0.25, {0: -3.5})))[1][0]
    moved = logits(after.double().numpy()) - logits(before.double().numpy())
    clear = after.numpy() > 1e-5
    assert clear.sum() > 5 and moved[clear] == pytest.approx(np.full(clear.sum(), -3.5), abs=0.005)


def test_a_head_without_class_biases_is_refused_in_one_line(tmp_path: Path) -> None:
    weights = write_half(tmp_path / "w.pt", "yolo11n")
    document = load(weights)
    document["model"].model[-1].cv3[1][-1] = torch.nn.Identity()
    torch.save(document, weights)
    with pytest.raises(WeightsError, match=r"expected its head to end in a convolution .* found Identity"):
        calibrate(weights, Calibration(0.25, {0: 1.0}), trust_weights=True)
