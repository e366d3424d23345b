"""COCO exports: read back by negmine, and by readers that no one here wrote."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from banks import MakeBank
from data_sets import CLASSES, PLAIN, stems, truth_of, write_coco, write_voc, write_yolo

from negmine.datasets.config import LabelConfig
from negmine.datasets.labelled import labelled_images
from negmine.datasets.open import Dataset, open_dataset
from negmine.exporting.config import ExportConfig
from negmine.exporting.export import export
from negmine.labels.formats import label_writer

COCO = ExportConfig(format="coco")
FILES = "annotations/instances_{}.json"


def split(out: Path, name: str) -> Dataset:
    whole = out / "annotations.json"
    return open_dataset(whole if whole.exists() else out / FILES.format(name))


def test_negatives_alone_are_listed_without_annotations(small_bank: Path, tmp_path: Path) -> None:
    result = export(small_bank, tmp_path / "out", config=COCO)
    assert (result.negatives, result.written) == (2, 3)
    images = labelled_images([open_dataset(tmp_path / "out")])
    assert len(images) == 2 and all(image.is_empty for image in images)
    again = export(small_bank, tmp_path / "out", config=COCO)
    assert (again.written, again.unchanged) == (0, 3)


@pytest.mark.parametrize("write", [write_yolo, write_voc, write_coco])
def test_a_merge_of_any_format_comes_back_and_goes_in_again(
    small_bank: Path, tmp_path: Path, write: Callable[..., Path]
) -> None:
    export(small_bank, tmp_path / "out", merge=write(tmp_path / "data"), config=COCO)
    train = split(tmp_path / "out", "train")
    assert set(train.class_names) == set(CLASSES)
    present = stems(train, train.splits[0].name)
    assert {"a", "b", "c"} < present and len(present) == 5
    van, car = sorted(zip(truth_of(train, "b").class_names, truth_of(train, "b").boxes_xyxy.tolist(), strict=True))[
        ::-1
    ]
    assert (van[0], car[0]) == ("van", "car")
    np.testing.assert_allclose([van[1], car[1]], [[0, 0, 200, 120], [5, 6, 7, 8]], atol=1e-3)
    assert len(truth_of(train, "c")) == 0
    if write is not write_coco:  # which has one split
        assert truth_of(split(tmp_path / "out", "val"), "d").class_names == ("van",)
    again = export(small_bank, tmp_path / "again", merge=train.path, config=COCO)
    assert again.merged is not None and (again.negatives, again.merged.train.empty) == (0, 3)
    there = split(tmp_path / "again", "train")
    for stem in ("a", "b", "c"):
        before, after = truth_of(train, stem), truth_of(there, stem)
        assert before.class_names == after.class_names and np.array_equal(before.boxes_xyxy, after.boxes_xyxy)
    assert all(image.is_empty for image in labelled_images([there]) if "-" in image.path.stem)


def test_crowds_stay_crowds(small_bank: Path, tmp_path: Path) -> None:
    export(small_bank, tmp_path / "out", merge=write_coco(tmp_path / "data", crowd=True), config=COCO)
    assert truth_of(split(tmp_path / "out", "train"), "b").crowd.all()


def test_images_without_a_label_that_are_taken_for_empty(small_bank: Path, tmp_path: Path) -> None:
    data = write_yolo(tmp_path / "data", {"train": {**PLAIN["train"], "new.png": None}})
    config = ExportConfig(format="coco", labels=LabelConfig(missing_is_empty=True))
    export(small_bank, tmp_path / "out", merge=data, config=config)
    assert len(truth_of(split(tmp_path / "out", "train"), "new")) == 0


def test_pycocotools_reads_it(small_bank: Path, tmp_path: Path) -> None:
    from pycocotools.coco import COCO as Reader

    export(small_bank, tmp_path / "out", merge=write_yolo(tmp_path / "data"), config=COCO)
    with contextlib.redirect_stdout(io.StringIO()):
        reader = Reader(str(tmp_path / "out" / FILES.format("train")))
    assert sorted(reader.getImgIds()) == [1, 2, 3, 4, 5] and len(reader.getAnnIds()) == 3
    assert [each["name"] for each in reader.loadCats(reader.getCatIds())] == list(CLASSES)
    named = {each["file_name"]: reader.loadAnns(reader.getAnnIds(each["id"])) for each in reader.dataset["images"]}
    assert sorted(map(len, named.values())) == [0, 0, 0, 1, 2]
    assert named["a.png"][0]["bbox"] == pytest.approx([10, 20, 50, 50], abs=1e-3)
    assert all((tmp_path / "out" / "images" / "train" / name).is_file() for name in named)


def test_supervision_reads_it(small_bank: Path, tmp_path: Path) -> None:
    import supervision

    export(small_bank, tmp_path / "out", merge=write_voc(tmp_path / "data"), config=COCO)
    out = tmp_path / "out"
    found = supervision.DetectionDataset.from_coco(str(out / "images" / "train"), str(out / FILES.format("train")))
    counts = {Path(path).name: len(detections) for path, _, detections in found}
    assert len(counts) == 5 and (counts["a.png"], counts["b.png"], counts["c.png"]) == (1, 2, 0)


def test_torchvision_reads_it(small_bank: Path, tmp_path: Path) -> None:
    # Its pitfall: the v2 wrapper gives an image without annotations its number alone, so a collate function must ask.
    from torchvision.datasets import CocoDetection, wrap_dataset_for_transforms_v2

    out = tmp_path / "out"
    export(small_bank, out, merge=write_yolo(tmp_path / "data"), config=COCO)
    with contextlib.redirect_stdout(io.StringIO()):
        plain = CocoDetection(str(out / "images" / "train"), str(out / FILES.format("train")))
    assert [len(target) for _, target in plain] == [1, 2, 0, 0, 0] and plain[0][0].size == (200, 120)
    wrapped = wrap_dataset_for_transforms_v2(plain, target_keys=("boxes", "labels", "image_id"))
    targets = [target for _, target in wrapped]
    assert [len(each.get("boxes", ())) for each in targets] == [1, 2, 0, 0, 0]
    assert [each["image_id"] for each in targets] == [1, 2, 3, 4, 5] and "boxes" not in targets[3]
    np.testing.assert_allclose(targets[0]["boxes"].numpy(), [[10, 20, 60, 70]], atol=1e-3)


def mmdetection_keeps(document: Any, *, filter_empty_gt: bool = True, min_size: int = 32) -> list[str]:
    """The images that MMDetection 3 trains on: `CocoDataset.filter_data`, with the defaults of its configurations.

    Before, `parse_data_info` leaves out annotations that are ignored, outside the image, or under a pixel.
    """
    sizes = {each["id"]: (each["width"], each["height"]) for each in document["images"]}
    known = {each["id"] for each in document["categories"]}
    counted = {
        each["image_id"]
        for each in document["annotations"]
        if each["area"] > 0 and min(each["bbox"][2:]) >= 1 and each["category_id"] in known
    }
    names = {each["id"]: each["file_name"] for each in document["images"]}
    return [
        names[number]
        for number, size in sizes.items()
        if (number in counted or not filter_empty_gt) and min(size) >= min_size
    ]


def test_mmdetection_keeps_negatives_if_it_is_told_to(make_bank: MakeBank, tmp_path: Path) -> None:
    bank = make_bank({"a.png": [(60, 40, 80, 60, 50)], "small.png": [(5, 5, 20, 20, 60)]}, size_wh=(90, 70))
    export(bank, tmp_path / "out", merge=write_yolo(tmp_path / "data"), config=COCO)
    document = json.loads((tmp_path / "out" / FILES.format("train")).read_text())
    assert mmdetection_keeps(document) == ["a.png", "b.png"]  # no negative, and not the empty image of the data set
    told = mmdetection_keeps(document, filter_empty_gt=False, min_size=0)
    assert (
        len(told) == len(document["images"]) == 5 and "filter_empty_gt=False, min_size=0" in label_writer("coco").advice
    )


def test_rf_detr_finds_roboflow_s_folders(small_bank: Path, tmp_path: Path) -> None:
    # Its rules, in rfdetr/datasets/coco.py: torchvision's reader in train/ and valid/, with a JSON of one name; boxes
    # are reshaped to [-1, 4], so none is none; category ids are the labels.
    from torchvision.datasets import CocoDetection

    out = tmp_path / "out"
    export(small_bank, out, merge=write_yolo(tmp_path / "data"), config=ExportConfig(format="roboflow"))
    for folder, counts in {"train": [1, 2, 0, 0, 0], "valid": [1]}.items():
        with contextlib.redirect_stdout(io.StringIO()):
            found = CocoDetection(str(out / folder), str(out / folder / "_annotations.coco.json"))
        assert [len(target) for _, target in found] == counts
        for _, target in found:
            boxes = np.asarray([each["bbox"] for each in target], dtype=np.float32).reshape(-1, 4)
            assert (boxes[:, 2:] > 0).all() and {each["category_id"] for each in target} <= {1, 2}


@pytest.mark.slow
def test_the_image_processor_of_detr_takes_images_without_annotations(small_bank: Path, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    from torchvision.datasets import CocoDetection

    out = tmp_path / "out"
    export(small_bank, out, merge=write_yolo(tmp_path / "data"), config=COCO)
    with contextlib.redirect_stdout(io.StringIO()):
        found = CocoDetection(str(out / "images" / "train"), str(out / FILES.format("train")))
    images = [image for image, _ in found]
    annotations = [{"image_id": found.ids[i], "annotations": target} for i, (_, target) in enumerate(found)]
    processor = transformers.DetrImageProcessor(size={"shortest_edge": 64, "longest_edge": 96})
    labels = processor(images=images, annotations=annotations, return_tensors="pt")["labels"]
    assert [tuple(each["boxes"].shape) for each in labels] == [(1, 4), (2, 4), (0, 4), (0, 4), (0, 4)]
    (alone,) = processor(images=images[:1], annotations=annotations[:1], return_tensors="pt")["labels"]  # no padding
    np.testing.assert_allclose(alone["boxes"].numpy(), [[35 / 200, 45 / 120, 50 / 200, 50 / 120]], atol=1e-3)
