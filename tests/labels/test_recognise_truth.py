"""Telling the format of a truth from what is there."""

from __future__ import annotations

from pathlib import Path

import pytest
from label_files import put, voc_xml

from negmine.datasets.open import open_truth
from negmine.errors import TruthError
from negmine.labels.base import Truth

YAML = "names: [cat]\n"
COCO = '{"images": [], "annotations": [], "categories": [{"id": 1, "name": "cat"}]}'


def test_an_empty_folder_is_no_truth(tmp_path: Path) -> None:
    with pytest.raises(
        TruthError, match=r"holds no labels; expected .*a data\.yaml \(YOLO\), a JSON file \(COCO\), or"
    ):
        open_truth(tmp_path)


@pytest.mark.parametrize(
    ("files", "named", "format_name"),
    [
        ({"data.yaml": YAML}, ".", "YOLO"),
        ({"data.yaml": YAML}, "data.yaml", "YOLO"),
        ({"coco8.yml": YAML}, "coco8.yml", "YOLO"),
        ({"coco.json": COCO}, ".", "COCO"),
        ({"coco.json": COCO}, "coco.json", "COCO"),
        ({"annotations/instances.json": COCO}, ".", "COCO"),
        ({"a.xml": voc_xml()}, ".", "Pascal VOC"),
        ({"Annotations/a.xml": voc_xml()}, ".", "Pascal VOC"),
        ({"Annotations/a.xml": voc_xml()}, "Annotations", "Pascal VOC"),
        ({"deep/down/labels/a.xml": voc_xml()}, ".", "Pascal VOC"),
        ({"Annotations/a.xml": voc_xml(), "coco.json": COCO}, "coco.json", "COCO"),
        ({"Annotations/a.xml": voc_xml(), "coco.json": COCO}, "Annotations", "Pascal VOC"),
    ],
)
def test_the_format_is_told_from_what_is_there(
    tmp_path: Path, files: dict[str, str | bytes], named: str, format_name: str
) -> None:
    for name, data in files.items():
        put(tmp_path / name, data)
    truth = open_truth(tmp_path / named)
    assert isinstance(truth, Truth)
    assert truth.format_name == format_name


@pytest.mark.parametrize(
    "files",
    [
        {"data.yaml": YAML, "coco.json": COCO},
        {"one.json": COCO, "two.json": COCO},
        {"annotations/one.json": COCO, "annotations/two.json": COCO},
        {"coco.json": COCO, "Annotations/a.xml": voc_xml()},
    ],
)
def test_a_folder_of_several_data_sets_is_refused_by_name(tmp_path: Path, files: dict[str, str | bytes]) -> None:
    for name, data in files.items():
        put(tmp_path / name, data)
    with pytest.raises(TruthError, match="could be several data sets") as caught:
        open_truth(tmp_path)
    assert all(name in str(caught.value) for name in files)


def test_what_is_missing_or_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TruthError, match="does not exist; expected"):
        open_truth(tmp_path / "missing")
    with pytest.raises(TruthError, match=r"is a file of type \.csv; expected"):
        open_truth(put(tmp_path / "labels.csv"))
    with pytest.raises(TruthError, match="is a file without a suffix; expected"):
        open_truth(put(tmp_path / "labels"))


def test_a_folder_may_be_given_as_text(tmp_path: Path) -> None:
    put(tmp_path / "a.xml", voc_xml())
    assert open_truth(str(tmp_path)).pairing.labels == 1
