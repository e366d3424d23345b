"""Rows of a YOLO label file: that they are what Ultralytics reads, and that the own reader finds the same boxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from label_files import TruthOf, put

from negmine.errors import LabelError
from negmine.labels.yolo_writer import yolo_lines
from negmine.structures import GroundTruth

SIZE_WH = (640, 480)
IDS = {"cat": 0, "dog": 1}


def shares(line: str) -> list[float]:
    """The four numbers of a row, checked to be shares of the image."""
    values = [float(word) for word in line.split()[1:]]
    assert len(values) == 4 and all(0 <= value <= 1 for value in values)
    return values


def test_no_objects_are_an_empty_file() -> None:
    assert yolo_lines(GroundTruth.empty(), SIZE_WH, IDS) == ""


def test_one_line_an_object_by_the_number_of_its_class() -> None:
    truth = GroundTruth.of([[64, 48, 192, 144], [0, 0, 640, 480]], ["dog", "cat"])
    # Centre (128, 96) of 640 x 480, size 128 x 96; then the whole image.
    assert yolo_lines(truth, SIZE_WH, IDS) == (
        "1 0.200000 0.200000 0.200000 0.200000\n0 0.500000 0.500000 1.000000 1.000000\n"
    )


def test_difficult_objects_are_written_and_crowds_are_not() -> None:
    boxes = [[0, 0, 64, 48]] * 3
    truth = GroundTruth.of(boxes, ["cat", "dog", "cat"], difficult=[True, False, False], crowd=[False, True, False])
    assert [line.split()[0] for line in yolo_lines(truth, SIZE_WH, IDS).splitlines()] == ["0", "0"]


def test_boxes_are_clipped_to_the_image() -> None:
    (line,) = yolo_lines(GroundTruth.of([[-64, -48, 64, 48]], ["cat"]), SIZE_WH, IDS).splitlines()
    assert line == "0 0.050000 0.050000 0.100000 0.100000"


@pytest.mark.parametrize(
    ("box", "expected"),
    [  # pixels of 100 x 100; a box under one is grown about its middle, and moved into the image
        ([10.4, 10.4, 10.6, 10.6], [10.5, 10.5, 1, 1]),
        ([0, 0, 0.1, 0.1], [0.5, 0.5, 1, 1]),
        ([99.9, 50, 100, 60], [99.5, 55, 1, 10]),
    ],
)
def test_a_box_under_a_pixel_is_one(box: list[float], expected: list[float]) -> None:
    (line,) = yolo_lines(GroundTruth.of([box], ["cat"]), (100, 100), IDS).splitlines()
    np.testing.assert_allclose(np.array(shares(line)) * 100, expected, atol=1e-4)


def test_a_class_without_a_number_is_refused_by_name() -> None:
    with pytest.raises(LabelError, match=r"object 1 \(cow\\n\): its class is none of the 2"):
        yolo_lines(GroundTruth.of([[0, 0, 1, 1]] * 2, ["cat", "cow\n"]), SIZE_WH, IDS)


def test_a_box_outside_the_image_is_refused() -> None:
    with pytest.raises(LabelError, match=r"object 0 \(cat\).* no area inside"):
        yolo_lines(GroundTruth.of([[640, 0, 700, 10]], ["cat"]), SIZE_WH, IDS)


_SIDE = st.integers(1, 20_000)


@given(st.data(), _SIDE, _SIDE)
def test_the_own_reader_finds_the_same_box(data: st.DataObject, width: int, height: int) -> None:
    size = (width, height)
    spans = [sorted(data.draw(st.tuples(*[st.floats(0, side)] * 2).filter(lambda s: s[0] != s[1]))) for side in size]
    box = np.array([spans[0][0], spans[1][0], spans[0][1], spans[1][1]])
    (line,) = yolo_lines(GroundTruth.of([box], ["dog"]), size, IDS).splitlines()
    x, y, w, h = np.array(shares(line)) * (*size, *size)
    found = np.array([x - w / 2, y - h / 2, x + w / 2, y + h / 2])
    assert min(w, h) > 0.99 - 1e-6 * max(size)
    # Six digits are a hundred-thousandth of the side at most; a box under a pixel has grown by less than one.
    grown = 1.0 if (box[2:] - box[:2]).min() < 1 else 0.0
    assert np.abs(found - box).max() <= 2e-6 * max(size) + grown


def test_what_is_written_is_read(tmp_path: Path) -> None:
    truth = GroundTruth.of([[1.5, 2.5, 100.25, 200.75]], ["dog"])
    put(tmp_path / "labels" / "a.txt", yolo_lines(truth, SIZE_WH, IDS))
    put(tmp_path / "data.yaml", "names: [cat, dog]\ntrain: images\n")
    found = TruthOf(tmp_path / "data.yaml").read(put(tmp_path / "images" / "a.jpg"), SIZE_WH)
    assert found is not None and found.class_names == ("dog",)
    np.testing.assert_allclose(found.boxes_xyxy, truth.boxes_xyxy, atol=1e-3)
