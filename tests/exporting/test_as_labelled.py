"""What negmine does not read is written as it was where the format stays, and refused where it would be lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from data_sets import SIZE_WH, pictures, write_coco, write_coco_splits, write_voc

from negmine.datasets.open import open_dataset
from negmine.errors import ConfigError, ExportError
from negmine.exporting.config import CopyMethod, ExportConfig
from negmine.exporting.export import export
from negmine.labels.formats import OBJECT_FORMATS, label_writer

ROWS = {
    "seg": "0 0.5 0.5 0.7 0.25 0.85 0.5\r\n0  0.50 0.5 0.2 0.2 \n\n",  # a triangle, and a box in odd blanks
    "obb": "3 0.1 0.2 0.3 0.1 0.4 0.3 0.2 0.4\n",
    "pose": "1 0.5 0.5 0.2 0.2 0.5 0.5 2 0.45 0.4 1\n",
    "box": "0 0.5 0.5 0.2 0.2\n",
}
KEYS = "nc: 3\nkpt_shape: [2, 3]\nflip_idx: [1, 0]\nkpt_names: {1: [nose, tail]}\nskeleton: [[0, 1]]\n"


def yolo_set(root: Path, rows: str, keys: str = "names: {0: van, 1: car, 3: van}\n") -> Path:
    """Two images of equal rows, one in val, whose classes have gaps and share a name; and an empty one."""
    pictures(root / "images" / "train", {"a.png": [], "empty.png": []}, 1)
    pictures(root / "images" / "val", {"b.png": []}, 9)
    for name, text in (("train/a", rows), ("train/empty", ""), ("val/b", rows)):
        path = root / "labels" / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    (root / "data.yaml").write_text(f"path: .\ntrain: images/train\nval: images/val\ndownload: sh me\n{keys}")
    return root / "data.yaml"


@pytest.mark.parametrize("kind", list(ROWS))
def test_yolo_rows_are_byte_for_byte_those_of_the_data_set(small_bank: Path, tmp_path: Path, kind: str) -> None:
    keys = "names: {0: van, 1: car, 3: van}\n" + (KEYS if kind == "pose" else "channels: 1\n")
    data = yolo_set(tmp_path / "data", ROWS[kind], keys)
    result = export(small_bank, tmp_path / "out", merge=data, config=ExportConfig(format="yolo"))
    labels = tmp_path / "out" / "labels"
    written = {path.relative_to(labels).as_posix(): path.read_bytes() for path in labels.rglob("*.txt")}
    negatives = [name for name in written if "-" in name]
    assert result.negatives == len(negatives) == 2 and all(written[name] == b"" for name in negatives)
    row = ROWS[kind].encode()
    assert {name: written[name] for name in written.keys() - {*negatives}} == {
        "train/a.txt": row,
        "train/empty.txt": b"",
        "val/b.txt": row,
    }
    document = yaml.safe_load((tmp_path / "out" / "data.yaml").read_bytes())
    places = {"train": "images/train", "val": "images/val"}
    assert document == {**places, **yaml.safe_load(keys)}
    before, after = (open_dataset(path).truth for path in (data, tmp_path / "out"))
    assert before.class_names == after.class_names
    found, again = (
        truth.read(root / "images" / "val" / "b.png", SIZE_WH)
        for truth, root in ((before, tmp_path / "data"), (after, tmp_path / "out"))
    )
    assert found is not None and again is not None and found.class_names == again.class_names


def test_a_yolo_export_of_another_format_numbers_the_classes_itself(small_bank: Path, tmp_path: Path) -> None:
    data = write_voc(tmp_path / "data")
    export(small_bank, tmp_path / "out", merge=data, config=ExportConfig(format="yolo"))
    assert yaml.safe_load((tmp_path / "out" / "data.yaml").read_bytes()) == {
        "train": "images/train",
        "val": "images/val",
        "names": {0: "car", 1: "van"},
    }


@pytest.mark.parametrize("method", ["hardlink", "symlink"])
def test_labels_are_copied_where_images_are_linked(small_bank: Path, tmp_path: Path, method: CopyMethod) -> None:
    config = ExportConfig(format="yolo", method=method)
    data = yolo_set(tmp_path / "data", ROWS["seg"])
    export(small_bank, tmp_path / "out", merge=data, config=config)
    (label,), (image,) = (tmp_path / "out").glob("labels/*/a.txt"), (tmp_path / "out").glob("images/*/a.png")
    assert not label.is_symlink() and label.stat().st_nlink == 1
    assert image.samefile(tmp_path / "data" / "images" / "train" / "a.png")
    assert export(small_bank, tmp_path / "out", merge=data, config=config).written == 0
    copied = export(small_bank, tmp_path / "out", merge=data, config=ExportConfig(format="yolo"))
    assert copied.written == 5  # the images


def test_coco_annotations_keep_every_key(small_bank: Path, tmp_path: Path) -> None:
    data = write_coco(tmp_path / "data")
    document = json.loads(data.read_text())
    more = {"segmentation": [[1, 2, 30, 4, 5, 60]], "keypoints": [9, 9, 2], "attributes": {"rotation": 5}, "score": 1}
    for annotation in document["annotations"]:
        annotation |= more
    document["categories"][0] |= {"keypoints": ["nose"], "skeleton": [[1, 1]]}
    document["categories"].append({"id": 0, "name": "things", "supercategory": "none"})
    document["images"][0]["date_captured"] = "2020"
    data.write_text(json.dumps(document))
    export(small_bank, tmp_path / "out", merge=data, config=ExportConfig(format="coco"))
    written = json.loads((tmp_path / "out" / "annotations.json").read_text())
    assert written["annotations"] == document["annotations"]
    assert written["categories"] == document["categories"]
    assert written["images"][:3] == document["images"]
    assert [each["id"] for each in written["images"][3:]] == [4, 5]


def voc_set(root: Path, name: str = "a.png") -> Path:
    """An image whose label has more than VOC's classes and boxes; and one of the same name in another folder."""
    data = write_voc(root, {"all": {name: [("car", 10, 20, 60, 70)]}})
    label = root / "Annotations" / f"{Path(name).stem}.xml"
    more = "<pose>Left</pose><truncated>1</truncated><part><name>wheel</name></part><attributes/>"
    text = (
        label.read_text().replace("</name>", f"</name>{more}", 1).replace("<annotation>", "<annotation>\r\n <!-- é -->")
    )
    label.write_bytes(b'<?xml version="1.0" encoding="ISO-8859-1"?>\n' + text.encode("latin-1"))
    return data


