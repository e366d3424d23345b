"""The classes of an image's objects, told without its size; they are those that `read` finds."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from label_files import TruthOf, put, voc_object, voc_xml

from negmine.datasets.open import open_truth
from negmine.errors import LabelError
from negmine.paths import RealPaths


def make_yolo(folder: Path, rows: str | None, extra: str = "") -> tuple[TruthOf, Path]:
    """A truth and an image with these rows."""
    data_yaml = put(folder / "data.yaml", f"train: images\nnames: [cat, dog]\n{extra}")
    if rows is not None:
        put(folder / "labels" / "a.txt", rows)
    return TruthOf(data_yaml), put(folder / "images" / "a.png")


@pytest.mark.parametrize(
    ("rows", "names"),
    [
        (None, None),
        ("", ()),
        ("\n  \n", ()),
        ("1 0.5 0.5 0.1 0.1\n0 0.1 0.1 0.9 0.1 0.5 0.9\n1 0.2 0.2 0.1 0.1\n", ("dog", "cat", "dog")),
    ],
)
def test_yolo(tmp_path: Path, rows: str | None, names: tuple[str, ...] | None) -> None:
    truth, image = make_yolo(tmp_path, rows)
    read = truth.read(image, (100, 100))
    assert truth.object_names(image) == names == (None if read is None else read.class_names)


def test_yolo_key_points_are_no_objects(tmp_path: Path) -> None:
    truth, image = make_yolo(tmp_path, "1 0.5 0.5 0.1 0.1 5 5 2\n", "kpt_shape: [1, 3]\n")
    assert truth.object_names(image) == ("dog",)


@pytest.mark.parametrize("row", ["0", "0 0.5 0.5", "0 50 50 10 10", "0 nan 0.5 0.1 0.1", "2 0.5 0.5 0.1 0.1", "cat"])
def test_a_yolo_row_that_read_refuses_is_no_object(tmp_path: Path, row: str) -> None:
    truth, image = make_yolo(tmp_path, f"1 0.5 0.5 0.1 0.1\n{row}\n")
    with pytest.raises(LabelError, match="line 2"):
        truth.read(image, (100, 100))
    with pytest.raises(LabelError, match="line 2"):
        truth.object_names(image)


def test_voc_counts_difficult_objects(tmp_path: Path) -> None:
    hard = voc_object("dog", (1, 1, 5, 5), "<difficult>1</difficult>")
    put(tmp_path / "a.xml", voc_xml(voc_object("cat", (1, 1, 9, 9)), hard, filename="a.png", size_wh=(7, 7)))
    put(tmp_path / "b.xml", voc_xml(filename="b.png"))
    images = [put(tmp_path / f"{name}.png") for name in "abc"]
    truth = TruthOf(tmp_path)
    assert [truth.object_names(image) for image in images] == [("cat", "dog"), (), None]
    pairing = open_truth(tmp_path).pairing
    assert (pairing.images, pairing.orphans) == (tuple(map(str, images[:2])), ())


def test_a_broken_voc_label_is_an_error(tmp_path: Path) -> None:
    put(tmp_path / "a.xml", voc_xml(filename="a.png"))
    put(tmp_path / "b.xml", voc_xml(voc_object("", (1, 1, 9, 9)), filename="b.png"))
    put(tmp_path / "a.png")
    with pytest.raises(LabelError, match=r"b\.xml: object 0 has no name"):
        TruthOf(tmp_path).object_names(put(tmp_path / "b.png"))


def make_coco(folder: Path, *annotations: dict[str, object]) -> tuple[TruthOf, Path]:
    """A truth whose one image has these annotations."""
    document = {
        "images": [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "gone.png"}],
        "annotations": [{"id": n, "image_id": 1, **each} for n, each in enumerate(annotations)],
        "categories": [{"id": 5, "name": "cat"}],
    }
    image = put(folder / "a.png")
    return TruthOf(put(folder / "labels.json", json.dumps(document))), image


def test_coco_counts_crowds(tmp_path: Path) -> None:
    crowd = {"category_id": 5, "bbox": [0, 0, 9, 9], "iscrowd": 1}
    truth, image = make_coco(tmp_path, {"category_id": 5, "bbox": [0, 0, 9, 9]}, crowd)
    assert truth.object_names(image) == ("cat", "cat")
    assert truth.object_names(put(tmp_path / "other.png")) is None
    pairing = open_truth(truth.path).pairing
    assert (pairing.images, pairing.orphans) == ((str(image),), ("gone.png",))


@pytest.mark.parametrize("wrong", [{"category_id": 6, "bbox": [0, 0, 9, 9]}, {"category_id": 5}, {"bbox": [0, 0, 9]}])
def test_a_coco_annotation_that_read_refuses_is_no_object(tmp_path: Path, wrong: dict[str, object]) -> None:
    truth, image = make_coco(tmp_path, {"category_id": 5, "bbox": [0, 0, 9, 9]}, wrong)
    with pytest.raises(LabelError, match="annotation 1"):
        truth.read(image, (100, 100))
    with pytest.raises(LabelError, match="annotation 1"):
        truth.object_names(image)


def test_real_paths_are_those_of_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "real" / "below" / "a.png")
    (tmp_path / "link").symlink_to("real/below")
    (tmp_path / "b.png").symlink_to("link/a.png")
    (tmp_path / "loop").symlink_to("loop")
    monkeypatch.chdir(tmp_path)
    real_path = RealPaths()
    names = ["b.png", "link/a.png", "link/../x.png", "link/..", "real/below/a.png", "loop", "loop/a.png", "", "none/a"]
    for name in [*names, *names]:  # a folder that was resolved before, too
        for path in (Path(name), tmp_path / name):
            assert real_path(path) == os.path.realpath(path)
    assert real_path(tmp_path / "b.png") == real_path(Path("link/a.png")) == str(tmp_path / "real" / "below" / "a.png")
