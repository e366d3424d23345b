"""Comparing banks by what a real detector's neck sees, in drawn images."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import cv2
import numpy as np
import pytest
from banks import contents
from firing import pictures, write_firing_checkpoint

import negmine
from negmine.bank.bank import Bank
from negmine.comparing.result import CompareResult
from negmine.detectors.config import DetectorConfig
from negmine.detectors.open import open_detector

pytestmark = pytest.mark.slow

CONF = 0.1
TARGETS = 33  # labelled boxes that differ


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights, 12 labelled images with red objects, and a bank of those and of 24 backgrounds, six of them red too."""
    folder = tmp_path_factory.mktemp("compare-world")
    write_firing_checkpoint(folder / "best.pt", names=["sign"], bias=-1.5, spread=0.1)
    detector = open_detector(DetectorConfig(str(folder / "best.pt"), conf=CONF, device="cpu", backend="torch"))
    for kind, count, seed in (("labelled", 12, 1), ("backgrounds", 24, 3)):
        for index, picture in enumerate(pictures(count, seed=seed)):
            image = cv2.resize(picture, (128, 96))
            if kind == "backgrounds" and index % 4:
                image = image * np.array([1, 1, 0], dtype=np.uint8)
            path = folder / kind / "images" / f"{kind}{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), image)
            if kind == "labelled":
                (found,) = detector.predict([image])
                boxes = found.boxes_xyxy[np.argsort(-found.scores)[:3]]
                rows = np.column_stack([boxes[:, :2] + boxes[:, 2:], 2 * (boxes[:, 2:] - boxes[:, :2])])
                rows /= 2 * np.array([128, 96, 128, 96])
                label = folder / kind / "labels" / f"{kind}{index}.txt"
                label.parent.mkdir(exist_ok=True)
                label.write_text("".join("0 " + " ".join(map(str, row)) + "\n" for row in rows.tolist()))
    (folder / "data.yaml").write_text("train: labelled/images\nval: labelled/images\nnames: [sign]\n")
    config = negmine.ScanConfig(crop=negmine.CropConfig(crop="image"))
    negmine.scan(folder / "backgrounds", detector, bank=folder / "bank", config=config)
    return folder


@pytest.fixture
def bank(world: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(world / "bank", tmp_path / "bank"))


def run(world: Path, bank: Path, **settings: object) -> CompareResult:
    given = {"data": world / "data.yaml", "config": negmine.CompareConfig(device="cpu"), **settings}
    return negmine.compare(bank, world / "best.pt", **given)  # type: ignore[arg-type]


def told(bank: Path) -> list[tuple[str, float | None, int, int]]:
    question = "SELECT sha256, unlabelled, cluster, place FROM likenesses l JOIN negatives n ON n.id = l.negative_id"
    with Bank(bank) as opened:
        return sorted(opened.query(question))


def test_only_what_is_missing_is_computed_and_the_answer_is_the_same(world: Path, bank: Path) -> None:
    first = run(world, bank)
    assert (first.by, first.negatives, first.targets, first.from_crops) == ("neck", 24, TARGETS, 0)
    assert first.computed == 24 + TARGETS and not first.skipped
    assert first.likely is not None and len(first.likely) == 10
    assert [each.unlabelled for each in first.likely] == sorted(
        (each.unlabelled for each in first.likely), reverse=True
    )
    before = contents(bank)
    assert run(world, bank, config=negmine.CompareConfig(device="cpu", workers=1)).computed == 0
    assert contents(bank) == before


def test_what_looks_like_the_labelled_objects_comes_first(world: Path, bank: Path) -> None:
    run(world, bank)
    with Bank(bank) as opened:
        every = opened.query(
            "SELECT s.path, l.unlabelled FROM likenesses l JOIN crops c ON c.negative_id = l.negative_id"
            " JOIN sources s ON s.id = c.source_id"
        )
        found = {int(Path(path).stem.removeprefix("backgrounds")): unlabelled for path, unlabelled in every}
    red, others = ([each for number, each in found.items() if (number % 4 == 0) is is_red] for is_red in (True, False))
    assert np.mean(red) > np.mean(others) + 0.1


def test_a_comparison_that_is_stopped_goes_on_where_it_was(
    world: Path, bank: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("negmine.comparing.embedding._KEEP_EVERY", 5)
    whole = Path(shutil.copytree(bank, tmp_path / "whole"))
    run(world, whole)

    def stop(what: str, done: int, total: int) -> None:
        if what == "images" and done == 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(world, bank, on_progress=stop)
    assert told(bank) == []
    rest = run(world, bank)
    assert 0 < rest.computed < 24 + TARGETS
    assert told(bank) == told(whole)


def test_labels_that_a_scan_knows_are_targets_too(world: Path, bank: Path) -> None:
    alone = run(world, bank, data=None)
    assert alone.likely is None and "cannot be told without labelled ones" in alone.notes[0]
    detector = DetectorConfig(str(world / "best.pt"), conf=0.9, device="cpu", backend="torch")
    negmine.scan(world / "labelled", detector, bank=bank, truth=world / "data.yaml")
    known = run(world, bank, data=None)
    assert known.targets == known.computed == TARGETS and known.likely is not None
    assert run(world, bank).targets == TARGETS  # each once


def test_an_image_that_is_gone_is_replaced_by_what_was_cut_from_it(world: Path, tmp_path: Path) -> None:
    """The crop is the whole image here, so all that differs is its compression."""
    images = Path(shutil.copytree(world / "backgrounds", tmp_path / "in"))
    config = negmine.ScanConfig(crop=negmine.CropConfig(crop="image"))
    detector = DetectorConfig(str(world / "best.pt"), conf=CONF, device="cpu", backend="torch")
    negmine.scan(images, detector, bank=tmp_path / "bank", config=config)
    there = Path(shutil.copytree(tmp_path / "bank", tmp_path / "there"))
    run(world, there)
    for path in sorted(images.rglob("*.png"))[:20]:
        path.unlink()
    with Bank(tmp_path / "bank") as opened:
        lost = next(each for each in opened.negatives() if not each.source.exists())
    lost.path.write_bytes(b"another")
    result = run(world, tmp_path / "bank")
    assert (result.from_crops, list(result.skipped)) == (20, [lost.path])
    before, after = ({row[0]: row[1] for row in told(each)} for each in (there, tmp_path / "bank"))
    assert after[lost.sha256] is None
    pairs = np.array([(before[sha], found) for sha, found in after.items() if found is not None], dtype=np.float64)
    odds = np.log(pairs / (1 - pairs))  # shifted by the share of targets that each run estimates
    assert len(pairs) == 23 and np.corrcoef(odds.T)[0, 1] > 0.8


def test_damaged_vectors_are_computed_again(world: Path, bank: Path) -> None:
    run(world, bank)
    before = told(bank)
    with sqlite3.connect(bank / "bank.db") as connection:
        connection.execute("UPDATE negative_features SET vector = x'007e' WHERE negative_id < 4")
    connection.close()
    assert run(world, bank).computed == 3
    assert told(bank) == before


def test_few_labelled_images_are_taken_where_few_are_asked_for(world: Path, bank: Path) -> None:
    result = run(world, bank, config=negmine.CompareConfig(device="cpu", max_labelled=5))
    assert 12 <= result.targets <= 15  # three in each
    assert "5 of 12 labelled images looked at; --max-labelled takes more" in result.notes
