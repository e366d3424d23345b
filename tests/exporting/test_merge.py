"""Merging: a data set in any format with the bank's negatives, read back through the readers of data sets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from data_sets import (
    CLASSES,
    PLAIN,
    SIZE_WH,
    Splits,
    image_of,
    stems,
    truth_of,
    write_coco_splits,
    write_voc,
    write_yolo,
)

from negmine.datasets.config import LabelConfig
from negmine.datasets.labelled import labelled_images
from negmine.datasets.open import open_dataset
from negmine.errors import ExportError, TruthError
from negmine.exporting.config import ExportConfig
from negmine.exporting.export import export

FORMATS = ["voc", "yolo"]
WRITERS = [write_yolo, write_voc, write_coco_splits]
VOC, YOLO = (ExportConfig(format=name) for name in FORMATS)


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("write", WRITERS)
def test_the_objects_are_the_same_in_every_format(
    small_bank: Path, tmp_path: Path, write: Callable[..., Path], format_name: str
) -> None:
    data = write(tmp_path / "data")
    result = export(small_bank, tmp_path / "out", merge=data, config=ExportConfig(format=format_name))
    merged = result.merged
    assert merged is not None and (merged.train.positives, merged.train.empty, merged.train.objects) == (2, 1, 3)
    assert (result.negatives, merged.ratio, merged.skipped, merged.withheld) == (2, 1.5, {}, {})
    back = open_dataset(tmp_path / "out", split="train")
    assert back.format_name == {"voc": "Pascal VOC", "yolo": "YOLO"}[format_name]
    assert set(back.class_names) == set(CLASSES)
    for name, labels in PLAIN["train"].items():
        truth = truth_of(back, Path(name).stem)
        assert list(truth.class_names) == [label[0] for label in labels or ()]
        expected = np.array([label[1:] for label in labels or ()]).reshape(-1, 4)
        np.testing.assert_allclose(truth.boxes_xyxy, expected, atol=1e-3)
    images = labelled_images([back])
    assert len(images) == 5 and sum(image.is_positive for image in images) == 2
    assert all(image.is_positive or image.is_empty for image in images)


def test_a_class_map_with_an_old_name_of_nobody_is_refused(small_bank: Path, tmp_path: Path) -> None:
    config = ExportConfig(labels=LabelConfig(class_map={"itm": CLASSES[0]}))
    for bank in (small_bank, None):
        with pytest.raises(TruthError, match=r"has .*class 'itm': there is"):
            export(bank, tmp_path / "out", merge=write_yolo(tmp_path / "data"), config=config)


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("write", [write_yolo, write_voc])
def test_other_splits_are_written_unmixed(
    small_bank: Path, tmp_path: Path, write: Callable[..., Path], format_name: str
) -> None:
    splits = {**PLAIN, "test": {"e.png": [], "f.png": [("car", 1, 2, 30, 40)]}}
    result = export(
        small_bank, tmp_path / "out", merge=write(tmp_path / "data", splits), config=ExportConfig(format=format_name)
    )
    assert result.merged is not None
    assert [(s.name, s.positives, s.empty) for s in result.merged.splits] == [
        ("train", 2, 1), ("val", 1, 0), ("test", 1, 1),
    ]  # fmt: skip
    back = open_dataset(tmp_path / "out")
    assert [split.name for split in back.splits] == ["train", "val", "test"]
    assert (stems(back, "val"), stems(back, "test")) == ({"d"}, {"e", "f"})
    assert len(stems(back, "train")) == 5


@pytest.mark.parametrize("write", WRITERS)
def test_classes_keep_the_order_of_the_data_set(small_bank: Path, tmp_path: Path, write: Callable[..., Path]) -> None:
    data = write(tmp_path / "data")
    result = export(small_bank, tmp_path / "out", merge=data, config=YOLO)
    assert result.merged is not None
    assert result.merged.class_names == open_dataset(data).class_names == open_dataset(tmp_path / "out").class_names
    assert set(result.merged.class_names) == set(CLASSES)


def test_difficult_is_kept_in_voc_and_written_in_yolo(small_bank: Path, tmp_path: Path) -> None:
    data = write_voc(tmp_path / "data", difficult=True)
    export(small_bank, tmp_path / "voc", merge=data, config=VOC)
    assert truth_of(open_dataset(tmp_path / "voc"), "b").difficult.tolist() == [True, True]
    export(small_bank, tmp_path / "yolo", merge=data, config=YOLO)
    assert len(truth_of(open_dataset(tmp_path / "yolo"), "b")) == 2


def test_crowds_are_difficult_in_voc_and_left_out_of_yolo_with_images_that_have_nothing_else(
    small_bank: Path, tmp_path: Path
) -> None:
    data = write_coco_splits(tmp_path / "data", crowd=True)
    train, val = (data / "annotations" / f"instances_{split}.json" for split in ("train", "val"))
    val.write_text(val.read_text().replace('"iscrowd": 1', '"iscrowd": 0'))
    export(small_bank, tmp_path / "voc", merge=data, config=VOC)
    assert truth_of(open_dataset(tmp_path / "voc"), "a").difficult.tolist() == [True]
    with pytest.raises(ExportError, match=r"expected images with objects .* 2 skipped, .*crowds"):
        export(small_bank, tmp_path / "yolo", merge=data, config=YOLO)
    mixed = train.read_text().replace('"iscrowd": 1', '"iscrowd": 0', 2)  # a's object and the first of b's
    train.write_text(mixed)
    result = export(small_bank, tmp_path / "yolo", merge=data, config=YOLO)
    assert result.merged is not None and result.merged.train.objects == 2
    assert truth_of(open_dataset(tmp_path / "yolo"), "b").class_names == ("van",)


def test_there_and_back_again_within_half_a_pixel(small_bank: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    corners = np.sort(rng.uniform(0, 1, size=(200, 2, 2)), axis=1) * SIZE_WH  # [N, 2, xy]
    corners = corners[(corners[:, 1] - corners[:, 0]).min(axis=1) >= 1.5]
    boxes = [("car", *map(float, box)) for box in corners.reshape(-1, 4)]
    data = write_yolo(tmp_path / "data", {**PLAIN, "train": {"a.png": boxes}})  # type: ignore[dict-item]
    export(small_bank, tmp_path / "voc", merge=data, config=VOC)
    export(small_bank, tmp_path / "yolo", merge=tmp_path / "voc", config=YOLO)
    export(small_bank, tmp_path / "again", merge=tmp_path / "yolo", config=VOC)
    voc, yolo, again = (truth_of(open_dataset(tmp_path / name), "a") for name in ("voc", "yolo", "again"))
    assert len(boxes) > 100
    assert np.abs(voc.boxes_xyxy - corners.reshape(-1, 4)).max() <= 0.5 + 1e-6
    np.testing.assert_allclose(yolo.boxes_xyxy, voc.boxes_xyxy, atol=1e-3)
    assert np.array_equal(again.boxes_xyxy, voc.boxes_xyxy)


@pytest.mark.parametrize("format_name", FORMATS)
def test_no_object_is_rounded_away(small_bank: Path, tmp_path: Path, format_name: str) -> None:
    tiny = [("car", x, 119.98, x + 0.02, 120.0) for x in (0.0, 10.49, 20.5, 119.98)]
    data = write_coco_splits(tmp_path / "data", {**PLAIN, "train": {"a.png": tiny}})
    export(small_bank, tmp_path / "out", merge=data, config=ExportConfig(format=format_name))
    boxes = truth_of(open_dataset(tmp_path / "out"), "a").boxes_xyxy
    assert len(boxes) == 4
    np.testing.assert_allclose(boxes[:, 2:] - boxes[:, :2], 1, atol=1e-3)
    for box, (_, x1, *_) in zip(boxes, tiny, strict=True):
        assert box[0] - 1e-3 <= x1 and x1 + 0.02 <= box[2] + 1e-3


def test_names_are_kept_where_nothing_else_has_them(small_bank: Path, tmp_path: Path) -> None:
    car = [("car", 10, 20, 60, 70)]
    splits: Splits = {
        "train": {"plain.png": car, "two words.png": car, "two_words.png": car, "both.png": car, "Größe.png": car},
        "val": {"both.png": car},
    }
    export(small_bank, tmp_path / "out", merge=write_yolo(tmp_path / "data", splits), config=YOLO)
    back = open_dataset(tmp_path / "out")
    kept = {name for name in stems(back, "train") if "-" not in name}
    assert kept == {"plain", "Gr_e"}
    hashed = [name.rsplit("-", 1)[0] for name in stems(back, "train") - kept]
    assert sorted(hashed)[-3:] == ["both", "two_words", "two_words"]
    assert not stems(back, "train") & stems(back, "val")
    assert all(path.name.isascii() and " " not in path.name for path in (tmp_path / "out").rglob("*"))


def test_the_suffix_is_that_of_the_content(small_bank: Path, tmp_path: Path) -> None:
    data = write_yolo(tmp_path / "data")
    picture = cv2.imread(str(tmp_path / "data" / "images" / "train" / "a.png"))
    (tmp_path / "data" / "images" / "train" / "a.png").write_bytes(cv2.imencode(".jpg", picture)[1].tobytes())
    export(small_bank, tmp_path / "out", merge=data, config=YOLO)
    assert {path.name for path in (tmp_path / "out" / "images" / "train").glob("[abc].*")} == {
        "a.jpg",
        "b.png",
        "c.png",
    }


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("orientation", [1, 6])
def test_pictures_with_an_orientation_stay_as_they_are_and_labels_are_of_the_upright_one(
    small_bank: Path, tmp_path: Path, format_name: str, orientation: int
) -> None:
    from PIL import Image

    data = write_yolo(tmp_path / "data", {**PLAIN, "train": {"a.png": [("car", 10, 20, 60, 70)]}})
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = SIZE_WH[::-1] if orientation == 6 else SIZE_WH
    Image.new("RGB", stored, (9, 9, 9)).save(tmp_path / "data" / "images" / "train" / "a.png", "JPEG", exif=exif)
    export(small_bank, tmp_path / "out", merge=data, config=ExportConfig(format=format_name))
    back = open_dataset(tmp_path / "out")
    assert image_of(back, "a").read_bytes() == (tmp_path / "data" / "images" / "train" / "a.png").read_bytes()
    np.testing.assert_allclose(truth_of(back, "a").boxes_xyxy, [[10, 20, 60, 70]], atol=1e-3)


def test_trainval_stands_in_for_train(small_bank: Path, tmp_path: Path) -> None:
    data = write_voc(tmp_path / "data", {"trainval": PLAIN["train"], "test": PLAIN["val"]})
    export(small_bank, tmp_path / "out", merge=data)
    assert {p.name for p in (tmp_path / "out" / "ImageSets" / "Main").iterdir()} == {"train.txt", "test.txt"}


def test_a_data_set_without_splits_is_mixed_as_a_whole(small_bank: Path, tmp_path: Path) -> None:
    data = write_voc(tmp_path / "data", {"all": PLAIN["train"]})
    export(small_bank, tmp_path / "out", merge=data)
    assert len(stems(open_dataset(tmp_path / "out"), "train")) == 5