def test_voc_labels_are_byte_for_byte_those_of_the_data_set(small_bank: Path, tmp_path: Path) -> None:
    data = voc_set(tmp_path / "data")
    export(small_bank, tmp_path / "out", merge=data)
    label = Path("Annotations") / "a.xml"
    assert (tmp_path / "out" / label).read_bytes() == (data / label).read_bytes()


def test_a_voc_label_whose_image_has_another_name_now_says_that_name_alone(small_bank: Path, tmp_path: Path) -> None:
    data = voc_set(tmp_path / "data", "a b.png")
    export(small_bank, tmp_path / "out", merge=data)
    before = (data / "Annotations" / "a b.xml").read_bytes()
    assert b"<filename>a b.png</filename>" in before
    assert (tmp_path / "out" / "Annotations" / "a_b.xml").read_bytes() == before.replace(b"a b.png", b"a_b.png")


def data_with(kind: str, root: Path) -> tuple[Path, str]:
    """A data set whose labels hold more than boxes, and its format."""
    if kind in ROWS:
        return yolo_set(root, ROWS[kind], f"names: [van, car, bus, van]\n{KEYS if kind == 'pose' else ''}"), "yolo"
    if kind == "polygon":
        data = write_voc(root)
        label = data / "Annotations" / "a.xml"
        label.write_text(label.read_text().replace("</name>", "</name><polygon><x1>1</x1><y1>2</y1></polygon>"))
        return data, "voc"
    more: dict[str, Any] = {"mask": {"segmentation": [[1, 2, 30, 4, 5, 60]]}, "nose": {"keypoints": [9, 9, 2]}}
    data = write_coco_splits(root)
    train = data / "annotations" / "instances_train.json"
    document = json.loads(train.read_text())
    document["annotations"][0] |= more[kind]
    train.write_text(json.dumps(document))
    return data, "coco"


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("seg", "masks"),
        ("obb", "masks, oriented boxes"),
        ("pose", "keypoints"),
        ("polygon", "masks"),
        ("mask", "masks"),
        ("nose", "keypoints"),
    ],
)
def test_what_another_format_would_lose_is_refused_unless_boxes_will_do(
    small_bank: Path, tmp_path: Path, kind: str, said: str
) -> None:
    data, own = data_with(kind, tmp_path / "data")
    others = {"voc", *(("coco",) if kind in ("pose", "polygon") else ()), *(("yolo",) if kind != "mask" else ())}
    for other in others - {own}:
        out, config = tmp_path / other, ExportConfig(format=other)
        with pytest.raises(ExportError, match=rf"a\.png: its label holds more than boxes \({said}.*--format {own},"):
            export(small_bank, out, merge=data, config=config)
        assert not out.exists()
        merged = export(small_bank, out, merge=data, config=ExportConfig(format=other, boxes_only=True)).merged
        assert merged is not None and merged.train.positives > 0
    assert export(small_bank, tmp_path / own, merge=data, config=ExportConfig(format=own)).merged is not None


