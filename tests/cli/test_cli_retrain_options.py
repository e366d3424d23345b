"""Options of `negmine retrain` that a loss or a detector does not know are refused, since they would do nothing."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import one_line
from families import FASTER, write_random

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def faster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "faster.safetensors"
    return write_random(path, FASTER, ("lamp",))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--loss", "stock", "--nms", "0.7"], "--nms is for --loss ohem, found --loss stock; leave it out"),
        (["--loss", "focal", "--min-neg", "8"], "--min-neg is for --loss ohem and hard-negative, found --loss focal"),
        (["--bg-lo", "0"], "--bg-lo is for --loss heuristic, found --loss ohem"),
        (["--ohem-batch", "64"], "--ohem-batch is for Faster R-CNN detectors, found Ultralytics; leave it out"),
        (["--ohem-nms", "1"], "--ohem-nms is for Faster R-CNN detectors, found Ultralytics; leave it out"),
    ],
)
def test_for_a_detector_of_anchors(options: list[str], message: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "best.pt").write_bytes(b"not looked into yet")
    done = run("retrain", "--weights", "best.pt", "--data", "data.yaml", "--backgrounds", "x", *options)
    assert message in one_line(done)


def test_for_a_detector_of_regions(run: Run, faster: Path) -> None:
    done = run("retrain", "--weights", faster, "--data", "none.yaml", "--backgrounds", "x", "--neg-per-pos", "2",
               "--loss", "ohem")  # fmt: skip
    assert "--neg-per-pos is for Ultralytics, RetinaNet, FCOS and SSD detectors, found Faster R-CNN" in one_line(done)
    done = run("retrain", "--weights", faster, "--data", "none.yaml", "--backgrounds", "x", "--ohem-batch", "64",
               "--loss", "ohem")  # fmt: skip
    assert done.returncode == 2  # for the data
    assert "--ohem-batch" not in done.stderr


def test_a_faster_rcnn_is_trained_with_the_loss_of_torchvision_unless_asked(run: Run, faster: Path) -> None:
    done = run("retrain", "--weights", faster, "--data", "none.yaml", "--backgrounds", "x", "--ohem-batch", "64")
    assert "--ohem-batch is for --loss ohem, heuristic and random, found --loss stock" in one_line(done)


def test_a_detector_of_transformers_is_not_trained(run: Run) -> None:
    done = run("retrain", "--weights", "hf:some/detr", "--data", "none.yaml", "--backgrounds", "x")
    assert "expected weights of Ultralytics or torchvision, found hf:some/detr" in one_line(done)
