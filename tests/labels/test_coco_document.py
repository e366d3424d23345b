"""A COCO document: ids that meet, images that hold nothing, and classes that an image was not searched for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from label_files import put

from negmine.errors import LabelError, TruthError
from negmine.labels.coco_document import CocoDocument, CocoImage

WH = (100, 80)
CATEGORIES = [{"id": 1, "name": "dog"}, {"id": 2, "name": "car"}, {"id": 3, "name": "ignored regions"}]
Json = dict[str, object]


def annotation(bbox: object = (10, 20, 30, 40), category: object = 1, **others: object) -> Json:
    return {"id": 4, "image_id": 7, "category_id": category, "bbox": bbox, **others}


def document(folder: Path, *annotations: Json, categories: object = CATEGORIES, **image: object) -> CocoDocument:
    images = [{"id": 7, "file_name": "a.jpg", **image}]
    text = json.dumps({"images": images, "annotations": annotations, "categories": categories})
    return CocoDocument.read(put(folder / "coco.json", text))


def only(folder: Path, *annotations: Json, **image: object) -> CocoImage:
    [found] = document(folder, *annotations, **image).images
    return found


def test_an_image_without_annotations_holds_nothing(tmp_path: Path) -> None:
    image = only(tmp_path)
    assert image.object_names("coco.json") == ()
    assert len(image.read(WH, "coco.json")) == 0
    assert image.unjudged == ()


def test_whole_floats_are_ids_as_in_pycocotools(tmp_path: Path) -> None:
    image = only(tmp_path, annotation(category=1.0, image_id=7.0))
    assert image.object_names("coco.json") == ("dog",)


@pytest.mark.parametrize(
    ("image", "given", "reason"),
    [
        (7, "7", 'annotations[1] names image "7" as text, and the images have numbers; write both alike'),
        (7, "7.0", 'annotations[1] names image "7.0" as text, and the images have numbers'),
        ("7", 7, "annotations[1] names image 7 as a number, and the images have texts"),
        (7, None, "annotations[1] has no image_id; say of which image it is"),
        (7, 8, "annotations[1] is of image 8, which the file does not list (2 annotations of such images)"),
        (7, 7.5, "annotations[1] is of image 7.5, which the file does not list"),
    ],
)
def test_annotations_of_no_image_stop_the_reading(tmp_path: Path, image: object, given: object, reason: str) -> None:
    with pytest.raises(TruthError) as caught:
        document(tmp_path, annotation(image_id=image), *[annotation(image_id=given)] * 2, id=image)
    assert reason in str(caught.value)


def test_text_sizes_are_said(tmp_path: Path) -> None:
    image = only(tmp_path, annotation(), width="100", height="80")
    for read in (lambda: image.read(WH, "coco.json"), lambda: image.object_names("coco.json")):
        with pytest.raises(
            LabelError, match='image 7: width and height are not whole numbers but text, "100" and "80"'
        ):
            read()


@pytest.mark.parametrize("nothing", [[], [0, 0, 0, 0], [-1, -1, -1, -1]])
def test_an_image_of_placeholders_is_a_background_and_their_class_is_not_used(tmp_path: Path, nothing: object) -> None:
    background = [{"id": 0, "name": "background"}, *CATEGORIES]
    found = document(tmp_path, *[annotation(nothing, 0)] * 2, categories=background)
    assert found.class_names == ("dog", "car")
    assert found.images[0].object_names("coco.json") == ()
    assert len(found.images[0].read(WH, "coco.json")) == 0


def test_a_placeholder_among_boxes_may_be_an_object_anywhere(tmp_path: Path) -> None:
    image = only(tmp_path, annotation(), annotation([0, 0, 0, 0]))
    for read in (lambda: image.read(WH, "coco.json"), lambda: image.object_names("coco.json")):
        with pytest.raises(LabelError, match=r"coco\.json, image 7: object 1 has a box without a size"):
            read()


@pytest.mark.parametrize("bbox", [[1, 1, -5, 5], [1, 1, 0, 5], [200, 1, 5, 5], [1, 1, float("nan"), 5]])
def test_counting_and_reading_refuse_the_same_boxes(tmp_path: Path, bbox: object) -> None:
    image = only(tmp_path, annotation(bbox), width=100, height=80)
    for read in (lambda: image.read(WH, "coco.json"), lambda: image.object_names("coco.json")):
        with pytest.raises(LabelError, match=r"coco\.json, image 7, annotation 4: "):
            read()


def test_a_region_to_ignore_is_a_crowd_of_every_class_and_no_object(tmp_path: Path) -> None:
    found = document(tmp_path, annotation(), annotation([50, 50, 20, 20], 3))
    truth = found.images[0].read(WH, "coco.json")
    assert found.class_names == ("dog", "car")
    assert found.images[0].object_names("coco.json") == ("dog",)
    assert (truth.class_names, truth.crowd.tolist()) == (("dog", "dog", "car"), [False, True, True])
    assert truth.boxes_xyxy[1:].tolist() == [[50, 50, 70, 70]] * 2


def test_a_class_that_is_not_judged_is_a_crowd_that_fills_the_image(tmp_path: Path) -> None:
    image = only(tmp_path, annotation(), not_exhaustive_category_ids=[1])
    truth = image.read(WH, "coco.json")
    assert (truth.class_names, truth.crowd.tolist()) == (("dog", "dog"), [False, True])
    assert truth.boxes_xyxy.tolist() == [[10, 20, 40, 60], [0, 0, 100, 80]]
    assert image.object_names("coco.json") == ("dog",)


def test_an_image_in_which_a_class_is_not_judged_is_no_background(tmp_path: Path) -> None:
    image = only(tmp_path, neg_category_ids=[2])
    assert image.object_names("coco.json") == ("dog",)
    truth = image.read(WH, "coco.json")
    assert (truth.class_names, truth.crowd.tolist()) == (("dog",), [True])


def test_an_image_that_was_searched_for_every_class_is_a_background(tmp_path: Path) -> None:
    image = only(tmp_path, neg_category_ids=[1, 2])
    assert image.object_names("coco.json") == ()
    assert len(image.read(WH, "coco.json")) == 0


def test_one_image_with_negative_categories_makes_the_file_federated(tmp_path: Path) -> None:
    text = json.dumps(
        {"images": [{"id": 7}, {"id": 8, "neg_category_ids": [1, 2]}], "annotations": [], "categories": CATEGORIES}
    )
    without, searched = CocoDocument.read(put(tmp_path / "coco.json", text)).images
    assert (without.unjudged, searched.unjudged) == (("dog", "car"), ())


def test_a_class_that_only_another_document_lists_is_not_judged_in_this_one(tmp_path: Path) -> None:
    groups = [{"id": 0, "name": "pets", "supercategory": "none"}, {"id": 1, "name": "dog", "supercategory": "pets"}]
    own = document(tmp_path, annotation(), categories=groups)
    assert own.among(own.class_names) is own
    joined = own.among(("pets", "dog", "car"))  # another document uses `pets`, which this one lists
    [image] = joined.images
    assert joined.class_names == image.class_names == ("pets", "dog", "car")
    assert image.unjudged == ("car",)
    assert image.object_names("coco.json") == ("dog",)
    assert own.images[0].unjudged == ()


def test_what_was_searched_for_and_cannot_be_read_breaks_the_label(tmp_path: Path) -> None:
    image = only(tmp_path, not_exhaustive_category_ids=["1"])
    for read in (lambda: image.read(WH, "coco.json"), lambda: image.object_names("coco.json")):
        with pytest.raises(LabelError, match=r"image 7: expected not_exhaustive_category_ids to list ids"):
            read()


def test_everything_that_is_used_is_in_the_hash(tmp_path: Path) -> None:
    images = [
        only(tmp_path),
        only(tmp_path, annotation()),
        only(tmp_path, annotation(category=2)),
        only(tmp_path, annotation([10, 20, 30, 41])),
        only(tmp_path, annotation(ignore=1)),
        only(tmp_path, annotation(ignore="perhaps")),
        only(tmp_path, annotation([])),
        only(tmp_path, annotation(), width=100),
        only(tmp_path, annotation(), neg_category_ids=[]),
        only(tmp_path, annotation(), neg_category_ids=[2]),
        only(tmp_path, annotation(), not_exhaustive_category_ids=[1]),
        only(tmp_path, annotation(), not_exhaustive_category_ids=["1"]),
        only(tmp_path, annotation(None, segmentation=[[1, 1, 5, 1, 5, 5]])),
        only(tmp_path, annotation(None, segmentation=[[1, 1, 6, 1, 5, 5]])),
    ]
    assert len({image.hash_text() for image in images}) == len(images)


def test_lvis_has_an_address_in_place_of_a_file_name(tmp_path: Path) -> None:
    assert only(tmp_path, file_name=None, coco_url="http://images.test/val2017/0.jpg").file_name == "val2017/0.jpg"
    assert only(tmp_path, file_name=None, coco_url=None).file_name == ""
