"""`negmine verifier train`, and the two commands that take what it writes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from commands import one_line
from firing import pictures, write_firing_checkpoint

from negmine.bank.bank import Bank
from negmine.detectors.config import DetectorConfig
from negmine.detectors.open import open_detector
from negmine.detectors.verifier_files import read_verifier

pytestmark = pytest.mark.slow

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A detector, images whose objects are what it is surest of, and backgrounds."""
    folder = tmp_path_factory.mktemp("cli-verifier")
    write_firing_checkpoint(folder / "best.pt", names=["sign"], bias=-1.5, spread=0.1)
    detector = open_detector(DetectorConfig(str(folder / "best.pt"), device="cpu", backend="torch"))
    for split, count, seed in (("train", 14, 1), ("val", 3, 2), ("backgrounds", 8, 3)):
        for index, picture in enumerate(pictures(count, seed=seed)):
            image = cv2.resize(picture, (128, 96))
            path = folder / split / "images" / f"{split}{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), image)
            if split != "backgrounds":
                found = detector.predict([image])[0]
                x1, y1, x2, y2 = found.boxes_xyxy[np.argmax(found.scores)].tolist()
                label = folder / split / "labels" / f"{split}{index}.txt"
                label.parent.mkdir(exist_ok=True)
                label.write_text(f"0 {(x1 + x2) / 256} {(y1 + y2) / 192} {(x2 - x1) / 128} {(y2 - y1) / 96}\n")
    (folder / "data.yaml").write_text("train: train/images\nval: val/images\nnames: [sign]\n")
    return folder


def test_train_scan_and_eval_work_together(run: Run, world: Path, tmp_path: Path) -> None:
    weights = ("--weights", str(world / "best.pt"), "--device", "cpu")
    backgrounds, out = str(world / "backgrounds"), tmp_path / "v.safetensors"
    assert run("scan", backgrounds, *weights, "--crop", "image", "--bank", str(tmp_path / "bank")).returncode == 0
    given = ("--data", str(world / "data.yaml"), "--bank", str(tmp_path / "bank"), "--out", str(out), "--folds", "3")
    done = run("verifier", "train", *weights, *given, "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["validation"]["folds"] == 3 and "looking at 14 labelled images and 8 backgrounds" in done.stderr
    assert read_verifier(out).report["validation"] == document["validation"]
    text = run("verifier", "train", *weights, *given).stdout
    assert "cross-validated in 3 parts of 22 images, at conf 0.25: false positives" in text
    both = (*weights, "--verifier", str(out))
    data = ("--data", str(world / "data.yaml"), "--backgrounds", backgrounds)
    measured = run("eval", *both, *data, "--json")
    models = json.loads(measured.stdout)["models"]
    assert [each["name"] for each in models] == ["best.pt", "best.pt + v.safetensors"]
    assert models[0]["curve"] != models[1]["curve"] and models[0]["sha256"] == models[1]["sha256"]
    onnx = tmp_path / "verified.onnx"
    exported = run("verifier", "export", *both[:2], *both[4:], "--out", str(onnx), "--json")
    assert json.loads(exported.stdout)["bytes"] == onnx.stat().st_size, exported.stderr
    words = run("verifier", "export", *both[:2], *both[4:], "--out", str(onnx), "--conf", "0.3").stdout
    assert "output0 [N, 300, 6]" in words and f"negmine scan SOURCE --weights {onnx} --conf 0.3" in words
    assert run("scan", backgrounds, "--weights", str(onnx), "--bank", str(tmp_path / "onnx-bank")).returncode == 0
    scanned = run("scan", backgrounds, *both, "--bank", str(tmp_path / "left"), "--json")
    assert scanned.returncode == 0, scanned.stderr
    with Bank(tmp_path / "left") as bank:
        assert "verifier" in json.loads(str(bank.scalar("SELECT detector_settings FROM runs")))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["scan", "x", "--weights", "best.pt", "--verifier", "none.safetensors"], "expected a verifier at none"),
        (["scan", "x", "--predictions", "p.json", "--verifier", "v"], "--verifier needs a model"),
        (["verifier", "train", "--weights", "best.pt", "--data", "data.yaml", "--out", "v.pt"], "ends in .safetensors"),
        (["verifier", "train", "--weights", "b.pt", "--data", "d.yaml", "--conf", "1"], "expected conf over 0"),
        (["verifier", "train", "--weights", "b.pt", "--data", "d.yaml", "tests/"], "expected --held-out before"),
        (["verifier", "export", "--weights", "best.pt", "--verifier", "v", "--out", "o.pt"], "ends in .onnx"),
        (
            ["verifier", "export", "--weights", "best.pt", "--verifier", "none", "--out", "o.onnx"],
            "expected a verifier",
        ),
    ],
)
def test_bad_input_is_one_line(run: Run, world: Path, arguments: list[str], message: str) -> None:
    given = [str(world / each) if (world / each).is_file() else each for each in arguments]
    given = [str(world / "backgrounds") if each == "x" else each for each in given]
    done = run(*given)
    assert done.returncode == 2
    assert message in done.stderr
    if "Usage" not in done.stderr:
        one_line(done)
