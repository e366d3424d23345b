"""What is not added to a data set, and said: what looks like an image to measure on, and classes of nobody."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
from data_sets import PLAIN, files, write_coco, write_voc, write_yolo

from negmine.bank.bank import Bank
from negmine.datasets.config import LabelConfig
from negmine.errors import TruthError
from negmine.exporting.config import ExportConfig
from negmine.exporting.in_place.add import add_to

HELD_OUT = "they are, or were cut from, or look like, images of a split that is not trained on"


@pytest.mark.parametrize("is_source", [True, False])
def test_what_looks_like_a_validation_image_is_not_added(small_bank: Path, tmp_path: Path, is_source: bool) -> None:
    data = write_yolo(tmp_path / "data", {**PLAIN, "val": {**PLAIN["val"], "near.jpg": []}})
    near = tmp_path / "data" / "images" / "val" / "near.jpg"
    bare = near.read_bytes()
    assert add_to(small_bank, data).negatives == 2
    with Bank(small_bank) as opened:
        first = next(opened.negatives())
        image = cv2.imread(str(opened.cuts()[first.id][0].path if is_source else first.path))
    near.write_bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes())
    result = add_to(small_bank, data)  # and what was added before is taken out
    assert result.withheld == {HELD_OUT: 2 - result.negatives} and result.removed == 2 * result.withheld[HELD_OUT] > 0
    near.write_bytes(bare)
    assert add_to(small_bank, data).withheld == {}


@pytest.mark.parametrize("write", [write_yolo, write_voc, write_coco])
def test_a_class_map_with_an_old_name_of_nobody_is_refused(
    small_bank: Path, tmp_path: Path, write: Callable[[Path], Path]
) -> None:
    data = write(tmp_path / "data")
    before = files(tmp_path / "data")
    config = ExportConfig(labels=LabelConfig(class_map={"itm": "car"}))
    with pytest.raises(TruthError, match="neither the data nor a detector has a class 'itm'"):
        add_to(small_bank, data, config=config)
    assert files(tmp_path / "data") == before
