"""Comparing banks by perceptual hashes: no detector is run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from banks import MakeBank, contents
from findings import finding

import negmine
from negmine.bank.writer import BankWriter
from negmine.boxes import Rect
from negmine.comparing.embedding import remains
from negmine.comparing.targets import LabelledBoxes, spread
from negmine.errors import BankError, ConfigError, ImageError, NoNeckError


def test_an_empty_bank_is_compared(tmp_path: Path) -> None:
    with BankWriter(tmp_path / "bank", purpose="a test"):
        pass
    result = negmine.compare(tmp_path / "bank")
    assert (result.negatives, result.clusters, result.places, result.likely) == (0, 0, (), None)
    assert result.to_dict()["by"] == "perceptual hash"


def test_without_weights_look_alikes_are_told_by_their_hashes(make_bank: MakeBank) -> None:
    """Three frames of one scene, and another scene."""
    rng = np.random.default_rng(4)
    one, other = (np.kron(rng.integers(0, 120, (12, 20, 3)), np.ones((10, 10, 1))).astype(np.uint8) for _ in range(2))
    frames = {f"{name}.png": one + 4 * step for step, name in enumerate("abc")}
    for image in (*frames.values(), other):
        image[40:60, 60:80] = 255
    bank = make_bank({**frames, "d.png": other})
    steps: list[str] = []
    result = negmine.compare(bank, on_step=steps.append)
    assert (result.negatives, result.targets, result.computed, result.clusters, result.clustered) == (4, 0, 0, 1, 3)
    (place,) = result.places
    assert (place.images, place.folder, place.class_name) == (3, bank.parent / "bank-in", "sign")
    assert result.likely is None
    assert result.notes == ("without --weights, negatives are compared by their perceptual hashes alone",)
    assert steps == ["comparing 4 negatives with 0 labelled targets"]
    before = contents(bank)
    negmine.compare(bank)
    assert contents(bank) == before


def test_weights_without_a_neck_that_can_be_read_leave_the_hashes(make_bank: MakeBank, tmp_path: Path) -> None:
    bank = make_bank(2)
    (tmp_path / "model.onnx").write_bytes(b"x")
    for weights in (tmp_path / "model.onnx", "hf:somebody/detr"):
        result = negmine.compare(bank, weights)
        assert result.by == "perceptual hash" and result.negatives == 2
        (note,) = result.notes
        assert "expected a .pt of Ultralytics, found" in note and note.endswith("by their perceptual hashes alone")
        with pytest.raises(NoNeckError):
            negmine.compare(bank, weights, data=tmp_path)


def test_what_cannot_be_is_refused(make_bank: MakeBank, tmp_path: Path) -> None:
    with pytest.raises(BankError, match="does not exist"):
        negmine.compare(tmp_path / "none")
    bank = make_bank(1)
    with pytest.raises(ConfigError, match="expected --weights with --data, found none"):
        negmine.compare(bank, data=tmp_path)


@pytest.mark.parametrize(
    "settings", [{"likeness": 0.0}, {"likeness": 1.1}, {"place_iou": 0.4}, {"max_labelled": 0}, {"workers": 0}]
)
def test_settings_are_checked(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=f"expected {next(iter(settings))} "):
        negmine.CompareConfig(**settings)  # type: ignore[arg-type]


def test_what_remains_of_an_image_is_where_it_was(make_bank: MakeBank) -> None:
    negative = replace(finding(size_wh=(40, 30)), rect=Rect(10, 5, 30, 15))
    crop = np.full((40, 40, 3), 114, dtype=np.uint8)  # 20 x 10 enlarged to 40 x 20, letterboxed
    crop[10:30] = 200
    whole = remains(negative, crop)
    assert whole.shape == (30, 40, 3)
    assert (whole[5:15, 10:30] == 200).all()
    assert (whole == 114).sum() == 3 * (40 * 30 - 20 * 10)
    for rect in (Rect(10, 5, 50, 15), Rect(-1, 0, 5, 5)):
        with pytest.raises(ImageError, match="impossible place"):
            remains(replace(negative, rect=rect), crop)
    with pytest.raises(ImageError, match="impossible place"):
        remains(replace(negative, source_wh=(10**6, 10**6)), crop)


def test_objects_that_the_network_hardly_sees_are_no_targets() -> None:
    """640 pixels of the image are 320 of the input, so 16 are 8."""
    boxes = LabelledBoxes(Path("a.jpg"), "ab" * 32, (640, 480), ((0, 0, 16, 16), (0, 0, 15, 40)))
    assert boxes.large_enough(320) == ((0, 0, 16, 16),)
    assert boxes.large_enough(640) == boxes.boxes_xyxy


def test_a_part_is_spread_over_all() -> None:
    assert spread(range(10), 4) == [0, 2, 5, 7]
    assert spread([], 4) == [] and spread([1, 2], 4) == [1, 2]
