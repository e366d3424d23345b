"""Readers that no one here wrote read a mixed training set back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from banks import judge
from data_sets import CLASSES, SIZE_WH, Splits, write_coco, write_yolo
from lxml import etree

from negmine.bank.bank import Bank
from negmine.datasets.open import open_dataset
from negmine.detectors.ultralytics.quiet import quiet_ultralytics
from negmine.exporting.config import ExportConfig, SplitConfig
from negmine.exporting.export import export
from negmine.images.codecs import decode_image
from negmine.plain_yaml import load_yaml

SPLITS: Splits = {
    "train": {"a.png": [("car", 10, 20, 60, 70)], "b.png": [("van", 0, 0, 200, 120), ("car", 5, 6, 7, 8)], "c.png": []},
    "val": {"d.png": [("van", 199.6, 119.6, 200, 120)]},
}


def cached(data_yaml: Path, split: str, task: str = "detect") -> list[dict[str, object]]:
    """The labels of a split as Ultralytics' own loader has them; it leaves out what it takes for corrupt."""
    with quiet_ultralytics():
        from ultralytics.data.dataset import YOLODataset
        from ultralytics.data.utils import check_det_dataset

        data = check_det_dataset(str(data_yaml), autodownload=False)
        assert tuple(data["names"].values()) == CLASSES
        return list(YOLODataset(img_path=data[split], data=data, task=task, imgsz=64).labels)


def test_ultralytics_reads_a_yolo_merge(small_bank: Path, tmp_path: Path) -> None:
    export(
        small_bank, tmp_path / "out", merge=write_yolo(tmp_path / "data", SPLITS), config=ExportConfig(format="yolo")
    )
    train = {Path(str(each["im_file"])).stem: each for each in cached(tmp_path / "out" / "data.yaml", "train")}
    assert len(train) == 5 and sum(len(each["cls"]) > 0 for each in train.values()) == 2  # type: ignore[arg-type]
    boxes = np.asarray(train["b"]["bboxes"]) * (*SIZE_WH, *SIZE_WH)
    order = np.argsort(boxes[:, 0])
    np.testing.assert_allclose(boxes[order], [[6, 7, 2, 2], [100, 60, 200, 120]], atol=1e-3)
    assert np.asarray(train["b"]["cls"])[order].ravel().tolist() == [1, 0]
    (val,) = cached(tmp_path / "out" / "data.yaml", "val")
    np.testing.assert_allclose(np.asarray(val["bboxes"]) * (*SIZE_WH, *SIZE_WH), [[199.8, 119.8, 0.4, 0.4]], atol=1e-3)
    # The caches that it leaves are no reason to refuse the folder.
    assert (tmp_path / "out" / "labels" / "train.cache").exists()
    again = export(small_bank, tmp_path / "out", merge=tmp_path / "data", config=ExportConfig(format="yolo"))
    assert again.written == 0


def test_ultralytics_reads_an_export_of_negatives_alone(small_bank: Path, tmp_path: Path) -> None:
    result = export(small_bank, tmp_path / "out", config=ExportConfig(format="yolo"))
    assert (result.negatives, result.written) == (2, 5)
    assert all(path.read_bytes() == b"" for path in (tmp_path / "out" / "labels" / "train").iterdir())
    document = load_yaml((tmp_path / "out" / "data.yaml").read_bytes())
    assert document == {"train": "images/train", "names": {0: "lamp", 1: "sign"}}  # the detector's
    mine = write_yolo(tmp_path / "data", SPLITS)  # whose train may be a list
    folders = ["images/train", str(tmp_path / "out" / "images" / "train")]
    mine.write_text(mine.read_text().replace("train: images/train", f"train: {json.dumps(folders)}"))
    train = cached(mine, "train")
    assert len(train) == 5 and sum(len(each["cls"]) == 0 for each in train) == 3  # type: ignore[arg-type]


def test_torchvision_reads_a_voc_merge(small_bank: Path, tmp_path: Path) -> None:
    # It looks for .jpg by name, so the data set's pictures must be JPEG.
    import cv2
    from torchvision.datasets import VOCDetection

    data = write_yolo(tmp_path / "data", SPLITS)
    for path in (tmp_path / "data" / "images").rglob("*.png"):
        path.write_bytes(cv2.imencode(".jpg", cv2.imread(str(path)))[1].tobytes())
    export(small_bank, tmp_path / "VOCdevkit" / "VOC2012", merge=data)
    train = VOCDetection(str(tmp_path), year="2012", image_set="train")
    found = {target["annotation"]["filename"]: target["annotation"].get("object", []) for _, target in train}
    assert len(found) == 5 and [each["name"] for each in found["b.jpg"]] == ["van", "car"]
    assert found["a.jpg"][0]["bndbox"] == {"xmin": "11", "ymin": "21", "xmax": "60", "ymax": "70"}
    assert len(VOCDetection(str(tmp_path), year="2012", image_set="val")) == 1


