"""What a COCO JSON says of an image, where its images are, and what is refused: the file, or one image."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from label_files import TruthOf, put

from negmine.datasets.config import LabelConfig
from negmine.datasets.open import open_truth
from negmine.errors import LabelError, TruthError
from negmine.structures import GroundTruth

WH = (100, 80)
CATEGORIES = [{"id": 18, "name": "dog"}, {"id": 3, "name": "car"}]
Json = dict[str, object]


def annotation(bbox: object, **others: object) -> Json:
    return {"id": 1, "image_id": 7, "category_id": 18, "bbox": bbox, **others}


def coco(
    *annotations: Json, images: list[Json] | None = None, categories: list[Json] | list[dict[str, object]] | None = None
) -> str:
    """A COCO document, by default of the one image `a.jpg`, whose id is 7."""
    return json.dumps(
        {
            "images": [{"id": 7, "file_name": "a.jpg"}] if images is None else images,
            "annotations": list(annotations),
            "categories": CATEGORIES if categories is None else categories,
        }
    )


def read_one(folder: Path, text: str) -> GroundTruth:
    found = TruthOf(put(folder / "coco.json", text)).read(put(folder / "a.jpg"), WH)
    assert found is not None
    return found


def test_a_listed_image_without_annotations_is_empty(tmp_path: Path) -> None:
    assert len(read_one(tmp_path, coco())) == 0


def test_an_image_that_is_not_listed_is_unlabelled_not_empty(tmp_path: Path) -> None:
    truth = TruthOf(put(tmp_path / "coco.json", coco(images=[])))
    image = put(tmp_path / "a.jpg")
    assert truth.read(image, WH) is None
    assert truth.label_hash(image) is None
    assert truth.labels == 0


@pytest.mark.parametrize(
    ("bbox", "box"),
    [
        ([0, 0, 100, 80], (0, 0, 100, 80)),
        ([10.5, 20, 30, 40.25], (10.5, 20, 40.5, 60.25)),
        ([-5, 70, 10, 20], (0, 70, 5, 80)),  # clipped: -5 to 5, 70 to 90
    ],
)
def test_x_y_width_height_become_corners(tmp_path: Path, bbox: list[float], box: tuple[float, ...]) -> None:
    truth = read_one(tmp_path, coco(annotation(bbox)))
    assert truth.boxes_xyxy.tolist() == [list(box)]
    assert truth.class_names == ("dog",)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 396), st.integers(0, 316), st.integers(4, 400), st.integers(4, 320))
def test_any_box_inside_the_image_comes_back(tmp_path: Path, x: int, y: int, width: int, height: int) -> None:
    x1, y1, x2, y2 = x / 4, y / 4, min((x + width) / 4, 100), min((y + height) / 4, 80)  # quarters are exact
    truth = read_one(tmp_path, coco(annotation([x1, y1, x2 - x1, y2 - y1])))
    assert truth.boxes_xyxy.tolist() == [[x1, y1, x2, y2]]


def test_crowds_are_marked_and_classes_keep_the_file_s_order(tmp_path: Path) -> None:
    two = coco(annotation([1, 1, 5, 5], iscrowd=1), annotation([1, 1, 6, 6], iscrowd=0, category_id=3, id=2))
    truth = read_one(tmp_path, two)
    assert truth.crowd.tolist() == [True, False]
    assert not truth.difficult.any()
    assert truth.class_names == ("dog", "car")
    assert TruthOf(tmp_path / "coco.json").class_names == ("dog", "car")


def test_two_categories_of_one_name_are_one_class(tmp_path: Path) -> None:
    text = coco(
        annotation([1, 1, 2, 2], category_id=0),
        annotation([1, 1, 2, 2], category_id=1),
        categories=[{"id": 0, "name": "dog"}, {"id": 1, "name": "dog", "supercategory": "dog"}],
    )
    assert read_one(tmp_path, text).class_names == ("dog", "dog")
    assert TruthOf(tmp_path / "coco.json").class_names == ("dog",)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (annotation([1, 1, -5, 5]), "annotation 1: .*inverted"),
        (annotation([1, 1, float("nan"), 5]), "annotation 1: .*not finite"),
        (annotation([1, 1, float("inf"), 5]), "annotation 1: .*not finite"),
        (annotation([1, 1, 0, 0]), "annotation 1: .*no area"),
        (annotation([100, 1, 5, 5]), "annotation 1: .*no area"),  # begins where the image ends
        (annotation([1, 1, 5]), "annotation 1: .*four numbers"),
        (annotation([1, 1, 5, "5"]), "annotation 1: .*four numbers"),
        (annotation([1, 1, 5, True]), "annotation 1: .*four numbers"),
        (annotation([1, 1, 5, 10**400]), "annotation 1: .*four numbers"),
        (annotation(None), "annotation 1: .*four numbers"),
        ({"id": 1, "image_id": 7, "category_id": 18}, "annotation 1: .*four numbers"),
        (annotation([1, 1, 5, 5], category_id=99), "annotation 1: category 99 is not among"),
        (annotation([1, 1, 5, 5], category_id=[18]), "annotation 1: category .* is not among"),
    ],
)
def test_a_wrong_annotation_costs_its_image_only(tmp_path: Path, wrong: Json, reason: str) -> None:
    images: list[Json] = [{"id": 7, "file_name": "a.jpg"}, {"id": 8, "file_name": "b.jpg"}]
    text = coco(annotation([1, 1, 2, 2], id=0), wrong, images=images)
    truth = TruthOf(put(tmp_path / "coco.json", text))
    a, b = put(tmp_path / "a.jpg"), put(tmp_path / "b.jpg")
    with pytest.raises(LabelError, match=r"coco\.json, image 7, " + reason):
        truth.read(a, WH)
    assert truth.label_hash(a) is not None
    other = truth.read(b, WH)
    assert other is not None
    assert len(other) == 0


@pytest.mark.parametrize("size", [{}, {"width": 0, "height": 0}, {"width": None}, {"width": 100, "height": 80.0}])
def test_a_size_that_is_absent_zero_or_right_is_fine(tmp_path: Path, size: Json) -> None:
    assert len(read_one(tmp_path, coco(images=[{"id": 7, "file_name": "a.jpg", **size}]))) == 0


@pytest.mark.parametrize(
    ("width", "height", "reason"),
    [
        (200, 160, "200 x 160 pixels, and it has 100 x 80;"),
        (80, 100, "EXIF"),
        ("100", 80, "not whole numbers"),
        (100.5, 80, "not whole numbers"),
        (float("nan"), 80, "not whole numbers"),
        ([100], 80, "not whole numbers"),
    ],
)
def test_a_size_that_is_wrong_is_refused(tmp_path: Path, width: object, height: object, reason: str) -> None:
    with pytest.raises(LabelError, match=f"image 7: .*{reason}"):
        read_one(tmp_path, coco(images=[{"id": 7, "file_name": "a.jpg", "width": width, "height": height}]))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "cannot be read as JSON"),
        ("{", "cannot be read as JSON"),
        ("[" * 100_000, "cannot be read as JSON"),
        ("[]", "is not a COCO file"),  # detections, not annotations
        ("{}", "is not a COCO file"),
        ('{"images": {}, "annotations": [], "categories": []}', "is not a COCO file"),
        ('{"images": [1], "annotations": [], "categories": []}', "is not a COCO file"),
        (coco(annotation([1, 1, 2, 2], image_id=8)), r"annotations\[0\] is of image 8, .* \(1 annotation of such"),
        (coco(annotation([1, 1, 2, 2], image_id="7")), r'\[0\] names image "7" as text, and the images have numbers'),
        (coco(images=[{"file_name": "a.jpg"}]), r"images\[0\] has no id"),
        (coco(images=[{"id": True}]), r"images\[0\] has no id"),  # which Python would take for 1
        (coco(images=[{"id": 1}, {"id": 1}]), r"images\[1\] has id 1, which another has"),
        (coco(categories=[{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]), r"categories\[1\] has id 1"),
        (coco(categories=[{"id": 1}]), "category 1 has no name"),
    ],
)
def test_what_is_not_coco_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(TruthError, match=reason):
        TruthOf(put(tmp_path / "coco.json", text))


def test_a_missing_file_and_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TruthError, match="does not exist"):
        TruthOf(tmp_path / "missing.json")
    with pytest.raises(TruthError, match="cannot be read as JSON"):
        TruthOf(put(tmp_path / "coco.json", b'{"images": "\xff"}'))


def test_the_hash_changes_with_what_is_used_and_needs_no_image(tmp_path: Path) -> None:
    image = put(tmp_path / "a.jpg", b"no image at all")

    def hash_of(text: str) -> str | None:
        return TruthOf(put(tmp_path / "coco.json", text)).label_hash(image)

    hashes = [
        hash_of(coco()),
        hash_of(coco(annotation([1, 1, 2, 2]))),
        hash_of(coco(annotation([1, 1, 2, 3]))),
        hash_of(coco(annotation([1, 1, 2, 2], iscrowd=1))),
        hash_of(coco(annotation([1, 1, 2, 2], category_id=3))),
        hash_of(coco(annotation([1, 1, 2, 2]), images=[{"id": 7, "file_name": "a.jpg", "width": 5}])),
    ]
    assert None not in hashes
    assert len(set(hashes)) == len(hashes)
    assert hash_of(coco(annotation([1, 1, 2, 2], segmentation=[[1, 1, 2, 2, 3, 3]]))) == hashes[1]


@pytest.mark.parametrize(
    ("json_at", "name", "image"),
    [
        ("coco.json", "a.jpg", "a.jpg"),
        ("coco.json", "images/a.jpg", "images/a.jpg"),
        ("coco.json", "images\\a.jpg", "images/a.jpg"),
        ("annotations/coco.json", "a.jpg", "images/a.jpg"),
        ("annotations/coco.json", "a.jpg", "images/val2017/a.jpg"),
        ("annotations/coco.json", "val2017/a.jpg", "val2017/a.jpg"),
    ],
)
def test_images_are_found_from_where_the_json_is(tmp_path: Path, json_at: str, name: str, image: str) -> None:
    path = put(tmp_path / json_at, coco(images=[{"id": 7, "file_name": name}]))
    own, other = put(tmp_path / image), put(tmp_path / "far" / "a.jpg")
    truth = TruthOf(path)
    assert truth.read(own, WH) is not None
    assert truth.read(other, WH) is None  # the entry's own image is known, and it is another file


def test_images_kept_elsewhere_are_found_by_folder_and_name_or_where_their_folder_is_named(tmp_path: Path) -> None:
    images: list[Json] = [
        {"id": 1, "file_name": "x/a.jpg"},
        {"id": 2, "file_name": "y/a.jpg"},
        {"id": 3, "file_name": "y/b.jpg"},
        {"id": 4},
    ]
    truth = TruthOf(put(tmp_path / "set" / "coco.json", coco(images=images)))
    assert truth.read(put(tmp_path / "y" / "b.jpg"), WH) is not None
    for name in ("a.jpg", "b.jpg"):
        with pytest.raises(LabelError, match="is for another folder"):
            truth.read(put(tmp_path / "far" / name), WH)
    named = open_truth(truth.path, config=LabelConfig(images=tmp_path / "far"))
    assert [len(named.read(tmp_path / "far" / name, WH) or ()) for name in ("a.jpg", "b.jpg")] == [0, 0]


@pytest.mark.parametrize("name", ["with space.jpg", "new\nline.jpg", "größe 猫.jpg", os.fsdecode(b"bad-\xff.jpg")])
def test_odd_file_names_are_found(tmp_path: Path, name: str) -> None:
    image = put(tmp_path / name)
    truth = TruthOf(put(tmp_path / "coco.json", coco(images=[{"id": 7, "file_name": name}])))
    assert truth.read(image, WH) is not None


@pytest.mark.parametrize("name", ["nul\x00.jpg", "lone \ud800.jpg", "", "/", "..", 5, None])
def test_a_file_name_that_is_none_leaves_the_rest_readable(tmp_path: Path, name: object) -> None:
    images: list[Json] = [{"id": 7, "file_name": "a.jpg"}, {"id": 8, "file_name": name}]
    assert len(read_one(tmp_path, coco(images=images))) == 0


def test_a_class_that_only_one_of_several_files_lists_is_not_judged_in_the_others(tmp_path: Path) -> None:
    for split, categories in (("train", CATEGORIES), ("valid", CATEGORIES[:1])):
        put(tmp_path / split / "_annotations.coco.json", coco(annotation([1, 1, 5, 5]), categories=categories))
    images = {split: put(tmp_path / split / "a.jpg") for split in ("train", "valid")}
    truth = TruthOf(tmp_path)
    train, valid = (truth.read(images[split], WH) for split in ("train", "valid"))
    assert truth.class_names == ("dog", "car")
    assert train is not None and train.unjudged(WH) == ()
    assert valid is not None and valid.unjudged(WH) == ("car",)
