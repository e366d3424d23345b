"""The whole loop with real training: a detector that fires on look-alikes, retrained for some steps."""

from __future__ import annotations

import json
from pathlib import Path

import negmine
from negmine.demo.dataset import DemoDataset


def test_retraining_a_real_detector_leaves_fewer_false_positives_at_equal_recall(
    demo_dataset: DemoDataset, demo_weights: Path, tmp_path: Path
) -> None:
    before = demo_weights.read_bytes()
    train = negmine.TrainConfig(steps=75, imgsz=192, device="cpu")
    config = negmine.RetrainConfig(rounds=1, holdout=0.5, max_recall_loss=0.05, train=train)

    result = negmine.retrain(
        demo_weights, demo_dataset.data_yaml, backgrounds=demo_dataset.backgrounds, out=tmp_path / "out", config=config
    )

    start, _, *blends = result.rounds
    assert [(each.blended, each.start_share) for each in blends] == [(1, 0.25), (1, 0.5)]
    assert demo_weights.read_bytes() == before
    assert start.fppi > 0.5  # there is something to win
    assert result.weights.read_bytes() == (tmp_path / "out" / f"round-{result.best}" / "weights.pt").read_bytes()
    compared = result.comparisons[result.best]
    assert compared is not None and compared.ratio < 0.95  # over all recalls up to the start's
    lines = [json.loads(line) for line in (tmp_path / "out" / "rounds.jsonl").read_text().splitlines()]
    assert [line["number"] for line in lines] == [0, 1, 2, 3]
    held_out = set((tmp_path / "out" / "held-out.txt").read_text().split())
    assert held_out and held_out < {str(path) for path in demo_dataset.backgrounds.rglob("*.*")}
