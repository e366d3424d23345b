"""Shifted heads of every torchvision family: what their scores become, and what stays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from families import FASTER, FCOS, RETINA, SSD, random_model, write_random

from negmine.detectors.config import DetectorConfig
from negmine.detectors.torchvision.builders import BUILDERS, checkpoint_of
from negmine.detectors.torchvision.detector import TorchvisionDetector
from negmine.structures import Detections, Image
from negmine.training.calibration import Calibration, logits, shifted
from negmine.training.config import TrainConfig
from negmine.training.open import open_trainer
from negmine.training.torchvision.calibrate import calibrate_checkpoint

SHIFT = 1.25


@pytest.fixture(scope="module")
def image() -> Image:
    return np.random.default_rng(0).integers(0, 255, (64, 80, 3), dtype=np.uint8)


def calibrated(weights: Path, calibration: Calibration) -> Path:
    """As the trainer writes it."""
    target = weights.with_name("calibrated.safetensors")
    open_trainer(TrainConfig(device="cpu", soup=1), weights).calibrate(weights, calibration, target)
    return target


def found(weights: Path, image: Image) -> Detections:
    detector = TorchvisionDetector(DetectorConfig(str(weights), conf=1e-6, iou=0.999, device="cpu"))
    return detector.predict([image])[0]


@pytest.mark.slow_after(1)
@pytest.mark.parametrize("builder", [SSD, RETINA, FASTER])
def test_every_score_of_one_class_moves_by_the_shift(builder: str, image: Image, tmp_path: Path) -> None:
    weights = write_random(tmp_path / "w.safetensors", builder, ("lamp",))
    before, after = found(weights, image), found(calibrated(weights, Calibration(0.25, {0: SHIFT})), image)
    best = min(len(before), 50)  # a limit on detections may cut off the others elsewhere
    assert best > 10
    first, second = (np.sort(logits(each.scores))[::-1][:best] for each in (before, after))
    assert second == pytest.approx(first + SHIFT, abs=1e-3)
    (top,), (again,) = (each.boxes_xyxy[[np.argmax(each.scores)]] for each in (before, after))
    assert top == pytest.approx(again, abs=0.01)


@pytest.mark.slow_after(2)
@pytest.mark.parametrize("builder", [SSD, FASTER, RETINA, FCOS])
def test_each_class_has_its_own_shift_and_the_background_none(builder: str) -> None:
    torch.manual_seed(0)
    checkpoint = checkpoint_of(random_model(builder, classes=2), builder, ("lamp", "sign"))
    calibration = Calibration(0.25, {1: SHIFT})
    after = calibrate_checkpoint(checkpoint, calibration)
    changed = [name for name in checkpoint.state if not torch.equal(checkpoint.state[name], after.state[name])]
    assert changed
    shift = (
        SHIFT if builder != FCOS else logits(np.array([0.25**2])) - logits(np.array([calibration.score_before(1) ** 2]))
    )
    for name in changed:
        difference = (after.state[name] - checkpoint.state[name]).view(-1, 3).numpy()  # the background is label 0
        assert difference[:, :2].any() == 0 and difference[:, 2] == pytest.approx(shift, abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("builder", BUILDERS)
def test_every_builder_has_biases_that_are_shifted(builder: str) -> None:
    torch.manual_seed(0)
    checkpoint = checkpoint_of(random_model(builder, classes=1), builder, ("lamp",))
    after = calibrate_checkpoint(checkpoint, Calibration(0.25, {0: SHIFT}))
    changed = [name for name in checkpoint.state if not torch.equal(checkpoint.state[name], after.state[name])]
    assert len(changed) == (6 if "ssd" in builder else 1)


def test_thresholds_of_classes_move_with_the_scores_and_labels_without_a_background_are_met() -> None:
    torch.manual_seed(0)
    checkpoint = checkpoint_of(random_model(RETINA, classes=1), RETINA, ("lamp",))
    bare = replace(  # two labels as two classes
        checkpoint, class_names=("lamp", "sign"), first_label=0, score_thresholds=(0.1, 0.1)
    )
    after = calibrate_checkpoint(bare, Calibration(0.25, {1: SHIFT}))
    assert after.score_thresholds == (0.1, pytest.approx(shifted(np.array([0.1]), SHIFT)[0]))
    name = "head.classification_head.cls_logits.bias"
    difference = (after.state[name] - bare.state[name]).view(-1, 2)
    assert difference[:, 0].abs().max() == 0 and difference[:, 1].numpy() == pytest.approx(SHIFT, abs=1e-6)
