"""What one XML file says, and what is wrong with one that says nothing that can be believed."""

from __future__ import annotations

from pathlib import Path

import pytest
from label_files import TruthOf, put, voc_object, voc_xml

from negmine.errors import LabelError
from negmine.labels.voc_annotation import NotVoc, VocAnnotation, VocObject, describe_others, parse_annotation

CAT = voc_object("cat", (1, 1, 9, 9))
NOTHING = voc_object("cat", (0, 0, 0, 0))


def parse(folder: Path, *objects: str, extra: str = "", size_wh: tuple[object, object] | None = None) -> VocAnnotation:
    """Write an annotation and read it."""
    xml = voc_xml(*objects, filename="a.jpg", size_wh=size_wh)
    found = parse_annotation(put(folder / "a.xml", xml.replace(b"</annotation>", f"{extra}</annotation>".encode())))
    assert isinstance(found, VocAnnotation)
    return found


@pytest.mark.parametrize("objects", [(), (NOTHING,), (NOTHING, NOTHING), (voc_object("", (-1, -1, -1, -1)),)])
def test_a_label_of_no_object_or_of_placeholders_alone_says_that_the_image_is_empty(
    tmp_path: Path, objects: tuple[str, ...]
) -> None:
    found = parse(tmp_path, *objects)
    assert (found.objects, found.broken) == ((), None)


def test_placeholders_among_boxes_are_objects_of_unknown_place(tmp_path: Path) -> None:
    found = parse(tmp_path, CAT, NOTHING)
    assert "object 1 has a box without a size, [0.0, 0.0, 0.0, 0.0], and others have boxes" in (found.broken or "")


@pytest.mark.parametrize(
    "shape",
    [
        "<polygon><x1>5</x1><y1>6</y1></polygon>",
        "<points><point x='5' y='6'/></points>",
        "<keypoints>5,6,2</keypoints>",
        f"<part>{CAT}</part>",
        "<robndbox><cx>5</cx></robndbox>",
    ],
)
def test_a_placeholder_that_has_a_shape_is_an_object_of_unknown_place(tmp_path: Path, shape: str) -> None:
    found = parse(tmp_path, voc_object("cat", (0, 0, 0, 0), shape))
    assert "has no size, and there is a <" in (found.broken or "")


@pytest.mark.parametrize("shape", ["<polygon/>", "<keypoints>0 0 0</keypoints>", "<pose>Left</pose>"])
def test_a_placeholder_with_an_empty_shape_stays_one(tmp_path: Path, shape: str) -> None:
    found = parse(tmp_path, voc_object("cat", (0, 0, 0, 0), shape))
    assert (found.objects, found.broken) == ((), None)


def test_an_object_keeps_its_own_box_beside_those_of_its_parts(tmp_path: Path) -> None:
    part = CAT.replace("object>", "part>").replace("9", "3")
    more = f"{part}<polygon><x1>1</x1></polygon><attributes><attribute><name>age</name></attribute></attributes>"
    found = parse(tmp_path, voc_object("cat", (1, 1, 9, 9), more))
    assert (found.objects, found.broken) == ((VocObject("cat", (0, 0, 9, 9), False),), None)


def test_a_comment_does_not_cut_a_number_in_two(tmp_path: Path) -> None:
    found = parse(tmp_path, voc_object("cat", (1, 1, "1<!-- was 2 -->9", 9)))
    assert found.objects[0].box == (0, 0, 19, 9)


