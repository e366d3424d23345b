"""The annotation of a picture without objects: its bytes, and that readers take it for what it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from label_files import put
from lxml import etree

from negmine.errors import ExportError
from negmine.labels.voc import VocTruth
from negmine.labels.voc_writer import voc_annotation


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
    truth = VocTruth(tmp_path)
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
