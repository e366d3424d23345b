"""What YOLO label files say of an image: boxes, polygons, key points, or why they cannot be believed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from label_files import TruthOf, put

from negmine.errors import LabelError
from negmine.labels.yolo import label_path
from negmine.structures import GroundTruth

WH = (200, 100)
NAMES = "names: [cat, dog]\n"


def read_one(folder: Path, rows: str | bytes, yaml: str = NAMES) -> GroundTruth:
    """Write one label file and read it for an image of 200 x 100 pixels."""
    put(folder / "labels" / "a.txt", rows)
    truth = TruthOf(put(folder / "data.yaml", yaml)).read(put(folder / "images" / "a.jpg"), WH)
    assert truth is not None
    return truth


@pytest.mark.parametrize("rows", ["", "\n", "  \r\n\n"])
def test_an_empty_file_says_that_the_image_is_empty(tmp_path: Path, rows: str) -> None:
    assert len(read_one(tmp_path, rows)) == 0


def test_an_image_without_file_is_unlabelled_not_empty(tmp_path: Path) -> None:
    truth = TruthOf(put(tmp_path / "data.yaml", NAMES))
    image = put(tmp_path / "images" / "a.jpg")
    assert truth.read(image, WH) is None
    assert truth.label_hash(image) is None
    assert truth.labels == 0


@pytest.mark.parametrize(
    ("row", "box"),
    [
        ("0 0.5 0.5 1 1", (0, 0, 200, 100)),  # the whole image
        ("0 0.5 0.5 0.25 0.5", (75, 25, 125, 75)),  # 50 x 50 pixels about the centre (100, 50)
        ("0\t0.25 0.5   0.5 0.5 ", (0, 25, 100, 75)),
        ("0 1.0 0.5 0.5 0.5", (150, 25, 200, 75)),  # half of it is right of the image: clipped
        ("0 -0.005 0.5 0.5 0.5", (0, 25, 49, 75)),  # within the tolerance: -1 + 50 = 49
        ("0 0.1 0.2 0.5 0.2 0.5 0.8", (20, 20, 100, 80)),  # triangle
        ("0 0.5 0.1 0.9 0.5 0.5 0.9 0.1 0.5", (20, 10, 180, 90)),  # oriented box: a diamond's extent
    ],
)
def test_rows_become_boxes_in_pixels(tmp_path: Path, row: str, box: tuple[float, ...]) -> None:
    truth = read_one(tmp_path, row)
    assert truth.boxes_xyxy.tolist() == [pytest.approx(box)]
    assert truth.class_names == ("cat",)
    assert not truth.difficult.any()
    assert not truth.crowd.any()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 199), st.integers(0, 99), st.integers(1, 200), st.integers(1, 100))
def test_any_box_inside_the_image_comes_back(tmp_path: Path, x1: int, y1: int, width: int, height: int) -> None:
    x2, y2 = min(x1 + width, 200), min(y1 + height, 100)
    row = f"1 {(x1 + x2) / 400!r} {(y1 + y2) / 200!r} {(x2 - x1) / 200!r} {(y2 - y1) / 100!r}"
    assert read_one(tmp_path, row).boxes_xyxy.tolist() == [pytest.approx((x1, y1, x2, y2), abs=1e-9)]


def test_class_ids_may_have_gaps(tmp_path: Path) -> None:
    yaml = "names:\n  7: dog\n  2: cat\n  '11': fox\n"
    truth = read_one(tmp_path, "7 0.5 0.5 1 1\n2 0.5 0.5 1 1\n11.0 0.5 0.5 1 1", yaml)
    assert truth.class_names == ("dog", "cat", "fox")
    assert TruthOf(tmp_path / "data.yaml").class_names == ("cat", "dog", "fox")  # by number


def test_key_points_are_passed_over(tmp_path: Path) -> None:
    points = " 0.9 0.9 2 0.1 0.1 0 0 0 0"
    truth = read_one(tmp_path, f"0 0.5 0.5 0.25 0.5{points}\n0 0.5 0.5 1 1\n", f"{NAMES}kpt_shape: [3, 3]\n")
    assert truth.boxes_xyxy.tolist() == [[75, 25, 125, 75], [0, 0, 200, 100]]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("0 0.5 0.5 1", "expected 4 or 3 or more pairs values after the class, found 3"),
        ("0", "found 0"),
        ("0 0.5 0.5 1 1 0.9", "found 5"),  # a prediction with its score is no label
        ("0 0.1 0.1 0.2 0.2 0.3 0.3 0.4", "found 7"),
        ("2 0.5 0.5 1 1", "class 2 is not among the 2"),
        ("-1 0.5 0.5 1 1", "class -1 is not"),
        ("0.5 0.5 0.5 1 1", "class 0.5 is not"),
        ("nan 0.5 0.5 1 1", "class nan is not"),
        ("cat 0.5 0.5 1 1", "expected numbers"),
        ("0 nan 0.5 1 1", "expected shares"),
        ("0 0.5 inf 1 1", "expected shares"),
        ("0 100 50 20 20", "expected shares"),  # pixels
        ("0 0.5 0.5 1.02 1", "expected shares"),
        ("0 0.5 -0.02 0.1 0.1", "expected shares"),
        ("0 0.5 0.5 -0.005 0.1", "not finite or inverted"),  # within the tolerance, and negative all the same
        ("0 0.5 0.5 0 0.1", "no area inside"),
        ("0 1.005 0.5 0.005 0.1", "no area inside"),  # 200.5 to 201.5 of 200
        ("0 0.1 0.1 0.2 0.1 0.3 0.1", "no area inside"),  # a polygon that is a line
    ],
)
def test_a_wrong_row_is_refused_by_file_and_line(tmp_path: Path, row: str, reason: str) -> None:
    with pytest.raises(LabelError, match=r"a\.txt, line 3: .*" + reason):
        read_one(tmp_path, f"0 0.5 0.5 1 1\n\n{row}\n")


@pytest.mark.parametrize("row", ["0 0.1 0.1 0.2 0.2 0.3 0.3", "0 0.5 0.5 1 1 0.1 0.1"])
def test_rows_of_a_key_point_set_have_its_columns(tmp_path: Path, row: str) -> None:
    with pytest.raises(LabelError, match=r"line 1: expected 4 or 4 \+ 6 values after the class, found 6"):
        read_one(tmp_path, row, f"{NAMES}kpt_shape: [2, 3]\n")


def test_bytes_that_are_no_text_are_refused_by_file(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"a\.txt: expected rows"):
        read_one(tmp_path, b"\xff\xfe0 0.5")


def test_a_folder_in_the_place_of_a_label_is_refused(tmp_path: Path) -> None:
    (tmp_path / "labels" / "a.txt").mkdir(parents=True)
    truth = TruthOf(put(tmp_path / "data.yaml", NAMES))
    with pytest.raises(LabelError, match=r"a\.txt: expected a label file"):
        truth.read(put(tmp_path / "images" / "a.jpg"), WH)


def test_the_hash_changes_with_the_labels_and_needs_no_image(tmp_path: Path) -> None:
    truth = TruthOf(put(tmp_path / "data.yaml", NAMES))
    image = put(tmp_path / "images" / "a.jpg", b"no image at all")
    put(tmp_path / "labels" / "a.txt")
    empty = truth.label_hash(image)
    put(tmp_path / "labels" / "a.txt", "0 0.5 0.5 1 1")
    assert empty is not None
    assert truth.label_hash(image) not in (None, empty)


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("/d/images/train/a.jpg", "/d/labels/train/a.txt"),
        ("/images/d/images/a.b.png", "/images/d/labels/a.b.txt"),  # the last one only
        ("/d/train/images/a", "/d/train/labels/a.txt"),
        ("/d/pictures/a.jpg", "/d/pictures/a.txt"),  # beside
    ],
)
def test_labels_are_where_ultralytics_has_them(image: str, label: str) -> None:
    assert label_path(Path(image)) == Path(label)


@pytest.mark.parametrize("stem", ["with space", "new\nline", "größe 猫", os.fsdecode(b"not-utf8-\xff\xfe")])
def test_odd_file_names_are_found(tmp_path: Path, stem: str) -> None:
    put(tmp_path / "labels" / f"{stem}.txt", "0 2 2 2 2")
    truth = TruthOf(put(tmp_path / "data.yaml", NAMES))
    image = put(tmp_path / "images" / f"{stem}.jpg")
    assert truth.label_hash(image) is not None
    with pytest.raises(LabelError, match="line 1: expected shares") as caught:
        truth.read(image, WH)
    assert str(caught.value).isprintable()
