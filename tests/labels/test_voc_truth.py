"""What VOC files say of an image: objects, in negmine's boxes, or why they cannot be believed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from label_files import TruthOf, put, voc_object, voc_xml
from needs import NAMED_PIPES

from negmine.errors import LabelError, TruthError
from negmine.structures import GroundTruth

WH = (100, 80)


def read_one(folder: Path, xml: bytes, size_wh: tuple[int, int] = WH) -> GroundTruth:
    """Write one annotation with a good one beside it, and read it."""
    put(folder / "good.xml", voc_xml())
    put(folder / "a.xml", xml)
    truth = TruthOf(folder).read(put(folder / "a.jpg"), size_wh)
    assert truth is not None
    return truth


def test_a_folder_without_xml_is_no_truth(tmp_path: Path) -> None:
    with pytest.raises(TruthError, match="holds no labels"):
        TruthOf(tmp_path)


def test_an_annotation_without_objects_says_that_the_image_is_empty(tmp_path: Path) -> None:
    truth = read_one(tmp_path, voc_xml(size_wh=WH))
    assert len(truth) == 0
    assert truth.boxes_xyxy.shape == (0, 4)


def test_an_image_without_annotation_is_unlabelled_not_empty(tmp_path: Path) -> None:
    put(tmp_path / "a.xml", voc_xml())
    truth = TruthOf(tmp_path)
    other = put(tmp_path / "b.jpg")
    assert truth.read(other, WH) is None
    assert truth.label_hash(other) is None


@pytest.mark.parametrize(
    ("voc", "ours"),
    [
        ((1, 1, 1, 1), (0, 0, 1, 1)),  # the first pixel: 1 to 1 inclusive is column 0, ending before 1
        ((1, 1, 100, 80), (0, 0, 100, 80)),  # the whole image
        ((100, 80, 100, 80), (99, 79, 100, 80)),  # the last pixel
        ((10.5, 20.25, 30.75, 40), (9.5, 19.25, 30.75, 40)),  # tools write fractions
        ((0, 0, 50, 50), (0, 0, 50, 50)),  # 0-based writers: starts at -1, clipped
        ((90, 70, 120, 95), (89, 69, 100, 80)),  # partly outside: clipped
        ((" 5 ", "\n6\n", "7", "8"), (4, 5, 7, 8)),  # pretty-printed numbers
    ],
)
def test_boxes_become_zero_based_and_half_open(
    tmp_path: Path, voc: tuple[float, float, float, float], ours: tuple[float, float, float, float]
) -> None:
    truth = read_one(tmp_path, voc_xml(voc_object("cat", voc), size_wh=WH))
    assert truth.boxes_xyxy.tolist() == [list(ours)]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.tuples(st.integers(0, 99), st.integers(0, 79)),
    st.tuples(st.integers(1, 100), st.integers(1, 80)),
    st.sampled_from([1.0, 0.5, 0.25]),
)
def test_any_box_inside_the_image_comes_back(
    tmp_path: Path, corner: tuple[int, int], extent: tuple[int, int], step: float
) -> None:
    x1, y1 = corner[0] * step, corner[1] * step
    x2, y2 = min(x1 + extent[0] * step, 100.0), min(y1 + extent[1] * step, 80.0)
    truth = read_one(tmp_path, voc_xml(voc_object("cat", (x1 + 1, y1 + 1, x2, y2))))
    assert truth.boxes_xyxy.tolist() == [[x1, y1, x2, y2]]  # quarters of a pixel are exact in binary


def test_classes_are_all_names_sorted_and_difficult_is_kept(tmp_path: Path) -> None:
    put(tmp_path / "b.xml", voc_xml(voc_object("dog", (1, 1, 5, 5))))
    truth = read_one(
        tmp_path,
        voc_xml(
            voc_object("zebra", (1, 1, 5, 5), "<difficult>1</difficult>"),
            voc_object(" cat ", (1, 1, 6, 6), "<difficult>0</difficult>"),
        ),
    )
    assert truth.class_names == ("zebra", "cat")
    assert truth.difficult.tolist() == [True, False]
    assert not truth.crowd.any()
    assert TruthOf(tmp_path).class_names == ("cat", "dog", "zebra")


def test_the_parts_of_an_object_are_no_objects(tmp_path: Path) -> None:
    part = voc_object("head", (2, 2, 4, 4)).replace("object>", "part>")
    # The part comes before the person's own name and box, as the devkit allows.
    person = voc_object("person", (1, 1, 50, 50)).replace("<object>", f"<object>{part}")
    truth = read_one(tmp_path, voc_xml(person))
    assert truth.class_names == ("person",)
    assert truth.boxes_xyxy.tolist() == [[0, 0, 50, 50]]
    assert TruthOf(tmp_path).class_names == ("person",)


@pytest.mark.parametrize(
    "wrong",
    [
        voc_object("cat", (50, 10, 20, 30)),  # inverted
        voc_object("cat", (21, 10, 20, 30)),  # without width: 20 to 20
        voc_object("cat", ("nan", 10, 20, 30)),
        voc_object("cat", (1, 1, "inf", 30)),
        voc_object("cat", (1, 1, "", 30)),
        voc_object("cat", (1, 1, "ten", 30)),
        voc_object("cat", (101, 1, 120, 30)),  # right of the image
        voc_object("cat", (1, -20, 10, -3)),  # above it
        "<object><name>cat</name></object>",
        "<object><name>cat</name><bndbox><xmin>1</xmin></bndbox></object>",
        voc_object("", (1, 1, 2, 2)),
        voc_object("cat", (1, 1, 2, 2), "<bndbox><xmin>9</xmin></bndbox>"),  # which of the two?
    ],
)
def test_a_box_that_is_none_is_refused_by_file_and_index(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(LabelError, match=r"a\.xml.*object 1"):
        read_one(tmp_path, voc_xml(voc_object("cat", (1, 1, 9, 9)), wrong))


@pytest.mark.parametrize("size_wh", [None, (0, 0), ("", ""), (100, 80), ("100.0", "80.0")])
def test_a_size_that_is_absent_zero_or_right_is_fine(tmp_path: Path, size_wh: tuple[object, object] | None) -> None:
    assert len(read_one(tmp_path, voc_xml(voc_object("cat", (1, 1, 2, 2)), size_wh=size_wh))) == 1


def test_labels_of_another_pixel_grid_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"a\.xml.*200 x 160 pixels, and it has 100 x 80; label"):
        read_one(tmp_path, voc_xml(size_wh=(200, 160)))


def test_labels_made_before_exif_orientation_are_named_as_such(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"80 x 100 pixels, and it has 100 x 80.*EXIF"):
        read_one(tmp_path, voc_xml(size_wh=(80, 100)))


@pytest.mark.parametrize("size_wh", [("wide", 80), ("inf", 80), ("nan", 80)])
def test_a_size_that_is_no_number_is_refused(tmp_path: Path, size_wh: tuple[object, object]) -> None:
    with pytest.raises(LabelError, match=r"a\.xml: its size is not a number"):
        read_one(tmp_path, voc_xml(size_wh=size_wh))


def test_the_hash_changes_with_the_labels_and_needs_no_image(tmp_path: Path) -> None:
    image = put(tmp_path / "a.jpg", b"no image at all")
    put(tmp_path / "a.xml", voc_xml())
    before = TruthOf(tmp_path).label_hash(image)
    assert before == TruthOf(tmp_path).label_hash(image)
    put(tmp_path / "a.xml", voc_xml(voc_object("cat", (1, 1, 2, 2))))
    assert before is not None
    assert TruthOf(tmp_path).label_hash(image) not in (None, before)


def test_one_broken_file_costs_its_image_only(tmp_path: Path) -> None:
    put(tmp_path / "a.xml", voc_xml(voc_object("cat", (1, 1, 2, 2))))
    put(tmp_path / "b.xml", b"<annotation><object>")
    truth = TruthOf(tmp_path)
    assert truth.labels == 2
    assert truth.class_names == ("cat",)
    found = truth.read(put(tmp_path / "a.jpg"), WH)
    assert found is not None
    assert len(found) == 1
    with pytest.raises(LabelError, match=r"b\.xml: no readable XML"):
        truth.read(put(tmp_path / "b.jpg"), WH)


def test_a_folder_with_broken_files_alone_is_no_truth(tmp_path: Path) -> None:
    put(tmp_path / "a.xml", b"")
    put(tmp_path / "b.xml", b"<annotation>")
    with pytest.raises(TruthError, match=r"2 XML files; the first of 2 broken ones: .*a\.xml: no readable XML"):
        TruthOf(tmp_path)


def test_xml_of_another_kind_is_no_label_that_was_understood(tmp_path: Path) -> None:
    put(tmp_path / "a.xml", voc_xml())
    put(tmp_path / "b.xml", b"<labels><cat/></labels>")
    truth = TruthOf(tmp_path)
    assert truth.labels == 1
    with pytest.raises(LabelError, match=r"b\.xml: not Pascal VOC: <labels>; convert it"):
        truth.read(put(tmp_path / "b.jpg"), WH)


@NAMED_PIPES
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    put(tmp_path / "a.xml", voc_xml())
    os.mkfifo(tmp_path / "b.xml")
    assert TruthOf(tmp_path).read(put(tmp_path / "b.jpg"), WH) is None


@pytest.mark.parametrize("what", [b"", b"<", b"<annotation><object><name>c", b"\x00\x01", b"<annotation>\x01"])
def test_bytes_that_are_no_xml_are_refused_by_file(tmp_path: Path, what: bytes) -> None:
    with pytest.raises(LabelError, match=r"a\.xml: no readable XML"):
        read_one(tmp_path, what)
