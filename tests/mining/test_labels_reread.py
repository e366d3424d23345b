"""A bank reads labels again when what decides their meaning has changed, though no label file has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from blobs import draw, square_detector

from negmine.bank.bank import Bank
from negmine.images import decode_image
from negmine.mining.config import CropConfig, OutputSize, ScanConfig
from negmine.mining.result import ScanResult
from negmine.mining.scan import scan

TARGET, DECOY = (10, 10, 50, 50, 90), (2, 70, 12, 80, 80)
POSE = "0 0.15 0.25 0.2 0.333333 0.2 0.3 1 0.1 0.3 1\n"  # a box and two key points; as a polygon, it misses x < 30
CONFIG = ScanConfig(crop=CropConfig(crop="region", size=OutputSize("none"), min_side_px=8))


def rescan(folder: Path, data_yaml: str) -> ScanResult:
    """Scan the images by the labels as a data.yaml has them understood."""
    (folder / "data.yaml").write_text(f"train: images\n{data_yaml}")
    return scan(folder / "images", square_detector(), bank=folder / "bank", truth=folder / "data.yaml", config=CONFIG)


def shows_target(bank: Path) -> bool:
    """Whether a negative has pixels as bright as the target's, whose blue is its own."""
    with Bank(bank) as opened:
        images = [decode_image(negative.path.read_bytes()) for negative in opened.negatives()]
    return any(bool(((image[..., 2] > 200) & (np.abs(image[..., 0].astype(int) - 225) < 12)).any()) for image in images)


@pytest.fixture
def pose(tmp_path: Path) -> Path:
    """A data set of one image with one target, labelled by a box and key points."""
    draw(tmp_path / "images" / "a.png", [TARGET, DECOY])
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text(POSE)
    return tmp_path


def test_a_negative_with_pixels_of_a_target_goes_once_the_key_points_are_declared(pose: Path) -> None:
    wrong = rescan(pose, "names: [lamp]\n")
    assert wrong.added == 1 and shows_target(pose / "bank")
    mended = rescan(pose, "names: [lamp]\nkpt_shape: [2, 3]\n")
    assert (mended.unchanged, mended.withdrawn) == (0, 1)
    assert mended.added == 1 and not shows_target(pose / "bank")
    assert rescan(pose, "names: [lamp]\nkpt_shape: [2, 3]\n").unchanged == 1


def test_a_wrong_shape_of_key_points_makes_no_label_of_an_image(pose: Path) -> None:
    wrong = rescan(pose, "names: [lamp]\nkpt_shape: [3, 3]\n")
    assert [each.kind for each in wrong.skipped] == ["label"] and wrong.total == 0
    assert rescan(pose, "names: [lamp]\nkpt_shape: [2, 3]\n").added == 1
    assert not shows_target(pose / "bank")


def test_classes_that_change_their_numbers_are_read_again(pose: Path) -> None:
    rescan(pose, "names: {0: lamp, 1: sign}\nkpt_shape: [2, 3]\n")
    assert rescan(pose, "names: {0: lamp, 2: sign}\nkpt_shape: [2, 3]\n").unchanged == 0  # the same names in order
    assert rescan(pose, "names: {2: sign, 0: lamp}\nkpt_shape: [2, 3]\n").unchanged == 1
