"""The rows of a YOLO label: what they mean by the data.yaml, and the rows of other formats, which are named."""

from __future__ import annotations

from pathlib import Path

import pytest
from label_files import TruthOf, put

from negmine.errors import LabelError
from negmine.labels.yolo_rows import RowFormat, YoloRow

NAMES = {0: "cat", 1: "dog"}
KITTI = "Car 0.00 0 -1.58 587.01 173.33 614.12 200.12 1.65 1.67 3.64 -0.65 1.71 46.70 -1.59"


def read(folder: Path, rows: str | bytes, row_format: RowFormat | None = None) -> tuple[YoloRow, ...]:
    """Write a label and read it."""
    return (row_format or RowFormat(NAMES)).read(put(folder / "a.txt", rows))


@pytest.mark.parametrize(
    "rows", ["", "0 0 0 0 0\n", "0 0 0 0 0\n1 0 0 0 0", "-1 -1 -1 -1 -1", "7 0 0 0 0", "0 0 0 0 0 0 0 0 0"]
)
def test_a_file_of_no_rows_or_of_placeholders_says_that_the_image_is_empty(tmp_path: Path, rows: str) -> None:
    assert read(tmp_path, rows) == ()


def test_placeholders_of_a_key_point_set_too(tmp_path: Path) -> None:
    assert read(tmp_path, "0 0 0 0 0 0 0 0\n", RowFormat(NAMES, 3)) == ()


@pytest.mark.parametrize("points", ["0.5 0.5 2", "0 0 1", "0.5 0 0"])
def test_a_placeholder_with_key_points_is_an_object_of_unknown_place(tmp_path: Path, points: str) -> None:
    with pytest.raises(LabelError, match=r"line 1: the box \[.*\] has no size, and there are key points"):
        read(tmp_path, f"0 0 0 0 0 {points}\n", RowFormat(NAMES, 3))


def test_placeholders_among_boxes_are_objects_of_unknown_place(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"a\.txt: object 1 has a box without a size"):
        read(tmp_path, "0 0.5 0.5 0.1 0.1\n0 0 0 0 0\n")


def test_a_point_is_an_object_of_unknown_extent(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="has no area inside the image, whose sides are 1"):
        read(tmp_path, "0 0.5 0.5 0 0\n")


def test_boxes_are_shares_inside_the_image(tmp_path: Path) -> None:
    assert read(tmp_path, "1 1 0.5 0.5 0.5\n") == (YoloRow("dog", (0.75, 0.25, 1.0, 0.75)),)


@pytest.mark.parametrize(
    ("row", "name"),
    [
        (KITTI, "KITTI"),
        (KITTI.replace("Car", "DontCare"), "KITTI"),
        (f"0 1 {KITTI}", "KITTI"),  # tracking
        (f"{KITTI} 0.87", "KITTI"),  # with a score
        ("2753 2408 2861 2385 2888 2468 2805 2502 plane 0", "DOTA"),
        ("imagesource:GoogleEarth", "DOTA"),
        ("gsd:0.146", "DOTA"),
        ("# PASCAL Annotation Version 1.00", "PASCAL 2005"),
        ('{"version": "5.0.1", "shapes": []}', "JSON"),
        ("<annotation/>", "XML"),
        ("684,8,273,116,0,0,0,0", "comma-separated"),
    ],
)
def test_rows_of_other_formats_are_named(tmp_path: Path, row: str, name: str) -> None:
    with pytest.raises(LabelError, match=rf"a\.txt, line 1: .*it looks like {name}.*convert the labels to YOLO"):
        read(tmp_path, f"{row}\n")


@pytest.mark.parametrize(
    "row", ["# nothing here", "cat 0.5 0.5 0.1 0.1", "0 0,5 0,5 0,1 0,1", "0 1_0 1 1 1", "0 \u0660 0 1 1"]
)
def test_what_is_no_number_is_refused(tmp_path: Path, row: str) -> None:
    with pytest.raises(LabelError, match=r"a\.txt, line 1: expected numbers, found .*; correct it"):
        read(tmp_path, row)


def test_a_prediction_is_no_label(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="found 5; it looks like a prediction with its score"):
        read(tmp_path, "0 0.5 0.5 0.1 0.1 0.93\n")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "latin-1"])
def test_text_in_another_encoding_is_refused_even_where_it_is_empty(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(
        LabelError, match=r"a\.txt: expected rows of .*, found (text in UTF-16; save it as UTF-8|no text)"
    ):
        read(tmp_path, "ä 0.5 0.5 0.1 0.1\n".encode(encoding))
    if encoding == "utf-16":
        with pytest.raises(LabelError, match="UTF-16"):
            read(tmp_path, "".encode(encoding))


def test_a_byte_order_mark_of_utf_8_is_passed_over(tmp_path: Path) -> None:
    assert len(read(tmp_path, "\ufeff0 0.5 0.5 0.1 0.1\n".encode())) == 1


@pytest.mark.parametrize(
    "other",
    ["names: {0: cat, 2: dog}", "names: [dog, cat]", "names: [cat, dog]\nkpt_shape: [1, 3]", "names: [cat, dog, fox]"],
)
def test_the_hash_of_a_label_changes_with_what_the_data_yaml_makes_of_it(tmp_path: Path, other: str) -> None:
    image = put(tmp_path / "images" / "a.jpg")
    put(tmp_path / "labels" / "a.txt", "0 0.5 0.5 0.1 0.1\n")

    def hash_by(data_yaml: str) -> str | None:
        return TruthOf(put(tmp_path / "data.yaml", data_yaml)).label_hash(image)

    before = hash_by("names: [cat, dog]")
    assert before == hash_by("train: images\nnames: {1: dog, 0: cat}") != hash_by(other)
