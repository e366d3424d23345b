"""Rules that all formats share: placeholders, and regions that nobody has judged."""

from __future__ import annotations

from pathlib import Path

import pytest
from label_files import TruthOf, put, voc_object, voc_xml

from negmine.errors import LabelError
from negmine.labels.checks import (
    clipped_box,
    is_ignored_class,
    is_placeholder,
    says_background,
    with_ignored_regions,
)
from negmine.structures import GroundTruth

IGNORED = [
    "DontCare",
    "dont_care",
    "Don't Care",
    "ignore",
    "Ignored",
    "ignored region(s)",
    "IGNORE_REGION",
    "ignored-regions",
]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], True),
        ([0, 0, 0, 0], True),
        ([0.0, -0.0, 0, 0], True),
        ([-1, -1.0, -1, -1], True),
        ([100, 100, 0, 0], False),  # a point: an object whose extent is not known
        ([0, 0, 0, -1], False),
        ([0, 0, 9, 9], False),
        ([float("nan")] * 4, False),
    ],
)
def test_a_placeholder_is_no_box_at_all(values: list[float], expected: bool) -> None:
    assert is_placeholder(values) is expected


def test_only_a_label_of_nothing_but_placeholders_says_background() -> None:
    assert not says_background([], "a.txt")  # it says nothing; a file without rows is the format's matter
    assert not says_background([[1, 1, 9, 9]], "a.txt")
    assert says_background([[0, 0, 0, 0], [], [-1, -1, -1, -1]], "a.txt")
    with pytest.raises(LabelError, match="object 1 has a box without a size"):
        says_background([[1, 1, 9, 9], []], "a.txt")


def test_without_a_size_a_box_is_checked_as_far_as_that_goes() -> None:
    assert clipped_box((-5, -5, 10, 1e9), None, "a") == (0, 0, 10, 1e9)
    with pytest.raises(LabelError, match="has no area inside the image; correct it"):
        clipped_box((-5, -5, 0, 10), None, "a")


@pytest.mark.parametrize("name", IGNORED)
def test_regions_to_ignore_have_many_names(name: str) -> None:
    assert is_ignored_class(name)


@pytest.mark.parametrize("name", ["cat", "careful", "ignorance", "", "region", "-"])
def test_other_classes_do_not(name: str) -> None:
    assert not is_ignored_class(name)


def test_a_region_becomes_a_crowd_of_every_class() -> None:
    truth = GroundTruth.of([[0, 0, 5, 5], [1, 1, 9, 9]], ["cat", "DontCare"], difficult=[True, False])
    found = with_ignored_regions(truth, ["cat", "dog", "DontCare"])
    assert found.class_names == ("cat", "cat", "dog")
    assert found.crowd.tolist() == [False, True, True]
    assert found.difficult.tolist() == [True, False, False]
    assert found.boxes_xyxy.tolist() == [[0, 0, 5, 5], [1, 1, 9, 9], [1, 1, 9, 9]]


def test_without_regions_nothing_changes() -> None:
    truth = GroundTruth.of([[0, 0, 5, 5]], ["cat"])
    assert with_ignored_regions(truth, ["cat"]) is truth
    assert len(with_ignored_regions(GroundTruth.empty(), ["cat"])) == 0


def test_a_region_without_any_class_stays_a_place_that_no_negative_touches() -> None:
    found = with_ignored_regions(GroundTruth.of([[1, 1, 9, 9]], ["ignore"]), ["ignore"])
    assert (found.class_names, found.crowd.tolist()) == (("ignore",), [True])


def voc(folder: Path) -> TruthOf:
    """`a.jpg` has a cat and a region to ignore, `b.jpg` the region alone."""
    region = voc_object("DontCare", (11, 11, 20, 20))
    put(folder / "a.xml", voc_xml(voc_object("cat", (1, 1, 10, 10)), region))
    put(folder / "b.xml", voc_xml(region))
    put(folder / "c.xml", voc_xml(voc_object("dog", (1, 1, 10, 10))))
    return TruthOf(folder)


def yolo(folder: Path) -> TruthOf:
    """The same in YOLO."""
    region = "1 0.75 0.75 0.5 0.5\n"
    put(folder / "a.txt", f"0 0.25 0.25 0.5 0.5\n{region}")
    put(folder / "b.txt", region)
    return TruthOf(put(folder / "data.yaml", "names: [cat, DontCare, dog]\n"))


@pytest.mark.parametrize("make", [voc, yolo])
def test_every_format_takes_regions_to_ignore_out_of_its_classes(tmp_path: Path, make: object) -> None:
    assert callable(make)
    truth = make(tmp_path)
    a, b = put(tmp_path / "a.jpg"), put(tmp_path / "b.jpg")
    assert truth.class_names == ("cat", "dog")
    found = truth.read(a, (20, 20))
    assert found.class_names == ("cat", "cat", "dog")
    assert found.boxes_xyxy.tolist() == [[0, 0, 10, 10], [10, 10, 20, 20], [10, 10, 20, 20]]
    assert found.crowd.tolist() == [False, True, True]
    assert truth.object_names(a) == ("cat",)
    assert truth.read(b, (20, 20)).crowd.all()
    assert truth.object_names(b) == ("DontCare",)  # no object, and no background either
