"""The rounds with a detector of torchvision: random weights, and objects so large that it finds them all the same."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from blobs import draw
from torchvision.models import get_model

import negmine
from negmine.detectors.torchvision.builders import checkpoint_of
from negmine.detectors.torchvision.checkpoints import read_checkpoint, write_checkpoint

BUILDER = "fasterrcnn_mobilenet_v3_large_320_fpn"
SMALL = {"min_size": 64, "max_size": 96}


@pytest.fixture
def data_yaml(tmp_path: Path) -> Path:
    for split, numbers in (("train", range(4)), ("val", range(4, 6))):
        for number in numbers:
            draw(tmp_path / "data" / "images" / split / f"{number}.png", [], size_wh=(96, 64), seed=number)
            label = tmp_path / "data" / "labels" / split / f"{number}.txt"
            label.parent.mkdir(parents=True, exist_ok=True)
            label.write_text("0 0.5 0.5 1 1\n")
    path = tmp_path / "data" / "data.yaml"
    path.write_text("train: images/train\nval: images/val\nnames: [lamp]\n")
    return path


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_round_with_faster_rcnn(data_yaml: Path, suffix: str, tmp_path: Path) -> None:
    for number in range(6):
        draw(tmp_path / "backgrounds" / f"{number}.png", [], size_wh=(80, 64), seed=100 + number)
    torch.manual_seed(0)
    model = get_model(BUILDER, weights=None, weights_backbone=None, num_classes=2, **SMALL)
    start = tmp_path / f"start{suffix}"
    if suffix == ".pth":
        document = {"builder": BUILDER, "class_names": ["lamp"], "arguments": SMALL}
        torch.save({**document, "state_dict": model.state_dict()}, start)
    else:
        write_checkpoint(checkpoint_of(model, BUILDER, ["lamp"], SMALL), start)
    train = negmine.TrainConfig(epochs=1, device="cpu", soup=1)
    config = negmine.RetrainConfig(rounds=1, conf=0.2, holdout=0.5, max_recall_loss=0.5, train=train)

    def retrain(*, resume: bool = False) -> Path:
        result = negmine.retrain(
            start, data_yaml, backgrounds=tmp_path / "backgrounds", out=tmp_path / "out", config=config, resume=resume
        )
        assert [each.title for each in result.rounds][:2] == ["the start", "round 1"] and len(result.rounds) == 4
        return result.weights

    weights = retrain()
    assert weights == tmp_path / "out" / "best.safetensors"
    assert read_checkpoint(weights).class_names == ("lamp",)
    first = (tmp_path / "out" / "round-1" / "weights.safetensors").read_bytes()
    (tmp_path / "out" / "round-1" / "metrics.json").unlink()  # killed before it was measured
    assert retrain(resume=True) == weights
    assert (tmp_path / "out" / "round-1" / "weights.safetensors").read_bytes() == first
    log = (tmp_path / "out" / "round-1" / "train" / "log.jsonl").read_text()
    assert log.count("\n") == 1
