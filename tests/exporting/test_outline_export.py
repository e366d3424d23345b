"""Polygons pass into another format as they are, where it has such; what is no polygon is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from data_sets import SIZE_WH, pictures
from lxml import etree

from negmine.datasets.config import LabelConfig
from negmine.detectors.ultralytics.quiet import quiet_ultralytics
from negmine.errors import ExportError
from negmine.exporting.config import ExportConfig
from negmine.exporting.export import export
from negmine.importing.recognise import read_entries

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


def all_outlined(root: Path) -> Path:
    """An image with two triangles, the second of which reaches out of it, in COCO."""
    data = coco_seg(root, [[10, 20, 50, 20, 50, 80]])
    document = json.loads(data.read_text())
    further = {"id": 2, "image_id": 1, "category_id": 1, "bbox": [100, 60, 120, 60]}
    document["annotations"].append(further | {"segmentation": [[100, 60, 220, 60, 150, 120]]})
    data.write_text(json.dumps(document))
    return data


@pytest.mark.slow
def test_polygons_are_rows_of_yolo_that_ultralytics_reads(small_bank: Path, tmp_path: Path) -> None:
    export(small_bank, tmp_path / "out", merge=all_outlined(tmp_path / "data"), config=ExportConfig(format="yolo"))
    label = tmp_path / "out" / "labels" / "train" / "a.txt"
    image = tmp_path / "out" / "images" / "train" / "a.png"
    with quiet_ultralytics():
        from ultralytics.data.utils import verify_image_label

        *_, rows, _, segments, _, missing, found, _, corrupt, said = verify_image_label(
            [str(image), str(label), "", False, 1, 0, 0, False]
        )
    assert (missing, found, corrupt, said) == (0, 1, 0, "") and len(rows) == len(segments) == 2
    assert segments[0] * SIZE_WH == pytest.approx(np.array([[10, 20], [50, 20], [50, 80]]), abs=0.001)
    assert segments[1] * SIZE_WH == pytest.approx(np.array([[100, 60], [200, 60], [150, 120]]), abs=0.001)


def test_polygons_are_regions_of_label_studio_that_come_back(small_bank: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(small_bank, out, merge=all_outlined(tmp_path / "data"), config=ExportConfig(format="label-studio"))
    interface = etree.parse(out / "label-config.xml")
    names = {each.get("name") for kind in ("RectangleLabels", "PolygonLabels") for each in interface.iter(kind)}
    tasks = json.loads((out / "tasks.json").read_text())
    results = {
        kind: [each for task in tasks for said in task.get(kind, ()) for each in said["result"]]
        for kind in ("annotations", "predictions")
    }
    assert [each["type"] for each in results["annotations"]] == ["polygonlabels"] * 2
    assert {each["type"] for each in results["predictions"]} == {"rectanglelabels"}
    assert {each["from_name"] for every in results.values() for each in every} == names and len(names) == 2
    entry = next(each for each in read_entries(out / "tasks.json")[1] if each.name and each.name.endswith("a.png"))
    assert entry.read is not None
    boxes = entry.read(SIZE_WH)[0].boxes_xyxy
    assert boxes == pytest.approx(np.array([[10, 20, 50, 80], [100, 60, 200, 120]]), abs=0.001)


@pytest.mark.parametrize("key", ["yolo", "label-studio"])
def test_boxes_alone_stay_boxes(small_bank: Path, tmp_path: Path, key: str) -> None:
    data = coco_seg(tmp_path / "data", [])
    export(small_bank, tmp_path / "out", merge=data, config=ExportConfig(format=key))
    if key == "yolo":
        assert len((tmp_path / "out" / "labels" / "train" / "a.txt").read_text().split()) == 5
    else:
        assert b"PolygonLabels" not in (tmp_path / "out" / "label-config.xml").read_bytes()


@pytest.mark.parametrize("key", ["yolo", "label-studio"])
@pytest.mark.parametrize(
    ("parts", "others", "said"),
    [
        ([[1, 2, 10, 2, 10, 20], [20, 40, 30, 40, 30, 60]], None, "an object of several polygons"),
        ([[1, 2, 10, 2, 10, 20]], [], "an object without a polygon, which others have"),
    ],
)
def test_objects_with_other_than_one_polygon_are_refused_by_name_unless_boxes_will_do(
    small_bank: Path, tmp_path: Path, key: str, parts: object, others: object, said: str
) -> None:
    data, out = coco_seg(tmp_path / "data", parts), tmp_path / "out"
    if others is not None:
        pictures(tmp_path / "data" / "images", {"b.png": []}, 2)
        document = json.loads(data.read_text())
        document["images"].append({**document["images"][0], "id": 2, "file_name": "b.png"})
        document["annotations"].append({**document["annotations"][0], "id": 2, "image_id": 2, "segmentation": others})
        data.write_text(json.dumps(document))
    where = "a" if others is None else "b"
    with pytest.raises(ExportError, match=rf"{where}\.png: its label holds {said}.*--format coco.*--boxes-only"):
        export(small_bank, out, merge=data, config=ExportConfig(format=key))
    assert not out.exists()
    export(small_bank, out, merge=data, config=ExportConfig(format=key, boxes_only=True))


def test_polygons_of_yolo_stay_where_classes_get_other_names(small_bank: Path, tmp_path: Path) -> None:
    data = yolo_seg(tmp_path / "data")
    label = tmp_path / "data" / "labels" / "a.txt"
    label.write_text(label.read_text().splitlines(keepends=True)[0])
    config = ExportConfig(format="yolo", labels=LabelConfig(class_map={"van": "lorry"}))
    export(small_bank, tmp_path / "out", merge=data, config=config)
    number, *shares = (tmp_path / "out" / "labels" / "train" / "a.txt").read_text().split()
    names = yaml.safe_load((tmp_path / "out" / "data.yaml").read_bytes())["names"]
    assert names[int(number)] == "lorry" and [float(share) for share in shares] == flat(TRIANGLE)
