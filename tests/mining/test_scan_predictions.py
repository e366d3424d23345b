"""Scanning with predictions: the same banks as the model that wrote them gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from banks import contents
from blobs import draw, square_detector
from written import predict

from negmine.bank.bank import Bank
from negmine.bank.verify import verify
from negmine.errors import ConfigError, PredictionsError
from negmine.mining.config import CropConfig, OutputSize, ScanConfig
from negmine.mining.result import ScanResult
from negmine.mining.scan import scan


@pytest.fixture
def backgrounds(tmp_path: Path) -> Path:
    """Twelve pictures of which every second has a square, each surer than the last."""
    for i in range(12):
        draw(tmp_path / "backgrounds" / f"{i:02d}.png", [(60, 40, 80, 60, 40 + i)] if i % 2 else [], seed=i)
    return tmp_path / "backgrounds"


def mined(bank: Path) -> Any:
    with Bank(bank) as opened:
        return [(n.sha256, n.size_wh) for n in opened.negatives()]


def scanned(sources: Path, detector: Any, bank: Path, **settings: Any) -> ScanResult:
    return scan(sources, detector, bank=bank, config=ScanConfig(crop=CropConfig(size=OutputSize("none")), **settings))


def test_a_scan_mines_what_the_model_would(backgrounds: Path, tmp_path: Path) -> None:
    model = scanned(backgrounds, square_detector(), tmp_path / "model")
    written = scanned(backgrounds, predict(backgrounds, tmp_path / "out"), tmp_path / "written")
    assert (written.scanned, written.added, written.kinds) == (model.scanned, model.added, model.kinds)
    assert written.added == 6 and mined(tmp_path / "written") == mined(tmp_path / "model")
    assert verify(tmp_path / "written").ok


def test_the_same_predictions_again_change_nothing_and_others_are_another_run(
    backgrounds: Path, tmp_path: Path
) -> None:
    config = predict(backgrounds, tmp_path / "out")
    scanned(backgrounds, config, tmp_path / "bank")
    before = contents(tmp_path / "bank")
    again = scanned(backgrounds, config, tmp_path / "bank")
    assert (again.scanned, again.unchanged, contents(tmp_path / "bank")) == (0, 12, before)
    Path(config.predictions).write_text("[]")
    assert scanned(backgrounds, config, tmp_path / "bank").scanned == 12


def test_a_scan_of_a_part_goes_on_with_the_rest(backgrounds: Path, tmp_path: Path) -> None:
    everything = predict(backgrounds, tmp_path / "out")
    results = json.loads(Path(everything.predictions).read_text())
    Path(everything.predictions).write_text(json.dumps(results[:2]))  # of 01.png and 03.png
    part = scan([backgrounds / f"0{i}.png" for i in range(4)], everything, bank=tmp_path / "bank")
    assert (part.scanned, part.added) == (4, 2)
    rest = scan(backgrounds, everything, bank=tmp_path / "bank")
    assert (rest.scanned, rest.unchanged, rest.added) == (8, 4, 0)


def test_an_image_with_a_box_outside_is_skipped_with_the_reason(backgrounds: Path, tmp_path: Path) -> None:
    config = predict(backgrounds, tmp_path / "out")
    results = json.loads(Path(config.predictions).read_text())
    results[0]["bbox"][0] = 190
    Path(config.predictions).write_text(json.dumps(results))
    result = scanned(backgrounds, config, tmp_path / "bank")
    (skipped,) = result.skipped
    assert (result.scanned, skipped.source.name, skipped.kind) == (11, "01.png", "detector")
    assert "outside the image of 200x120 pixels" in skipped.reason


def test_predictions_of_no_source_and_crops_to_confirm_are_refused(backgrounds: Path, tmp_path: Path) -> None:
    config = predict(backgrounds, tmp_path / "out")
    with pytest.raises(PredictionsError, match=r"for 5 images that are not among the sources: 01.png, 05.png, 07.png,"):
        scanned(backgrounds / "03.png", config, tmp_path / "bank")
    with pytest.raises(ConfigError, match=r"needs a model, found predictions"):
        scanned(backgrounds, config, tmp_path / "bank", confirm=True)
    assert not (tmp_path / "bank").exists()
