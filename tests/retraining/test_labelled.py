"""What of a data set is trained on, and what is measured on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from toy import Thing, draw, sha256

from negmine.datasets.config import LabelConfig
from negmine.errors import TruthError
from negmine.retraining.labelled import LabelledData, read_labelled

MODEL = {0: "cat", 1: "lamp", 2: "sign"}
SQUARE: Thing = (20, 20, 60, 60, 0, 80)
ROW = "0 0.25 0.333333 0.25 0.333333\n"


def image(root: Path, split: str, name: str, row: str | None = ROW, *, seed: int | None = None) -> Path:
    """An image with its label, or with none."""
    where = draw(
        root / "images" / split / f"{name}.png", [SQUARE], seed=sum(map(ord, split + name)) if seed is None else seed
    )
    if row is not None:
        label = root / "labels" / split / f"{name}.txt"
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text(row)
    return where


def dataset(root: Path, splits: str = "train val", names: str = "[lamp]") -> Path:
    data = root / "data.yaml"
    data.write_text("".join(f"{split}: images/{split}\n" for split in splits.split()) + f"names: {names}\n")
    return data


def read(data: Path) -> LabelledData:
    return read_labelled(data, MODEL)


def names(images: object) -> list[str]:
    return sorted(image.path.stem for image in images)  # type: ignore[attr-defined]


def test_splits_are_taken_as_they_are(tmp_path: Path) -> None:
    for split, name in (("train", "a"), ("train", "b"), ("val", "c")):
        image(tmp_path, split, name)
    image(tmp_path, "train", "empty", "")
    image(tmp_path, "train", "unlabelled", None)
    found = read(dataset(tmp_path))
    assert (names(found.train), names(found.val)) == (["a", "b", "empty"], ["c"])
    assert names(each for each in found.train if each.is_positive) == ["a", "b"]
    assert found.class_ids == {"lamp": 1}  # the model's number, not the data's
    assert any("1 image without a label ignored" in note for note in found.notes)


def test_an_image_whose_label_leaves_a_class_open_is_not_trained_on(tmp_path: Path) -> None:
    images: list[dict[str, object]] = [{"id": i, "file_name": f"{i}.png"} for i in range(12)]
    for i in range(12):
        draw(tmp_path / f"{i}.png", [SQUARE], seed=i)
    images[4]["not_exhaustive_category_ids"] = [1]
    lamps = [{"id": i, "image_id": i, "category_id": 1, "bbox": [20, 20, 40, 40]} for i in range(12)]
    document = {"images": images, "annotations": lamps, "categories": [{"id": 1, "name": "lamp"}]}
    (tmp_path / "coco.json").write_text(json.dumps(document))
    found = read(tmp_path / "coco.json")
    assert len(found.train) == 11
    assert {path.name: reason for path, reason in found.skipped.items()} == {
        "4.png": "its label leaves open whether it holds lamp"
    }


def test_a_test_split_stands_in_for_a_missing_val_and_that_is_said(tmp_path: Path) -> None:
    image(tmp_path, "train", "a")
    image(tmp_path, "test", "b")
    found = read(dataset(tmp_path, "train test"))
    assert (names(found.train), names(found.val)) == (["a"], ["b"])
    assert "recall is measured on the split test" in found.notes


def test_without_either_every_image_is_to_train_on_each_content_once(tmp_path: Path) -> None:
    for number in range(6):
        image(tmp_path, "train", f"p{number}", seed=number // 2)  # pairs of the same bytes
    found = read(dataset(tmp_path, "train"))
    assert (len(found.train), found.val) == (3, ())


def test_a_train_that_is_the_val_is_to_train_on(tmp_path: Path) -> None:
    image(tmp_path, "train", "a")
    data = tmp_path / "data.yaml"
    data.write_text("train: images/train\nval: images/train\nnames: [lamp]\n")
    assert (names(read(data).train), read(data).val) == (["a"], ())


def test_copies_of_what_is_measured_on_are_not_trained_on(tmp_path: Path) -> None:
    image(tmp_path, "train", "a", seed=1)
    image(tmp_path, "train", "copy", seed=2)
    image(tmp_path, "val", "c", seed=2)
    found = read(dataset(tmp_path))
    assert names(found.train) == ["a"]
    assert any("1 image of train not trained on, also in val" in note and "copy.png" in note for note in found.notes)


def test_of_copies_the_one_with_most_objects_counts(tmp_path: Path) -> None:
    image(tmp_path, "train", "a", "", seed=1)
    image(tmp_path, "train", "b", seed=1)
    image(tmp_path, "val", "c")
    assert names(read(dataset(tmp_path)).train) == ["b"]


def test_broken_images_and_labels_are_skipped_and_named(tmp_path: Path) -> None:
    image(tmp_path, "train", "a")
    image(tmp_path, "train", "nonsense", "lamp lamp\n")
    image(tmp_path, "train", "outside", "0 5 5 1 1\n")
    image(tmp_path, "train", "torn").write_bytes(b"no picture")
    image(tmp_path, "val", "c")
    found = read(dataset(tmp_path))
    assert names(found.train) == ["a"]
    assert sorted(path.stem for path in found.skipped) == ["nonsense", "outside", "torn"]
    (note,) = [note for note in found.notes if "3 labelled images skipped" in note]
    assert "nonsense.png" in note
    torn = {sha256(tmp_path / "images" / "train" / f"{name}.png") for name in ("nonsense", "outside", "torn")}
    assert torn <= found.contents  # they may hold targets: no backgrounds


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ({"train": "", "val": ""}, r"expected images with objects, found none in 2 labelled images"),
        ({"train": "", "val": ROW}, r"expected images with objects to train on, found none among 1"),
        ({"train": ROW, "val": ""}, r"expected images with objects to measure recall on, found none among 1"),
    ],
)
def test_data_without_objects_is_refused(tmp_path: Path, rows: dict[str, str], said: str) -> None:
    for split, row in rows.items():
        image(tmp_path, split, "a", row)
    with pytest.raises(TruthError, match=said):
        read(dataset(tmp_path))


def test_a_class_map_may_name_the_models_classes_or_the_datas(tmp_path: Path) -> None:
    image(tmp_path, "train", "a")
    data = dataset(tmp_path, "train", "[kangaroo]")
    for class_map in ({"lamp": "kangaroo"}, {"kangaroo": "lamp"}):
        found = read_labelled(data, MODEL, labels=LabelConfig(class_map=class_map))
        assert list(found.class_ids.values()) == [1]
    named = dataset(tmp_path, "train", "[lamp]")
    both = read_labelled(named, MODEL, labels=LabelConfig(class_map={"sign": "lamp"}))
    assert both.class_ids == {"lamp": 1}  # its own name goes before one that is read as it
    with pytest.raises(TruthError, match=r"reads lamb as kangaroo, and the detector has neither.*did you mean 'lamp'"):
        read_labelled(
            dataset(tmp_path, "train", "[kangaroo]"), MODEL, labels=LabelConfig(class_map={"lamb": "kangaroo"})
        )


def test_a_class_that_the_model_lacks_is_refused_by_name(tmp_path: Path) -> None:
    image(tmp_path, "train", "a")
    with pytest.raises(
        TruthError, match=r"data.yaml lists lorry, bus, which the model does not have \(it has cat, lamp, sign\)"
    ):
        read(dataset(tmp_path, "train", "[Lamp, lorry, bus]"))
