"""Data sets: every image in its split, with a label, an empty one, or none."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
from banks import MakeBank, judge
from blobs import draw, voc_xml

from negmine.datasets.labelled import LabelledImage, labelled_images
from negmine.datasets.open import open_dataset
from negmine.errors import SourceError, TruthError
from negmine.exporting.export import export


def told(*paths: Path, split: str | None = None) -> dict[tuple[str, str], tuple[str, ...] | None]:
    """Split and file name to the names of the objects."""
    images = labelled_images([open_dataset(path, split=split) for path in paths])
    assert len({(image.dataset, image.split, image.path) for image in images}) == len(images)
    return {(image.split, image.path.name): image.names for image in images}


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def yolo(tmp_path: Path) -> Path:
    """Two splits: an image with two objects, an empty one, one without a label; and a validation image."""
    for split, names in (("train", "abc"), ("val", "d")):
        for name in names:
            draw(tmp_path / "yolo" / "images" / split / f"{name}.png")
    write(tmp_path / "yolo" / "labels" / "train" / "a.txt", "0 0.5 0.5 0.1 0.1\n1 0.2 0.2 0.1 0.1\n")
    write(tmp_path / "yolo" / "labels" / "train" / "b.txt", "")
    write(tmp_path / "yolo" / "labels" / "val" / "d.txt", "1 0.5 0.5 0.1 0.1")
    return write(tmp_path / "yolo" / "data.yaml", "train: images/train\nval: images/val\nnames: [cat, dog]\n")


def test_yolo(yolo: Path) -> None:
    expected = {("train", "a.png"): ("cat", "dog"), ("train", "b.png"): (), ("train", "c.png"): None}
    assert told(yolo) == expected | {("val", "d.png"): ("dog",)}
    assert told(yolo.parent) == told(yolo)  # the folder that holds it
    assert told(yolo, split="train") == expected
    with pytest.raises(TruthError, match="has no split 'test', only train, val"):
        open_dataset(yolo, split="test")


def test_a_split_that_is_not_there_is_an_error_unless_another_is_asked_for(yolo: Path) -> None:
    yolo.write_text(yolo.read_text() + "test: images/test\n")
    with pytest.raises(SourceError, match=r"images/test, which does not exist"):
        open_dataset(yolo)
    assert len(told(yolo, split="val")) == 1


def test_a_yaml_without_images(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="names no images"):
        open_dataset(write(tmp_path / "data.yaml", "names: [cat]\n"))


def test_broken_labels_are_told_and_stop_nothing(yolo: Path) -> None:
    write(yolo.parent / "labels" / "train" / "a.txt", "7 0.5 0.5 0.1 0.1\n")
    broken = [image for image in labelled_images([open_dataset(yolo)]) if image.broken]
    assert [(image.path.name, image.names) for image in broken] == [("a.png", None)]
    assert "class 7 is not among the 2" in str(broken[0].broken)
    assert not broken[0].is_unlabelled and not broken[0].is_empty and not broken[0].is_positive


@pytest.fixture
def voc(tmp_path: Path) -> Path:
    """A VOC root: two images with objects, an empty one, one without a label, and a label without an image."""
    root = tmp_path / "voc"
    for name in ("a", "b", "c", "d"):
        draw(root / "JPEGImages" / f"{name}.png")
    voc_xml(root / "Annotations" / "a.xml", "a.png", [("cat", 1, 1, 9, 9), ("cat", 1, 1, 5, 5)], difficult=1)
    voc_xml(root / "Annotations" / "b.xml", "b.png", [("dog", 1, 1, 9, 9)])
    voc_xml(root / "Annotations" / "c.xml", "c.png", [])
    voc_xml(root / "Annotations" / "lost.xml", "lost.png", [("dog", 1, 1, 9, 9)])
    return root


def test_voc_without_lists_is_one_split(voc: Path) -> None:
    assert told(voc) == {
        ("all", "a.png"): ("cat", "cat"),  # difficult objects are objects
        ("all", "b.png"): ("dog",),
        ("all", "c.png"): (),
        ("all", "d.png"): None,
    }
    assert open_dataset(voc).lost == (str(voc / "Annotations" / "lost.xml"),)
    with pytest.raises(TruthError, match="has no split 'train', only one without a name"):
        open_dataset(voc, split="train")


def test_several_data_sets_without_splits_are_told_apart_by_their_names(voc: Path, tmp_path: Path) -> None:
    draw(tmp_path / "other" / "a.png")
    voc_xml(tmp_path / "other" / "a.xml", "a.png", [("cat", 1, 1, 9, 9)])
    assert {split for split, _ in told(voc, tmp_path / "other")} == {"voc", "other"}
    shutil.copytree(voc, tmp_path / "other" / "voc")
    assert {split for split, _ in told(voc, tmp_path / "other" / "voc")} == {str(voc), str(tmp_path / "other" / "voc")}


def test_a_data_set_given_twice_is_one(voc: Path) -> None:
    assert told(voc, voc.parent / "." / "voc" / ".." / "voc") == told(voc)


def test_voc_lists_make_splits(voc: Path) -> None:
    write(voc / "ImageSets" / "Main" / "train.txt", "a\nlost\n")
    write(voc / "ImageSets" / "Main" / "val.txt", "b\n\nd\n")
    write(voc / "ImageSets" / "Main" / "trainval.txt", "a\nb\nd\n")  # the two together: no split of its own
    write(voc / "ImageSets" / "Main" / "cat_train.txt", "a 1\nb -1\n")  # of one class: no split either
    assert set(told(voc)) == {("train", "a.png"), ("val", "b.png"), ("val", "d.png"), ("unlisted", "c.png")}
    assert set(told(voc, split="val")) == {("val", "b.png"), ("val", "d.png")}


def test_trainval_alone_is_a_split(voc: Path) -> None:
    write(voc / "ImageSets" / "Main" / "trainval.txt", "a\nb\nc\nd\n")
    assert {split for split, _ in told(voc)} == {"trainval"}


def test_a_list_that_is_no_text(voc: Path) -> None:
    write(voc / "ImageSets" / "Main" / "train.txt", "").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TruthError, match="cannot be read as a list of images"):
        open_dataset(voc)


def coco(path: Path, images: dict[str, list[int]], folder: str = "") -> Path:
    """A COCO JSON: file name to the categories of its objects (0: cat, 1: dog)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    entries = [{"id": i, "file_name": folder + name, "width": 200, "height": 120} for i, name in enumerate(images)]
    objects = [
        {"id": 10 * i + k, "image_id": i, "category_id": category, "bbox": [1, 1, 9, 9]}
        for i, categories in enumerate(images.values())
        for k, category in enumerate(categories)
    ]
    categories = [{"id": 0, "name": "cat"}, {"id": 1, "name": "dog"}]
    path.write_text(json.dumps({"images": entries, "annotations": objects, "categories": categories}))
    return path


