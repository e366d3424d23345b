"""Which label an image has, in the layouts that tools write; none is guessed."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import pytest
from blobs import draw, voc_xml

from negmine.datasets.config import LabelConfig
from negmine.datasets.labelled import labelled_images
from negmine.datasets.open import open_dataset, open_truth
from negmine.errors import ConfigError, LabelError, TruthError
from negmine.evaluating.config import EvalConfig
from negmine.evaluating.data import open_data
from negmine.labels.classes import parse_class_map

_ROW = "0 0.5 0.5 0.1 0.1\n"


def put(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def image(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return draw(path)


def coco(path: Path, *names: str) -> Path:
    images = [{"id": number, "file_name": name} for number, name in enumerate(names)]
    objects = [{"id": n, "image_id": n, "category_id": 1, "bbox": [1, 1, 9, 9]} for n in range(len(names))]
    document = {"images": images, "annotations": objects, "categories": [{"id": 1, "name": "cat"}]}
    return put(path, json.dumps(document))


def xml(path: Path, filename: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    voc_xml(path, filename, [("cat", 1, 1, 9, 9)])
    return path


def told(data: Path, config: LabelConfig | None = None) -> dict[str, object]:
    """Split and name of each image, to the number of its objects, None for an unlabelled one, or what is wrong."""
    images = labelled_images([open_dataset(data, config=config)])
    return {
        f"{each.split}/{each.path.name}": each.broken or (None if each.names is None else len(each.names))
        for each in images
    }


def test_a_data_set_whose_labels_found_no_image_is_refused(tmp_path: Path) -> None:
    data = coco(tmp_path / "labels" / "train.json", "a.png", "b.png")
    image(tmp_path / "march" / "a.png")
    with pytest.raises(TruthError, match=r"2 labels: 0 paired, 2 found no image \(a\.png, b\.png; looked in labels/"):
        open_dataset(data)
    assert told(data, LabelConfig(images=tmp_path / "march")) == {"train/a.png": 1}


def test_the_very_name_outside_the_labels_folder_is_not_clear_beside_another_case_inside(tmp_path: Path) -> None:
    image(tmp_path / "images" / "a.png")
    image(tmp_path / "images" / "cam1" / "A.png")
    image(tmp_path / "images" / "b.png")
    for name in ("cam1/a", "b"):
        put(tmp_path / "labels" / f"{name}.txt", _ROW)
    found = told(put(tmp_path / "data.yaml", "train: images\nnames: [cat]\n"))
    assert found.pop("train/b.png") == 1
    assert set(found) == {"train/a.png", "train/A.png"}
    assert all("could belong to" in str(each) for each in found.values())


@pytest.mark.parametrize(
    ("stated", "file"),
    [
        ("a.png", "a.PNG"),
        ("a", "a.png"),
        ("a.jpg", "a.png"),
        ("A.png", "a.png"),
        ("C:\\data\\raw\\a.png", "a.png"),
        ("https://bucket.example/raw/a%20b.png?sig=1", "a b.png"),
        (unicodedata.normalize("NFD", "größe.png"), unicodedata.normalize("NFC", "größe.png")),
    ],
)
def test_case_suffix_and_unicode_form_make_no_difference_where_one_image_is_left(
    tmp_path: Path, stated: str, file: str
) -> None:
    data = coco(tmp_path / "labels.json", stated)
    image(tmp_path / "images" / "one" / file)
    assert list(told(data).values()) == [1]
    image(tmp_path / "images" / "two" / file)
    assert all("could belong to" in str(each) for each in told(data).values())


def test_frames_of_two_cameras_keep_their_own_labels(tmp_path: Path) -> None:
    for camera in ("cam1", "cam2"):
        image(tmp_path / "voc" / "JPEGImages" / camera / "0.png")
    xml(tmp_path / "voc" / "Annotations" / "cam1" / "0.xml", "0.png")
    root = tmp_path / "voc" / "JPEGImages"
    truth = open_truth(tmp_path / "voc", images=[root / "cam1" / "0.png", root / "cam2" / "0.png"])
    assert [truth.object_names(root / camera / "0.png") for camera in ("cam1", "cam2")] == [("cat",), None]
    (root / "cam1" / "0.png").unlink()
    with pytest.raises(LabelError, match="is for another folder"):
        open_truth(tmp_path / "voc").object_names(root / "cam2" / "0.png")


def test_the_labels_of_one_video_are_not_those_of_another(tmp_path: Path) -> None:
    for video in ("video1", "video2"):
        image(tmp_path / "clips" / video / "f0.png")
    frames = sorted((tmp_path / "clips").glob("*/*.png"))
    for labels in (tmp_path / "video1", tmp_path / "all" / "video1"):
        xml(labels / "f0.xml", "f0.png")
        truth = open_truth(tmp_path / labels.relative_to(tmp_path).parts[0], images=frames)
        assert [truth.object_names(frame) for frame in frames] == [("cat",), None]
        alone = open_truth(tmp_path / labels.relative_to(tmp_path).parts[0], images=frames[1:])
        with pytest.raises(LabelError, match="is for another folder"):
            alone.object_names(frames[1])


def test_an_xml_that_states_another_image_than_its_own_name_is_a_conflict(tmp_path: Path) -> None:
    for number in range(3):
        image(tmp_path / "images" / f"f{number}.png")
        xml(tmp_path / "annotations" / f"f{number}.xml", f"f{number + 1}.png")
    found = told(tmp_path)
    assert all("states another, f" in str(each) for each in found.values()) and len(found) == 3
    assert str(open_truth(tmp_path).pairing) == "3 labels: 0 paired, 3 in conflict (f0.xml, f1.xml, f2.xml)"


@pytest.mark.parametrize("label", ["labels/a.TXT", "labels/A.txt", "images/a.txt"])
def test_yolo_labels_under_other_names_are_found(tmp_path: Path, label: str) -> None:
    image(tmp_path / "images" / "a.png")
    image(tmp_path / "images" / "b.png")
    put(tmp_path / label, _ROW)
    data = put(tmp_path / "data.yaml", "train: images\nval: images\nnames: [cat]\n")
    assert told(data) == {f"{split}/{name}": objects for split in ("train", "val") for name, objects in
                          (("a.png", 1), ("b.png", None))}  # fmt: skip
    assert told(data, LabelConfig(missing_is_empty=True))["train/b.png"] == 0


def test_missing_is_empty_is_refused_while_labels_found_no_image(tmp_path: Path) -> None:
    image(tmp_path / "images" / "a.png")
    image(tmp_path / "images" / "b.png")
    put(tmp_path / "labels" / "a.txt", _ROW)
    put(tmp_path / "labels" / "b_1.txt", _ROW)
    put(tmp_path / "labels" / "classes.txt", "cat\n")
    put(tmp_path / "labels" / "notes.txt", "labelled in March by two people\n")
    data = put(tmp_path / "data.yaml", "train: images\nnames: [cat]\n")
    with pytest.raises(TruthError, match=r"2 labels: 1 paired, 1 found no image \(b_1\.txt; .*--ignore-orphans"):
        open_dataset(data, config=LabelConfig(missing_is_empty=True))
    assert told(data)["train/b.png"] is None
    assert told(data, LabelConfig(missing_is_empty=True, ignore_orphans=True))["train/b.png"] == 0


def test_darknet_and_labelimg(tmp_path: Path) -> None:
    for name in ("a", "b"):
        image(tmp_path / "cvat" / "obj_train_data" / f"{name}.png")
        put(tmp_path / "cvat" / "obj_train_data" / f"{name}.txt", _ROW if name == "a" else "")
        image(tmp_path / "labelimg" / f"{name}.png")
    put(tmp_path / "cvat" / "obj.names", "cat\n")
    put(tmp_path / "cvat" / "train.txt", "data\\obj_train_data\\a.png\r\ndata/obj_train_data/b.png\n")
    data = put(tmp_path / "cvat" / "obj.data", "classes = 1\ntrain = data/train.txt\nnames = data/obj.names\n")
    put(tmp_path / "labelimg" / "a.txt", _ROW)
    put(tmp_path / "labelimg" / "classes.txt", "cat\n")
    assert told(data) == told(data.parent) == {"train/a.png": 1, "train/b.png": 0}
    beside = tmp_path / "labelimg"
    assert told(beside) == told(beside / "classes.txt") == {"all/a.png": 1, "all/b.png": None}


@pytest.mark.parametrize("kind", ["voc", "coco"])
def test_split_folders_are_splits(tmp_path: Path, kind: str) -> None:
    for split in ("train", "valid", "test"):
        image(tmp_path / split / "a.png")
        if kind == "voc":
            xml(tmp_path / split / "a.xml", "a.png")
        else:
            coco(tmp_path / split / "_annotations.coco.json", "a.png")
    assert told(tmp_path) == {"train/a.png": 1, "val/a.png": 1, "test/a.png": 1}
    assert {each.name for each in open_dataset(tmp_path, split="valid").splits} == {"val"}


def test_a_background_that_a_label_says_is_none_is_left_out(tmp_path: Path) -> None:
    """The label is in the data set, the image only among the backgrounds."""
    image(tmp_path / "set" / "images" / "a.png")
    backgrounds: Sequence[Path] = [image(tmp_path / "far" / f"{name}.png") for name in "bc"]
    data = coco(tmp_path / "set" / "labels.json", "a.png", "b.png")
    found = open_data(data, split=None, backgrounds=backgrounds, labels=EvalConfig().labels)
    assert (found.with_targets, found.backgrounds) == ((backgrounds[0],), (backgrounds[1],))
    assert [path.name for path in found.labelled] == ["a.png"]


def test_a_class_map_renames_in_every_answer(tmp_path: Path) -> None:
    path = image(tmp_path / "a.png")
    truth = open_truth(
        coco(tmp_path / "labels.json", "a.png"), config=LabelConfig(class_map=parse_class_map(["cat=x"]))
    )
    read = truth.read(path, (200, 120))
    assert (truth.class_names, truth.object_names(path), read and read.class_names) == (("x",), ("x",), ("x",))
    assert truth.label_hash(path) != open_truth(tmp_path / "labels.json").label_hash(path)
    item = open_truth(tmp_path / "labels.json", config=LabelConfig(class_map={"item": "cat"}))  # of the detector
    assert item.class_names == ("cat",) and not item.is_renamed  # type: ignore[union-attr]
    assert item.label_hash(path) not in (truth.label_hash(path), open_truth(tmp_path / "labels.json").label_hash(path))
    with pytest.raises(TruthError, match="reads dog as x, and the data has neither"):
        open_truth(tmp_path / "labels.json", config=LabelConfig(class_map={"dog": "x"}))
    with pytest.raises(ConfigError, match="OLD=NEW"):
        parse_class_map(["cat"])


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("images/train", "train/labels"),
        ("train/images", "labels/train"),
        ("Images", "Labels"),
        ("frames", "ann"),
        ("my images", "my labels"),
        ("VOC2007/JPEGImages", "VOC2007/labels"),
        ("train_images", "train_labels"),
    ],
)
def test_yolo_labels_in_other_folders_are_found(tmp_path: Path, images: str, labels: str) -> None:
    for name in "ab":
        image(tmp_path / images / f"{name}.png")
    put(tmp_path / labels / "a.txt", _ROW)
    data = put(tmp_path / "data.yaml", f"train: {images}\nnames: [cat]\n")
    assert told(data, LabelConfig(missing_is_empty=True)) == {"train/a.png": 1, "train/b.png": 0}


@pytest.mark.parametrize(("images", "labels"), [("train_images", "train_annotations"), ("my images", "my labels")])
def test_folders_may_be_called_by_more_than_what_is_in_them(tmp_path: Path, images: str, labels: str) -> None:
    image(tmp_path / images / "a.png")
    xml(tmp_path / labels / "a.png.xml", "")
    assert list(told(tmp_path).values()) == list(told(tmp_path / labels).values()) == [1]


def test_a_stated_folder_that_contradicts_the_image_is_a_conflict(tmp_path: Path) -> None:
    image(tmp_path / "JPEGImages" / "cam1" / "0002.png")
    xml(tmp_path / "Annotations" / "0002.xml", "cam2/0002.png")
    assert all("is for another folder" in str(each) for each in told(tmp_path).values())


@pytest.mark.parametrize(
    ("images", "labels"),
    [("cam1/images", "cam2/annots"), ("left", "right"), ("camA", "camB"), ("cam1", "cam2"), ("front/img", "rear/xml")],
)
def test_the_labels_of_a_sibling_are_none_of_these_images(tmp_path: Path, images: str, labels: str) -> None:
    path = image(tmp_path / images / "1.png")
    xml(tmp_path / labels / "1.xml", "1.png")
    with pytest.raises(LabelError, match="is for another folder"):
        open_truth(tmp_path / labels, images=[path]).object_names(path)


def test_the_folder_that_is_named_for_the_images_is_not_that_of_a_sibling(tmp_path: Path) -> None:
    for number in range(2):
        image(tmp_path / "raw" / "cam1" / f"{number}.png")
        xml(tmp_path / "ann" / f"cam{number + 1}" / f"{number}.xml", f"{number}.png")
    found = told(tmp_path / "ann", LabelConfig(images=tmp_path / "raw" / "cam1"))
    assert found["all/0.png"] == 1 and "is for another folder" in str(found["all/1.png"])


def test_missing_is_empty_does_not_hold_for_a_namesake_of_a_labelled_image(tmp_path: Path) -> None:
    image(tmp_path / "set" / "images" / "a.png")
    xml(tmp_path / "set" / "annotations" / "a.xml", "a.png")
    frames = [image(tmp_path / "frames" / f"{name}.png") for name in "ab"]
    truth = open_truth(tmp_path / "set", config=LabelConfig(missing_is_empty=True), images=frames)
    with pytest.raises(LabelError, match="the name of a labelled image"):
        truth.object_names(frames[0])
    assert truth.object_names(frames[1]) == ()


def test_missing_is_empty_is_refused_where_two_labels_state_one_image_and_where_there_is_no_label(
    tmp_path: Path,
) -> None:
    for name in "ac":
        image(tmp_path / "images" / f"{name}.png")
    xml(tmp_path / "annotations" / "x.xml", "a.png")
    voc_xml(tmp_path / "annotations" / "y.xml", "a.png", [])
    with pytest.raises(TruthError, match=r"0 paired, 2 in conflict .*--missing-is-empty is refused"):
        open_dataset(tmp_path, config=LabelConfig(missing_is_empty=True))
    image(tmp_path / "yolo" / "images" / "a.png")
    data = put(tmp_path / "yolo" / "data.yaml", "train: images\nnames: [cat]\n")
    with pytest.raises(TruthError, match="found no label at all"):
        open_dataset(data, config=LabelConfig(missing_is_empty=True))


@pytest.mark.parametrize("folder", ["data", "dataset", "images"])
@pytest.mark.parametrize("labels", ["labels.json", "Annotations/train.json", "gt/train.json"])
def test_coco_beside_any_usual_folder(tmp_path: Path, folder: str, labels: str) -> None:
    image(tmp_path / folder / "a.png")
    coco(tmp_path / labels, "a.png")
    assert list(told(tmp_path).values()) == [1]


def test_an_image_of_another_split_is_not_that_of_a_label(tmp_path: Path) -> None:
    image(tmp_path / "images" / "val" / "a.png")
    image(tmp_path / "images" / "train" / "b.png")
    found = told(coco(tmp_path / "annotations" / "instances_train.json", "a.png", "b.png"))
    assert found["train/b.png"] == 1 and "is for another folder" in str(found["train/a.png"])


def test_a_folder_that_is_called_as_the_data_set_is_no_nearer(tmp_path: Path) -> None:
    for folder in ("kangaroo", "wallaby"):
        image(tmp_path / "kangaroo" / folder / "1.png")
    xml(tmp_path / "kangaroo" / "annots" / "1.xml", "1.png")
    assert all(
        "could belong to kangaroo/1.png and wallaby/1.png" in str(e) for e in told(tmp_path / "kangaroo").values()
    )


def test_an_absolute_path_that_exists_is_the_image(tmp_path: Path) -> None:
    paths = [image(tmp_path / "images" / folder / "1.png") for folder in "ab"]
    truth = open_truth(coco(tmp_path / "labels.json", str(paths[1])))
    assert [truth.object_names(path) for path in paths] == [None, ("cat",)]


def test_yolo_labels_of_other_folders_and_of_runs_are_not_taken(tmp_path: Path) -> None:
    for name in "abc":
        image(tmp_path / "images" / f"{name}.png")
    put(tmp_path / "labels" / "a.txt", _ROW)
    put(tmp_path / "cam2" / "b.txt", _ROW)
    put(tmp_path / "runs" / "detect" / "predict" / "labels" / "c.txt", _ROW)
    data = put(tmp_path / "data.yaml", "train: images\nnames: [cat]\n")
    found = told(data, LabelConfig(missing_is_empty=True, ignore_orphans=True))
    assert (found["train/a.png"], found["train/c.png"]) == (1, 0)
    assert "is for another folder" in str(found["train/b.png"])


def test_a_root_in_the_folder_of_data_sets_of_ultralytics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image(tmp_path / "sets" / "cats" / "images" / "a.png")
    put(tmp_path / "sets" / "cats" / "labels" / "a.txt", _ROW)
    put(tmp_path / "config" / "settings.json", json.dumps({"datasets_dir": str(tmp_path / "sets")}))
    monkeypatch.setenv("YOLO_CONFIG_DIR", str(tmp_path / "config"))
    data = put(tmp_path / "far" / "cats.yaml", "path: cats\ntrain: images\nnames: [cat]\n")
    assert told(data) == {"train/a.png": 1}