def test_supervision_reads_a_voc_merge(small_bank: Path, tmp_path: Path) -> None:
    import supervision

    export(small_bank, tmp_path / "out", merge=write_coco(tmp_path / "data", SPLITS))
    out = tmp_path / "out"
    found = supervision.DetectionDataset.from_pascal_voc(str(out / "JPEGImages"), str(out / "Annotations"))
    counts = {Path(path).name: len(detections) for path, _, detections in found}
    assert len(counts) == 5 and (counts["a.png"], counts["b.png"], counts["c.png"]) == (1, 2, 0)


def test_objects_are_in_the_devkit_s_order(small_bank: Path, tmp_path: Path) -> None:
    with Bank(small_bank) as opened:
        judge(opened.folder, next(opened.negatives()).id, "accepted")
    export(small_bank, tmp_path / "out", merge=write_coco(tmp_path / "data", SPLITS, crowd=True))
    root = etree.parse(tmp_path / "out" / "Annotations" / "a.xml").getroot()
    assert [child.tag for child in root] == ["folder", "filename", "source", "size", "segmented", "object"]
    (element,) = root.findall("object")
    assert [child.tag for child in element] == ["name", "pose", "truncated", "difficult", "bndbox"]
    assert (element.findtext("difficult"), root.get("verified")) == ("1", None)
    annotations = [etree.parse(path).getroot() for path in (tmp_path / "out" / "Annotations").iterdir()]
    assert sum(each.get("verified") == "yes" for each in annotations) == 1


@pytest.mark.slow
@pytest.mark.parametrize("format_name", ["voc", "yolo", "coco"])
def test_real_photographs_go_through(real_data: Path, small_bank: Path, tmp_path: Path, format_name: str) -> None:
    # One of the files is cut short, and two have an orientation that is none.
    data = real_data / "images" / "kangaroo"
    splits = SplitConfig((0.8, 0.2)) if format_name == "yolo" else None
    config = ExportConfig(format=format_name, method="symlink", splits=splits)
    merged = export(small_bank, tmp_path / "out", merge=data, config=config).merged
    assert merged is not None and (sum(each.positives for each in merged.splits), len(merged.skipped)) == (163, 1)
    before, after = open_dataset(data).truth, open_dataset(tmp_path / "out")
    images = [path for split in after.splits for path in split.images]
    assert {path.resolve().name for path in images} >= {f"{n:05}.jpg" for n in (1, 2, 3)}
    for path in images:
        size = decode_image(path.read_bytes()).shape[1::-1]
        found, expected = after.truth.read(path, size), before.read(path.resolve(), size)
        boxes = np.zeros((0, 4)) if expected is None else expected.boxes_xyxy  # a negative has none
        assert found is not None and np.abs(found.boxes_xyxy - boxes).max(initial=0) <= 1e-3


@pytest.mark.parametrize(
    ("task", "rows", "keys"),
    [
        ("segment", "0 0.5 0.5 0.7 0.25 0.85 0.5\n", ""),
        ("pose", "1 0.5 0.5 0.2 0.2 0.5 0.5 2 0.45 0.4 1\n", "kpt_shape: [2, 3]\nflip_idx: [1, 0]\n"),
        ("obb", "1 0.1 0.2 0.3 0.1 0.4 0.3 0.2 0.4\n", ""),
    ],
)
def test_ultralytics_reads_a_merge_of_other_tasks(
    small_bank: Path, tmp_path: Path, task: str, rows: str, keys: str
) -> None:
    data = write_yolo(tmp_path / "data", {"train": {"a.png": [("car", 10, 20, 60, 70)]}, "val": {"v.png": []}})
    (tmp_path / "data" / "labels" / "train" / "a.txt").write_text(rows)
    data.write_text(data.read_text() + keys)
    export(small_bank, tmp_path / "out", merge=data, config=ExportConfig(format="yolo"))
    labels = {Path(str(each["im_file"])).stem: each for each in cached(tmp_path / "out" / "data.yaml", "train", task)}
    assert len(labels) == 3 and sorted(len(each["cls"]) for each in labels.values()) == [0, 0, 1]  # type: ignore[arg-type]
    kept = labels["a"]["keypoints" if task == "pose" else "segments"]
    values = [float(word) for word in rows.split()[5 if task == "pose" else 1 :]]
    assert np.asarray(kept).ravel().tolist() == pytest.approx(values)
