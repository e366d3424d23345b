"""What a JSON is that is taken for COCO, and ids as tables write them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from label_files import put

from negmine.errors import TruthError
from negmine.labels.coco_json import as_id, by_id, load_lists

EMPTY: dict[str, list[object]] = {"images": [], "annotations": [], "categories": []}


def test_empty_lists_are_read(tmp_path: Path) -> None:
    assert load_lists(put(tmp_path / "coco.json", json.dumps(EMPTY))) == EMPTY


def test_other_keys_do_not_matter(tmp_path: Path) -> None:
    text = json.dumps({"info": {}, "licenses": None, **EMPTY, "videos": []})
    assert load_lists(put(tmp_path / "coco.json", text)) == EMPTY


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({}, "found the keys none, and no images or annotations or categories; name another"),
        ({"a\nb": 1, "images": [], "annotations": []}, r"keys a\\nb, images, annotations, and no categories; name"),
        (
            {"images": [], "categories": []},
            "found the keys images, categories, and no annotations; image information alone says nothing about objects",
        ),
        ([], "found a list; name another"),
        ([{"image_id": 1, "bbox": [0, 0, 1, 1], "score": 1}] * 3, "list of 3 results, .* with --predictions"),
        ([1], "found a list; name another"),
        ("text", 'found "text"; name another'),
        (None, "found null; name another"),
        ({"version": "5", "shapes": [], "imagePath": "a.jpg"}, "a file of LabelMe, which .* export it as COCO"),
        ({"_via_settings": {}, "_via_img_metadata": {}}, "a file of VIA"),
        ({"a.jpg123": {"filename": "a.jpg", "size": 123, "regions": []}}, "a file of VIA"),
        ([{"id": 1, "data": {"image": "a.jpg"}, "annotations": []}], "a file of Label Studio"),
        ([{"image": "a.jpg", "annotations": []}], "a file of CreateML"),
        ({"description": "", "objects": [], "size": {}}, "a file of Supervisely"),
        ([{"name": "a.jpg", "labels": []}], "a file of BDD100K"),
        ({**EMPTY, "images": {}}, "expected a list named images, found {}"),
        ({**EMPTY, "annotations": None}, "expected a list named annotations, found null"),
        ({**EMPTY, "annotations": [{}, 5]}, r"annotations\[1\] is 5, expected an object"),
    ],
)
def test_the_message_says_what_a_file_is_that_is_not_coco(tmp_path: Path, document: object, reason: str) -> None:
    with pytest.raises(TruthError, match=rf"coco\.json is not a COCO file( of labels)?: .*{reason}"):
        load_lists(put(tmp_path / "coco.json", json.dumps(document)))


@pytest.mark.parametrize(
    ("value", "number"),
    [(1, 1), (1.0, 1), (-0.0, 0), (1e18, 10**18), (10**40, 10**40), ("1", "1"), ("", "")],
)
def test_ids_are_whole_numbers_and_texts(value: object, number: object) -> None:
    found = as_id(value)
    assert (found, type(found)) == (number, type(number))


@pytest.mark.parametrize("value", [None, True, 1.5, float("nan"), float("inf"), [1], {}])
def test_other_things_are_no_ids(value: object) -> None:
    assert as_id(value) is None


@pytest.mark.parametrize(
    ("ids", "reason"),
    [
        ([None], r"images\[0\] has no id: expected a whole number or text, found null; give it its own"),
        ([1, 1.5], r"images\[1\] has no id: .*found 1\.5"),
        ([1, 2, 1.0], r"images\[2\] has id 1\.0, which another has"),
        (["a", "a"], r'images\[1\] has id "a", which another has'),
    ],
)
def test_entries_without_an_id_of_their_own_are_named(ids: list[object], reason: str) -> None:
    with pytest.raises(TruthError, match=reason):
        by_id([{"id": each} for each in ids], "coco.json: images")


def test_text_and_numbers_are_different_ids() -> None:
    assert list(by_id([{"id": 1}, {"id": "1"}], "images")) == [1, "1"]
