"""The annotation of a picture, with objects and without: its bytes, and that readers take it for what it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from label_files import TruthOf, put
from lxml import etree

from negmine.errors import ExportError
from negmine.files import sha256_of
from negmine.labels.base import Feature
from negmine.labels.plan import ExportImage, SourceLabel, StoredFile
from negmine.labels.voc_writer import plan_voc, voc_annotation, voc_source_label
from negmine.structures import GroundTruth


def annotation(*, filename: str = "a.jpg", verified: bool = False) -> bytes:
    return voc_annotation(
        folder="negatives", filename=filename, database="negmine", size_whd=(640, 480, 3), verified=verified
    )


def test_the_elements_are_in_the_devkit_s_order() -> None:
    assert annotation().decode() == (
        "<annotation>\n"
        "\t<folder>negatives</folder>\n"
        "\t<filename>a.jpg</filename>\n"
        "\t<source>\n"
        "\t\t<database>negmine</database>\n"
        "\t</source>\n"
        "\t<size>\n"
        "\t\t<width>640</width>\n"
        "\t\t<height>480</height>\n"
        "\t\t<depth>3</depth>\n"
        "\t</size>\n"
        "\t<segmented>0</segmented>\n"
        "</annotation>\n"
    )


def test_verified_is_written_only_where_it_is_true() -> None:
    assert etree.fromstring(annotation(verified=True)).items() == [("verified", "yes")]
    assert etree.fromstring(annotation()).items() == []


def test_the_own_reader_reads_it_back_as_empty(tmp_path: Path) -> None:
    put(tmp_path / "Annotations" / "a.xml", annotation())
    truth = TruthOf(tmp_path)
    found = truth.read(put(tmp_path / "JPEGImages" / "a.jpg"), (640, 480))
    assert found is not None
    assert len(found) == 0
    assert truth.class_names == ()


@given(st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), min_size=1).filter(str.strip))
@example("größe & <猫>.jpg")
def test_any_printable_name_comes_back_and_every_element_has_text(name: str) -> None:
    data = annotation(filename=name)
    root = etree.fromstring(data)
    assert root.findtext("filename") == name
    assert all(element.text for element in root.iter())
    assert data == annotation(filename=name)


@pytest.mark.parametrize("name", ["a\x00.jpg", "bell\x07.jpg", "\udcff.jpg", "\ufffe.jpg"])
def test_characters_that_xml_cannot_hold_are_refused_by_name(name: str) -> None:
    with pytest.raises(ExportError, match=r"filename .* has characters that XML cannot hold; rename") as caught:
        annotation(filename=name)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["", " ", "\n"])
def test_an_element_without_text_is_refused(name: str) -> None:
    with pytest.raises(ExportError, match="needs a filename"):
        annotation(filename=name)


def with_objects(truth: GroundTruth, size_wh: tuple[int, int] = (640, 480)) -> etree._Element:
    """An annotation with objects, parsed."""
    data = voc_annotation(folder="d", filename="a.jpg", database="d", size_whd=(*size_wh, 3), truth=truth)
    return etree.fromstring(data)


def corners(element: etree._Element) -> list[int]:
    """VOC's own numbers of an object."""
    return [int(element.findtext(f"bndbox/{side}") or "") for side in ("xmin", "ymin", "xmax", "ymax")]


def test_objects_are_in_the_devkit_s_order_with_pixels_from_one() -> None:
    root = with_objects(GroundTruth.of([[0, 0, 640, 480], [10, 20, 30, 40]], ["cat", "dog"], difficult=[False, True]))
    first, second = root.findall("object")
    assert [child.tag for child in first] == ["name", "pose", "truncated", "difficult", "bndbox"]
    assert (corners(first), corners(second)) == ([1, 1, 640, 480], [11, 21, 30, 40])
    assert [each.findtext("name") for each in (first, second)] == ["cat", "dog"]
    assert [each.findtext("difficult") for each in (first, second)] == ["0", "1"]


def test_a_crowd_is_difficult() -> None:
    (element,) = with_objects(GroundTruth.of([[0, 0, 9, 9]], ["cat"], crowd=[True])).findall("object")
    assert element.findtext("difficult") == "1"


