"""The comparison of the choices of regions, at a size that says nothing but that it runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from blobs import draw

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "ohem.py"


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    """A data.yaml of four pictures with a square to train on and two to measure on, and a folder without any."""
    for split, count in (("train", 4), ("val", 2)):
        for number in range(count):
            draw(tmp_path / "images" / split / f"{number}.png", [(20, 15, 60, 55, 90)], size_wh=(96, 80), seed=number)
            label = tmp_path / "labels" / split / f"{number}.txt"
            label.parent.mkdir(parents=True, exist_ok=True)
            label.write_text("0 0.4167 0.4375 0.4167 0.5\n")
    for number in range(3):
        draw(tmp_path / "backgrounds" / f"{number}.png", [], size_wh=(96, 80), seed=10 + number)
    document = f"path: {tmp_path}\ntrain: images/train\nval: images/val\nnames: [square]\n"
    (tmp_path / "data.yaml").write_text(document)
    return tmp_path


@pytest.mark.slow
def test_every_choice_of_regions_is_trained_and_measured(scenes: Path) -> None:
    if not BENCHMARK.is_file():
        pytest.skip("the benchmarks are not here")
    backgrounds = str(scenes / "backgrounds")
    command = [sys.executable, str(BENCHMARK), "train", "--data", str(scenes / "data.yaml"), "--imgsz", "64"]
    command += ["--backgrounds", backgrounds, "--held-out", backgrounds, "--epochs", "1", "--out", str(scenes / "out")]
    command += ["--start-epochs", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = [line.split(" | ")[0].strip("| ") for line in done.stdout.splitlines() if line.startswith("| ")]
    assert rows == ["arm", "heuristic", "bg-lo-0", "all", "ohem-no-nms", "ohem"]
    for arm in rows[1:]:
        kept = json.loads((scenes / "out" / f"{arm}-0.json").read_text())
        assert 0 <= kept["figures"]["map50"] <= 1
    again = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    assert again.stdout.splitlines()[-6:] == done.stdout.splitlines()[-6:]
    assert "epoch" not in again.stdout  # what is there is kept
