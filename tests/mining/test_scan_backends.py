"""Scans on OpenVINO: the same negatives as on torch, and a model that finds other things is not used."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import pytest
from firing import break_model, pictures

from negmine.bank.bank import Bank
from negmine.detectors.config import DetectorConfig
from negmine.evaluating.evaluate import evaluate
from negmine.mining.config import ScanConfig
from negmine.mining.result import ScanProgress
from negmine.mining.scan import scan

pytest.importorskip("openvino")
IMAGE = ScanConfig(max_per_image=1)


@pytest.fixture
def backgrounds(tmp_path: Path) -> Path:
    folder = tmp_path / "backgrounds"
    folder.mkdir()
    for number, picture in enumerate(pictures(7)):
        cv2.imwrite(str(folder / f"{number}.png"), picture)
    return folder


def config(weights: Path, **settings: object) -> DetectorConfig:
    return DetectorConfig(str(weights), **{"device": "cpu", "conf": 0.4} | settings)  # type: ignore[arg-type]


def sources_and_scores(bank: Path) -> list[tuple[str, float]]:
    with Bank(bank) as opened:
        return sorted((n.source.name, round(n.score, 2)) for n in opened.negatives())


@pytest.mark.slow
def test_a_scan_takes_openvino_and_what_it_resolves_to_is_the_run(
    backgrounds: Path, converted: Path, firing_weights: Path, tmp_path: Path
) -> None:
    said: list[ScanProgress] = []
    bank = tmp_path / "bank"
    first = scan(backgrounds, config(firing_weights), bank=bank, config=IMAGE, on_progress=said.append)
    assert (first.scanned, first.added > 3) == (7, True)
    assert not any("torch" in note for note in said[0].notes)
    assert scan(backgrounds, config(firing_weights), bank=bank, config=IMAGE).unchanged == 7
    assert scan(backgrounds, config(firing_weights, backend="openvino"), bank=bank, config=IMAGE).unchanged == 7
    torch = scan(backgrounds, config(firing_weights, backend="torch"), bank=tmp_path / "torch", config=IMAGE)
    assert (torch.scanned, torch.added) == (first.scanned, first.added)
    assert [(each.device.name, each.device.backend) for each in (first, torch)] == [
        ("cpu", "openvino"),
        ("cpu", "torch"),
    ]
    assert 0 < first.device.busy <= 1
    assert sources_and_scores(bank) == sources_and_scores(tmp_path / "torch")
    assert scan(backgrounds, config(firing_weights, backend="torch"), bank=bank, config=IMAGE).scanned == 7


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 4])
def test_a_broken_model_is_refused_before_the_first_image_and_torch_used(
    backgrounds: Path, converted: Path, firing_weights: Path, tmp_path: Path, workers: int
) -> None:
    break_model(converted)
    said: list[ScanProgress] = []
    settings = ScanConfig(max_per_image=1, workers=workers)
    refused = scan(backgrounds, config(firing_weights), bank=tmp_path / "b", config=settings, on_progress=said.append)
    assert said[0].notes[0].startswith("warning: firing.pt does not find the same on openvino as on torch")
    torch = scan(backgrounds, config(firing_weights, backend="torch"), bank=tmp_path / "b", config=settings)
    assert (refused.scanned, torch.unchanged) == (7, 7), "the run is that of torch"


@pytest.mark.slow
def test_an_evaluation_runs_the_weights_themselves_unless_asked(
    backgrounds: Path, converted: Path, firing_weights: Path, tmp_path: Path
) -> None:
    shutil.copytree(backgrounds, tmp_path / "data" / "images")
    (tmp_path / "data" / "labels").mkdir()
    for number in range(7):
        (tmp_path / "data" / "labels" / f"{number}.txt").write_text("0 0.5 0.5 0.5 0.5\n" if number else "")
    data = tmp_path / "data" / "data.yaml"
    data.write_text("train: images\nval: images\nnames: ['5']\n")
    break_model(converted)

    def findings(**settings: object) -> list[str]:
        detector = DetectorConfig(str(firing_weights), device="cpu", **settings)  # type: ignore[arg-type]
        result = evaluate(detector, data)
        return [finding.message for finding in result.findings if finding.kind == "backend"]

    assert findings() == []
    (refused,) = findings(backend="openvino")
    assert refused.startswith("warning: firing.pt does not find the same on openvino")