@pytest.mark.parametrize(
    ("box", "expected"),
    [  # of 10 x 10 pixels
        ([2.4, 2.5, 4.4, 4.5], [3, 4, 4, 5]),  # the nearest edges; halves go up
        ([2.1, 2.1, 2.2, 2.2], [3, 3, 3, 3]),  # inside one pixel: that one
        ([2.6, 2.6, 3.4, 3.4], [4, 4, 4, 4]),  # both edges round to 3: the pixel of its middle
        ([9.6, 9.6, 10, 10], [10, 10, 10, 10]),  # the last pixel, not one behind it
        ([0, 0, 0.2, 10], [1, 1, 1, 10]),
        ([-5, -5, 15, 15], [1, 1, 10, 10]),
    ],
)
def test_no_rounding_loses_an_object_or_leaves_the_image(box: list[float], expected: list[int]) -> None:
    (element,) = with_objects(GroundTruth.of([box], ["cat"]), (10, 10)).findall("object")
    assert corners(element) == expected


@given(st.integers(1, 300), st.data())
def test_the_own_reader_finds_it_within_half_a_pixel(side: int, data: st.DataObject) -> None:
    x1, x2 = sorted(data.draw(st.tuples(*[st.floats(0, side)] * 2).filter(lambda ends: ends[0] != ends[1])))
    (element,) = with_objects(GroundTruth.of([[x1, 0, x2, side]], ["cat"]), (side, side)).findall("object")
    low, _, high, _ = corners(element)
    assert 1 <= low <= high <= side
    assert max(abs(low - 1 - x1), abs(high - x2)) <= (0.5 if x2 - x1 >= 1 else 1)


@pytest.mark.parametrize("name", ["", " ", "bell\x07"])
def test_a_class_that_xml_cannot_hold_is_refused(name: str) -> None:
    with pytest.raises(ExportError, match="name"):
        with_objects(GroundTruth.of([[0, 0, 9, 9]], [name]))


def source(folder: Path, data: bytes, image_name: str | None = "old name.jpg") -> SourceLabel:
    path = put(folder / "old name.xml", data)
    return voc_source_label(path, sha256_of(data), image_name)


def rewritten(label: SourceLabel, name: str = "new") -> bytes:
    """What an export writes for a label of a data set."""
    stored = StoredFile(Path("a.jpg"), "00")
    content = plan_voc([ExportImage(name, stored, (80, 60), label=label)], "out")[f"Annotations/{name}.xml"]
    return content if isinstance(content, bytes) else content.path.read_bytes()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16", "utf-16-be"])
def test_only_the_name_of_the_picture_changes_in_a_label_of_a_data_set(tmp_path: Path, encoding: str) -> None:
    text = (
        "<!-- <filename>not this</filename> -->\r\n<annotation>\n  <folder>gr\u00fcn</folder>"
        "<filename type='x'>dir/old name.jpg\n</filename><object ><name>a</name><filename>nor this</filename></object>"
    )
    text = ("\ufeff" if encoding == "utf-16-be" else "") + text
    expected = text.replace("<filename type='x'>dir/old name.jpg\n</filename>", "<filename>new.jpg</filename>")
    assert rewritten(source(tmp_path, text.encode(encoding))) == expected.encode(encoding)


@pytest.mark.parametrize("image_name", [None, "new.jpg", "new"])
def test_a_label_of_a_data_set_that_names_no_other_picture_is_as_it_was(tmp_path: Path, image_name: str | None) -> None:
    data = b"<annotation><filename>x/new.jpg</filename> </annotation>"
    assert rewritten(source(tmp_path, data, image_name)) == data


def test_a_label_that_has_changed_since_it_was_read_is_refused(tmp_path: Path) -> None:
    label = source(tmp_path, b"<annotation><filename>old name.jpg</filename></annotation>")
    (tmp_path / "old name.xml").write_bytes(b"<annotation/>")
    with pytest.raises(ExportError, match="has changed since it was read"):
        rewritten(label)


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ("<name>polygon</name>", set()),
        ("<polygon/><keypoints></keypoints><polygon></polygon>", set()),
        ("<polygon><x1>4</x1></polygon>", {Feature.MASKS}),
        ("<keypoints>\n<x1>4</x1></keypoints>", {Feature.KEYPOINTS}),
        ("<robndbox><cx>4</cx></robndbox>", {Feature.ORIENTED_BOXES}),
        ("<attribute><name>rotation</name>\n<value>-12.5</value></attribute>", {Feature.ORIENTED_BOXES}),
        ("<attribute><name>rotation</name>\n<value>0.0</value></attribute>", set()),
    ],
)
def test_what_is_more_than_a_box(tmp_path: Path, inside: str, expected: set[Feature]) -> None:
    assert source(tmp_path, f"<annotation><object>{inside}</object></annotation>".encode()).features == expected