@pytest.mark.parametrize(
    ("text", "difficult"), [("1", True), (" 1\n", True), ("true", True), ("0", False), ("False", False), ("", False)]
)
def test_difficult_is_a_number_or_a_word(tmp_path: Path, text: str, difficult: bool) -> None:
    found = parse(tmp_path, voc_object("cat", (1, 1, 9, 9), f"<difficult>{text}</difficult>"))
    assert found.objects[0].difficult is difficult


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (
            voc_object("cat", (1, 1, 9, 9), "<difficult>hard</difficult>"),
            "expected difficult to be 0 or 1, found 'hard'",
        ),
        (voc_object("cat", (1, 1, 9, 9), "<name>dog</name>"), "it has 2 elements <name>"),
        (voc_object("cat", (1, 1, 9, 9), f"<objects>{CAT}</objects>"), r"object 0 \(cat\) has a <objects> in it"),
        (voc_object("cat", ("1,5", 1, 9, 9)), r"found \['1,5', '1', '9', '9'\]; write decimals with a point"),
        (voc_object("cat", ("1_0", 1, 19, 9)), "expected one bndbox of four numbers"),
        (voc_object("cat", (1, 1, 9, 9), "<bndbox/>"), "expected one bndbox of four numbers"),
        (CAT.replace("bndbox", "robndbox"), "expected a <bndbox>, found the <robndbox> of roLabelImg"),
        (CAT.replace("bndbox", "BNDBOX"), "expected a <bndbox>, found the <BNDBOX>"),
        (CAT.replace("xmin", "XMIN"), "expected one bndbox of four numbers"),
        (CAT.replace("ymax>", "xmin>"), "expected one bndbox of four numbers"),
        (voc_object("cat", (9, 1, 3, 9)), "not finite or inverted"),
        (voc_object("cat", (5, 5, 4, 4)), "has no area inside the image; correct it"),  # no pixel wide
        (voc_object("cat", (1, "nan", 3, 9)), "not finite or inverted"),
        (voc_object("cat", (-9, 1, -2, 9)), "has no area inside the image; correct it"),  # whatever the size is
    ],
)
def test_a_label_with_an_object_that_is_none_is_broken(tmp_path: Path, wrong: str, reason: str) -> None:
    parse(tmp_path, wrong)
    put(tmp_path / "good.xml", voc_xml())
    truth, image = TruthOf(tmp_path), put(tmp_path / "a.jpg")
    with pytest.raises(LabelError, match=r"a\.xml: .*" + reason):
        truth.object_names(image)
    with pytest.raises(LabelError, match=r"a\.xml: .*" + reason):
        truth.read(image, (20, 20))


def test_a_box_outside_the_size_that_the_label_states_is_told_without_the_image(tmp_path: Path) -> None:
    outside = voc_object("cat", (21, 1, 29, 9))
    assert "no area inside the image of 20 x 20 pixels" in (parse(tmp_path, outside, size_wh=(20, 20)).broken or "")
    assert parse(tmp_path, outside, size_wh=(0, 0)).broken is None


@pytest.mark.parametrize("extra", ["<size/><size/>", "<filename>b.jpg</filename>"])
def test_what_is_said_twice_is_not_guessed(tmp_path: Path, extra: str) -> None:
    assert "it has 2 elements <" in (parse(tmp_path, extra=extra).broken or "")


@pytest.mark.parametrize("end", range(1, 8))
def test_a_file_that_was_cut_off_is_broken(tmp_path: Path, end: int) -> None:
    xml = voc_xml(CAT, CAT, filename="a.jpg", size_wh=(20, 20))
    found = parse_annotation(put(tmp_path / "a.xml", xml[: end * len(xml) // 8]))
    assert isinstance(found, VocAnnotation)
    assert "no readable XML" in (found.broken or "")


def test_the_image_is_split_from_its_folders(tmp_path: Path) -> None:
    put(tmp_path / "a.xml", voc_xml(filename="cam1\\0001.jpg"))
    found = parse_annotation(tmp_path / "a.xml")
    assert isinstance(found, VocAnnotation)
    assert (found.image, found.filename) == (("cam1", "0001.jpg"), "0001.jpg")


def test_files_that_are_not_voc_are_counted_and_named(tmp_path: Path) -> None:
    for name in "abcd":
        put(tmp_path / f"{name}.xml", "<annotation><filename/><objects/></annotation>")
    put(tmp_path / "pom.xml", "<project/>")
    found = [parse_annotation(tmp_path / f"{name}.xml") for name in ["a", "b", "c", "d", "pom"]]
    others = [each for each in found if isinstance(each, NotVoc)]
    assert describe_others(others) == (
        "5 XML files are not Pascal VOC (<annotation> with <objects>: a.xml, b.xml, c.xml and 1 more; "
        "<project>: pom.xml)"
    )
    assert describe_others(others[:1]) == "1 XML file is not Pascal VOC (<annotation> with <objects>: a.xml)"


def test_an_image_whose_label_is_not_voc_has_a_label_that_nobody_understood(tmp_path: Path) -> None:
    put(tmp_path / "a.xml", voc_xml(CAT))
    put(tmp_path / "b.xml", "<annotation><filename/><objects/></annotation>")
    truth, image = TruthOf(tmp_path), put(tmp_path / "b.jpg")
    assert truth.label_hash(image) is not None
    with pytest.raises(LabelError, match=r"b\.xml: not Pascal VOC: <annotation> with <objects>; convert"):
        truth.object_names(image)
    with pytest.raises(LabelError, match="not Pascal VOC"):
        truth.read(image, (20, 20))
