"""What counts as an image of a data set: each file once, none that is hidden, none that is nowhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from banks import MakeBank, judge
from blobs import draw, voc_xml

from negmine.datasets.labelled import labelled_images
from negmine.datasets.open import open_dataset
from negmine.errors import SourceError
from negmine.exporting.config import ExportConfig
from negmine.exporting.export import export


def make_yolo(folder: Path, yaml: str = "train: images\nnames: [cat]\n") -> Path:
    """An image with an object, an empty one, one without a label."""
    for name, label in (("a", "0 0.5 0.5 0.1 0.1\n"), ("b", ""), ("c", None)):
        draw(folder / "images" / f"{name}.png")
        if label is not None:
            (folder / "labels").mkdir(exist_ok=True)
            (folder / "labels" / f"{name}.txt").write_text(label)
    (folder / "data.yaml").write_text(yaml)
    return folder / "data.yaml"


def names_of(*paths: Path) -> list[tuple[str, str, tuple[str, ...] | None]]:
    """Split, file name and objects."""
    images = labelled_images([open_dataset(path) for path in paths])
    return [(image.split, image.path.name, image.names) for image in images]


def test_no_data_sets() -> None:
    assert labelled_images([]) == []


def test_a_data_set_given_twice_is_listed_once(tmp_path: Path) -> None:
    data = make_yolo(tmp_path)
    once = [("train", "a.png", ("cat",)), ("train", "b.png", ()), ("train", "c.png", None)]
    assert names_of(data) == names_of(data, data) == once


def test_a_file_in_two_splits_is_in_both(tmp_path: Path) -> None:
    data = make_yolo(tmp_path, "train: images\nvalidation: [images/a.png]\nnames: [cat]\n")
    assert [(split, name) for split, name, _ in names_of(data) if name == "a.png"] == [
        ("train", "a.png"),
        ("val", "a.png"),
    ]


def test_a_link_is_no_second_image(tmp_path: Path) -> None:
    draw(tmp_path / "voc" / "a.png")
    voc_xml(tmp_path / "voc" / "a.xml", "a.png", [("cat", 1, 1, 9, 9)])
    (tmp_path / "voc" / "z.png").symlink_to("a.png")
    assert names_of(tmp_path / "voc") == [("all", "a.png", ("cat",))]


def test_what_a_list_names_and_is_nowhere_is_no_image(tmp_path: Path) -> None:
    """A label is beside where the image would be; a link to nothing is something, which its reader tells of."""
    data = make_yolo(tmp_path, "train: train.txt\nval: val.txt\nnames: [cat]\n")
    (tmp_path / "labels" / "gone.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    (tmp_path / "images" / "link.png").symlink_to("nothing")
    (tmp_path / "train.txt").write_text("./images/gone.png\n./images/a.png\n./images/link.png\n")
    (tmp_path / "val.txt").write_text("./images/gone.png\n./images/b.png\n")
    assert [name for _, name, _ in names_of(data)] == ["a.png", "link.png", "b.png"]
    gone = (str(tmp_path / "labels" / "gone.txt"), str(tmp_path / "images" / "gone.png"))
    assert open_dataset(data).lost == open_dataset(data, split="val").lost == gone


def test_hidden_files_and_folders_beside_images_are_none(tmp_path: Path) -> None:
    draw(tmp_path / "voc" / "a.png")
    voc_xml(tmp_path / "voc" / "a.xml", "a.png", [("cat", 1, 1, 9, 9)])
    draw(tmp_path / "voc" / "B.JPG")
    (tmp_path / "voc" / "._a.png").write_bytes(b"what a Mac leaves")
    (tmp_path / "voc" / "d.png").mkdir()
    (tmp_path / "voc" / "e.txt").write_text("no image")
    assert names_of(tmp_path / "voc") == [("all", "B.JPG", None), ("all", "a.png", ("cat",))]


def test_a_yaml_without_splits_says_so_whatever_is_asked(tmp_path: Path) -> None:
    data = make_yolo(tmp_path, "names: [cat]\n")
    with pytest.raises(SourceError, match="names no images: expected one of train, val, test"):
        open_dataset(data, split="train")


def test_a_voc_export_is_a_data_set_without_classes(make_bank: MakeBank, tmp_path: Path) -> None:
    judge(make_bank(1), 1, "accepted")
    export(tmp_path / "bank", tmp_path / "out", config=ExportConfig(format="voc"))
    dataset = open_dataset(tmp_path / "out")
    assert (dataset.format_name, dataset.class_names, dataset.lost) == ("Pascal VOC", (), ())
    assert [image.names for image in labelled_images([dataset])] == [()]


def test_broken_xml_and_broken_coco_entries_are_told_and_stop_nothing(tmp_path: Path) -> None:
    for name in "ab":
        draw(tmp_path / "voc" / f"{name}.png")
    voc_xml(tmp_path / "voc" / "a.xml", "a.png", [("cat", 1, 1, 9, 9)])
    (tmp_path / "voc" / "b.xml").write_text("<annotation><object>")
    images = [{"id": i, "file_name": f"{name}.png"} for i, name in enumerate("ab")]
    objects = [{"id": i, "image_id": i, "category_id": i, "bbox": [1, 1, 9, 9]} for i in range(2)]
    document = {"images": images, "annotations": objects, "categories": [{"id": 0, "name": "cat"}]}
    draw(tmp_path / "coco" / "a.png")
    draw(tmp_path / "coco" / "b.png")
    (tmp_path / "coco" / "instances_val.json").write_text(json.dumps(document))
    for folder, said in (("voc", "no readable XML"), ("coco", "category 1 is not among")):
        first, second = labelled_images([open_dataset(tmp_path / folder)])
        assert (first.names, first.broken) == (("cat",), None)
        assert second.names is None and said in str(second.broken)