def test_coco_files_share_a_folder_of_images(tmp_path: Path) -> None:
    for name in "abcd":
        draw(tmp_path / "images" / f"{name}.png")
    train = coco(tmp_path / "annotations" / "instances_train.json", {"a.png": [0, 1], "b.png": [], "gone.png": [1]})
    val = coco(tmp_path / "annotations" / "instances_val.json", {"c.png": [1]})
    both = told(train, val)
    assert {(split, name): names for (split, name), names in both.items() if names is not None} == {
        ("train", "a.png"): ("cat", "dog"),
        ("train", "b.png"): (),
        ("val", "c.png"): ("dog",),
    }
    assert {name for (_, name), names in both.items() if names is None} == {"d.png"}  # no file labels it
    assert told(train)["train", "c.png"] is None  # alone, it cannot know of the other
    assert open_dataset(train).lost == ("gone.png",)


def test_coco_files_of_splits_with_the_same_names(tmp_path: Path) -> None:
    for split in ("train", "val"):
        for name in ("0", "1"):
            draw(tmp_path / "images" / split / f"{name}.png", seed=len(split))
    train = coco(tmp_path / "annotations" / "instances_train.json", {"0.png": [0], "1.png": []})
    val = coco(tmp_path / "annotations" / "instances_val.json", {"0.png": [1], "1.png": [1]})
    assert told(train, val) == {
        ("train", "0.png"): ("cat",),
        ("train", "1.png"): (),
        ("val", "0.png"): ("dog",),
        ("val", "1.png"): ("dog",),
    }
    assert {image.parent.name for split in open_dataset(val).splits for image in split.images} == {"val"}


def test_a_coco_file_whose_name_tells_nothing_and_two_images_of_one_name(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        draw(tmp_path / "images" / folder / "0.png", seed=len(folder))
    labels = coco(tmp_path / "labels.json", {"0.png": [0]})
    images = labelled_images([open_dataset(labels)])
    assert all("could belong to one/0.png and two/0.png" in str(image.broken) for image in images) and len(images) == 2


def test_coco_beside_its_images(tmp_path: Path) -> None:
    draw(tmp_path / "valid" / "a.png")
    path = coco(tmp_path / "valid" / "_annotations.coco.json", {"a.png": [1]})
    assert told(path) == {("valid", "a.png"): ("dog",)}


def test_an_export_is_a_data_set_of_empty_images(make_bank: MakeBank, tmp_path: Path) -> None:
    judge(make_bank(1), 1, "accepted")
    export(tmp_path / "bank", tmp_path / "out")
    ((split, _), names), *others = told(tmp_path / "out").items()
    assert (split, names, others) == ("train", (), [])


def test_a_data_set_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(TruthError, match="does not exist"):
        open_dataset(tmp_path / "nowhere")


def _counts(images: list[LabelledImage]) -> tuple[int, Counter[str]]:
    return sum(image.is_positive for image in images), Counter(name for image in images for name in image.names or ())


@pytest.mark.parametrize(("name", "positives", "objects"), [("kangaroo", 164, 266), ("raccoon", 200, 217)])
def test_real_photographs(real_data: Path, name: str, positives: int, objects: int) -> None:
    dataset = open_dataset(real_data / "images" / name)
    assert _counts(labelled_images([dataset])) == (positives, Counter({name: objects}))
    assert dataset.lost == () and dataset.format_name == "Pascal VOC" and dataset.class_names == (name,)