def test_every_format_keeps_the_masks_of_coco_or_refuses_them_by_name(small_bank: Path, tmp_path: Path) -> None:
    data, _ = data_with("mask", tmp_path / "data")
    keeping = {key for key in OBJECT_FORMATS if label_writer(key).keeps_labels_of == "COCO"}
    outlining = {key for key in OBJECT_FORMATS if label_writer(key).has_outlines}
    assert keeping == {"coco", "roboflow"} and outlining - keeping == {
        "cvat",
        "datumaro",
        "fiftyone",
        "yolo",
        "label-studio",
    }
    for key in sorted({*OBJECT_FORMATS} - (outlining - keeping)):
        config = ExportConfig(format=key)
        if key in keeping:
            export(small_bank, tmp_path / key, merge=data, config=config)
            path = next(
                each for each in (tmp_path / key).glob("**/*.json") if "train" in str(each.relative_to(tmp_path))
            )
            assert json.loads(path.read_text())["annotations"][0]["segmentation"] == [[1, 2, 30, 4, 5, 60]]
            continue
        with pytest.raises(ExportError, match=rf"\(masks\), which an export as {label_writer(key).title} would lose"):
            export(small_bank, tmp_path / key, merge=data, config=config)
        assert not (tmp_path / key).exists()


def test_a_csv_takes_no_data_set(small_bank: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="CSV lists negatives alone; leave --merge out"):
        export(small_bank, tmp_path / "out", merge=tmp_path / "nowhere", config=ExportConfig(format="csv"))


def test_boxes_go_into_any_format(small_bank: Path, tmp_path: Path) -> None:
    data = yolo_set(tmp_path / "data", ROWS["box"])
    for other in ("voc", "coco"):
        assert export(small_bank, tmp_path / other, merge=data, config=ExportConfig(format=other)).negatives == 2


@pytest.mark.parametrize("format_name", ["voc", "coco"])
def test_grey_images_are_refused_where_the_format_cannot_say_it(
    small_bank: Path, tmp_path: Path, format_name: str
) -> None:
    data = yolo_set(tmp_path / "data", ROWS["box"], "names: [van]\nchannels: 1\n")
    config = ExportConfig(format=format_name, boxes_only=True)
    with pytest.raises(ExportError, match=r"says channels: 1, which .* cannot say; use --format yolo, which keeps it"):
        export(small_bank, tmp_path / "out", merge=data, config=config)


def test_negatives_do_not_fit_to_images_of_other_channels(small_bank: Path, tmp_path: Path) -> None:
    data = yolo_set(tmp_path / "data", ROWS["box"], "names: [van]\nchannels: 4\n")
    with pytest.raises(ExportError, match="says channels: 4, and the images in a bank have 3"):
        export(small_bank, tmp_path / "out", merge=data, config=ExportConfig(format="yolo"))


def test_a_label_that_changes_while_the_export_runs_is_one_line(small_bank: Path, tmp_path: Path) -> None:
    data = yolo_set(tmp_path / "data", ROWS["seg"])
    label = tmp_path / "data" / "labels" / "train" / "a.txt"

    def change(done: int, of: int) -> None:
        if done == of:
            label.write_text(ROWS["box"])

    with pytest.raises(ExportError, match=r"a\.txt has changed since it was read; run the same command again"):
        export(small_bank, tmp_path / "out", merge=data, config=ExportConfig(format="yolo"), on_progress=change)


def test_boxes_only_needs_a_data_set(small_bank: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--boxes-only with --merge"):
        export(small_bank, tmp_path / "out", config=ExportConfig(boxes_only=True))
