"""Polygons pass into another format as they are, where it has such; what is no polygon is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from data_sets import SIZE_WH, pictures
from lxml import etree

from negmine.datasets.config import LabelConfig
from negmine.errors import ExportError
from negmine.exporting.config import ExportConfig
from negmine.exporting.export import export

WIDTH, HEIGHT = SIZE_WH
TRIANGLE = [(0.5, 0.5), (0.75, 0.25), (0.75, 0.5)]  # shares of the image
PIXELS = [(x * WIDTH, y * HEIGHT) for x, y in TRIANGLE]
OUTLINED = ("coco", "cvat", "datumaro", "fiftyone", "roboflow")


def yolo_seg(root: Path) -> Path:
    """An image with a triangle, then a box."""
    pictures(root / "images", {"a.png": []}, 1)
    (root / "labels").mkdir()
    row = " ".join(f"{x} {y}" for x, y in TRIANGLE)
    (root / "labels" / "a.txt").write_text(f"0 {row}\n1 0.25 0.5 0.25 0.5\n")
    (root / "data.yaml").write_text("train: images\nnames: [van, car]\n")
    return root / "data.yaml"


def coco_seg(root: Path, segmentation: object, **more: object) -> Path:
    pictures(root / "images", {"a.png": []}, 1)
    document = {
        "images": [{"id": 1, "file_name": "a.png", "width": WIDTH, "height": HEIGHT}],
        "categories": [{"id": 1, "name": "van"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 29, 58], "segmentation": segmentation, **more}
        ],
    }
    path = root / "coco.json"
    path.write_text(json.dumps(document))
    return path


def exported(bank: Path, data: Path, out: Path, key: str) -> Any:
    """The file with the labels, read."""
    export(bank, out, merge=data, config=ExportConfig(format=key))
    name = {"coco": "annotations.json", "roboflow": "train/_annotations.coco.json", "cvat": "annotations.xml",
            "datumaro": "annotations/train.json", "fiftyone": "samples.json"}[key]  # fmt: skip
    data_read = (out / name).read_bytes()
    return etree.fromstring(data_read) if key == "cvat" else json.loads(data_read)


def flat(points: list[tuple[float, float]]) -> list[float]:
    return [side for point in points for side in point]


@pytest.mark.parametrize("key", ["coco", "roboflow"])
def test_a_polygon_of_yolo_is_one_of_coco(small_bank: Path, tmp_path: Path, key: str) -> None:
    outlined, boxed = exported(small_bank, yolo_seg(tmp_path / "data"), tmp_path / "out", key)["annotations"]
    assert outlined["segmentation"] == [flat(PIXELS)] and boxed["segmentation"] == []
    assert outlined["area"] == WIDTH * HEIGHT / 32 and outlined["bbox"][2:] == [WIDTH / 4, HEIGHT / 4]


def test_a_polygon_is_one_of_cvat(small_bank: Path, tmp_path: Path) -> None:
    root = exported(small_bank, yolo_seg(tmp_path / "data"), tmp_path / "out", "cvat")
    (shape,), (box,) = root.findall("image/polygon"), root.findall("image/box")
    assert shape.get("points") == ";".join(f"{x:.2f},{y:.2f}" for x, y in PIXELS) and shape.get("group_id") is None
    assert (shape.get("label"), box.get("label")) == ("van", "car")


def test_a_polygon_is_one_of_datumaro(small_bank: Path, tmp_path: Path) -> None:
    document = exported(small_bank, yolo_seg(tmp_path / "data"), tmp_path / "out", "datumaro")
    outlined, boxed = document["items"][0]["annotations"]
    assert (outlined["type"], outlined["points"], boxed["type"]) == ("polygon", flat(PIXELS), "bbox")
    assert "bbox" not in outlined and [outlined["label_id"], boxed["label_id"]] == [0, 1]


def test_a_polygon_is_a_polyline_of_fiftyone_beside_its_box(small_bank: Path, tmp_path: Path) -> None:
    sample = exported(small_bank, yolo_seg(tmp_path / "data"), tmp_path / "out", "fiftyone")["samples"][0]
    (line,) = sample["polygons"]["polylines"]
    assert (line["label"], line["closed"], line["filled"]) == ("van", True, True)
    assert line["points"] == [[list(point) for point in TRIANGLE]]
    assert [each["label"] for each in sample["ground_truth"]["detections"]] == ["van", "car"]


def test_the_parts_of_one_object_stay_together(small_bank: Path, tmp_path: Path) -> None:
    data = coco_seg(tmp_path / "data", [[1, 2, 10, 2, 10, 20], [20, 40, 30, 40, 30, 60]])
    shapes = exported(small_bank, data, tmp_path / "cvat", "cvat").findall("image/polygon")
    assert len(shapes) == 2 and len({each.get("group_id") for each in shapes} - {None}) == 1
    first, second = exported(small_bank, data, tmp_path / "d", "datumaro")["items"][0]["annotations"]
    assert first["group"] == second["group"] and second["points"] == [20, 40, 30, 40, 30, 60]


def test_masks_in_run_lengths_are_refused_by_name_unless_boxes_will_do(small_bank: Path, tmp_path: Path) -> None:
    data = coco_seg(tmp_path / "data", {"counts": [5, 5], "size": [HEIGHT, WIDTH]})
    for key in ("cvat", "datumaro", "fiftyone"):
        out = tmp_path / key
        with pytest.raises(
            ExportError, match=r"a\.png.*\(masks, not all of them read as polygons\).*--format coco.*--boxes-only"
        ):
            export(small_bank, out, merge=data, config=ExportConfig(format=key))
        assert not out.exists()
        export(small_bank, out, merge=data, config=ExportConfig(format=key, boxes_only=True))


@pytest.mark.parametrize("more", [{"keypoints": [9, 9, 2]}, {"attributes": {"rotation": 30}}])
def test_what_a_polygon_does_not_say_is_refused(small_bank: Path, tmp_path: Path, more: dict[str, object]) -> None:
    data = coco_seg(tmp_path / "data", [[1, 2, 10, 2, 10, 20]], **more)
    with pytest.raises(ExportError, match="its label holds more than boxes"):
        export(small_bank, tmp_path / "out", merge=data, config=ExportConfig(format="cvat"))


def test_masks_stay_where_classes_get_other_names(small_bank: Path, tmp_path: Path) -> None:
    data = coco_seg(tmp_path / "data", [[1, 2, 10, 2, 10, 20]])
    config = ExportConfig(format="coco", labels=LabelConfig(class_map={"van": "car"}))
    export(small_bank, tmp_path / "out", merge=data, config=config)
    document = json.loads((tmp_path / "out" / "annotations.json").read_text())
    assert document["annotations"][0]["segmentation"] == [[1, 2, 10, 2, 10, 20]]
    assert [each["name"] for each in document["categories"]] == ["car"]
