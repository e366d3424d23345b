"""What a merge leaves out: negatives that the data set knows better, and images that nobody can train on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
from blobs import draw, find_squares, square_detector
from data_sets import PLAIN, SIZE_WH, Splits, stems, write_coco_splits, write_voc, write_yolo

from negmine.bank.bank import Bank
from negmine.bank.writer import BankWriter
from negmine.datasets.config import LabelConfig
from negmine.datasets.open import open_dataset
from negmine.detectors.function import FunctionDetector
from negmine.exporting.config import ExportConfig, SelectionConfig
from negmine.exporting.export import export
from negmine.mining.config import CropConfig, OutputSize, ScanConfig
from negmine.mining.scan import scan

YOLO = ExportConfig(format="yolo")


def test_what_cannot_be_used_is_left_out_counted_and_named(small_bank: Path, tmp_path: Path) -> None:
    car = [("car", 10, 20, 60, 70)]
    train = {"a.png": car, "broken.png": car, "wrong.png": car, "nobody.png": None, "gone.png": car}
    splits: Splits = {**PLAIN, "train": train}
    data = write_yolo(tmp_path / "data", splits)
    images = tmp_path / "data" / "images" / "train"
    (images / "broken.png").write_bytes((images / "broken.png").read_bytes()[:500])
    (images / "gone.png").unlink()
    (images / "gone.png").symlink_to("nowhere")
    (tmp_path / "data" / "labels" / "train" / "wrong.txt").write_text("0 5 5 1 1\n")
    merged = export(small_bank, tmp_path / "out", merge=data, config=YOLO).merged
    assert merged is not None and (merged.train.positives, merged.train.empty, merged.unlabelled) == (1, 0, 1)
    assert {path.name for path in merged.skipped} == {"broken.png", "wrong.png", "gone.png"}
    assert "cut short" in merged.skipped[images / "broken.png"] and "0 to 1" in merged.skipped[images / "wrong.png"]
    assert len(stems(open_dataset(tmp_path / "out", split="train"), "train")) == 3
    config = ExportConfig(format="yolo", labels=LabelConfig(missing_is_empty=True))
    merged = export(small_bank, tmp_path / "out", merge=data, config=config).merged
    assert merged is not None and (merged.train.empty, merged.unlabelled) == (1, 0)
    assert (tmp_path / "out" / "labels" / "train" / "nobody.txt").read_bytes() == b""


@pytest.mark.parametrize("key", ["voc", "yolo"])
def test_images_whose_labels_leave_a_class_open_are_left_out_where_the_format_cannot_say_so(
    small_bank: Path, tmp_path: Path, key: str
) -> None:
    car = [("car", 10, 20, 60, 70)]
    images = {"a.png": car, "more.png": car, "empty.png": []}
    data = write_coco_splits(tmp_path / "data", {**PLAIN, "train": images})
    train = data / "annotations" / "instances_train.json"
    document = json.loads(train.read_text())
    document["images"][1]["not_exhaustive_category_ids"] = [7]
    document["images"][2]["not_exhaustive_category_ids"] = [7]
    train.write_text(json.dumps(document))
    merged = export(small_bank, tmp_path / "out", merge=data, config=ExportConfig(format=key)).merged
    assert merged is not None and (merged.train.positives, merged.train.empty) == (1, 0)
    assert {path.name for path in merged.skipped} == {"more.png", "empty.png"}
    assert all("leaves open whether it holds" in reason for reason in merged.skipped.values())


def test_images_that_no_list_names_are_left_out(small_bank: Path, tmp_path: Path) -> None:
    data = write_voc(tmp_path / "data", {**PLAIN, "all": {"z.png": [("car", 1, 1, 9, 9)]}})
    merged = export(small_bank, tmp_path / "out", merge=data).merged
    assert merged is not None and (merged.unlisted, [split.name for split in merged.splits]) == (1, ["train", "val"])
    assert not list((tmp_path / "out").rglob("z.*"))


def add(small_bank: Path, tmp_path: Path, data: Path) -> dict[str, int]:
    """Merge, and say why negatives were left out."""
    result = export(small_bank, tmp_path / "out", merge=data, config=YOLO)
    assert result.merged is not None
    back = stems(open_dataset(tmp_path / "out", split="train"), "train")
    assert len(back) == result.negatives + result.variants + result.merged.train.positives + result.merged.train.empty
    return dict(result.merged.withheld)


def test_merging_again_keeps_the_hardest(make_bank: Callable[[int], Path], tmp_path: Path) -> None:
    car = [("car", 10, 20, 60, 70)]
    data = write_yolo(tmp_path / "data", {**PLAIN, "train": {f"{number}.png": car for number in range(4)}})
    config = ExportConfig(format="yolo", selection=SelectionConfig(ratio="2:1"))
    bank, names = make_bank(6), list[set[str]]()
    for number in range(3):
        result = export(bank, tmp_path / f"out{number}", merge=data, config=config)
        assert (result.negatives, result.passed_over) == (2, 4) and result.merged is not None
        assert (result.merged.ratio, result.merged.withheld, result.merged.empties_left_out) == (0.5, {}, 0)
        data = tmp_path / f"out{number}" / "data.yaml"
        names.append({each.name for each in (data.parent / "images" / "train").iterdir()})
    assert names[0] == names[1] == names[2]


@pytest.mark.parametrize("is_source", [True, False])
def test_what_looks_like_a_validation_image_is_not_trained_on(
    small_bank: Path, tmp_path: Path, is_source: bool
) -> None:
    data = write_yolo(tmp_path / "data", {**PLAIN, "val": {**PLAIN["val"], "near.jpg": []}})
    with Bank(small_bank) as opened:
        first = next(opened.negatives())
        image = cv2.imread(str(opened.cuts()[first.id][0].path if is_source else first.path))
    near = tmp_path / "data" / "images" / "val" / "near.jpg"
    near.write_bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes())
    withheld = add(small_bank, tmp_path, data)
    assert list(withheld) == ["they are, or were cut from, or look like, images of a split that is not trained on"]
    (tmp_path / "data" / "images" / "train" / "near.jpg").write_bytes(near.read_bytes())  # and so it is trained on
    (tmp_path / "data" / "labels" / "train" / "near.txt").touch()
    near.unlink()
    assert add(small_bank, tmp_path, data) == {}


@pytest.fixture
def negative(small_bank: Path) -> Path:
    """The file of the hardest negative, which has a variant."""
    with BankWriter(small_bank, purpose="a test") as writer, writer.transaction():
        first = next(writer.negatives())
        staged = writer.stage(first.path.read_bytes() + b"\0")
        writer.add_variant(first.id, staged, first.size_wh, "blur", {"sigma": 1})
    return first.path


@pytest.mark.parametrize(
    ("split", "labels", "reason"),
    [
        ("val", [], "images of a split that is not trained on"),
        ("val", [("car", 1, 1, 9, 9)], "images of a split that is not trained on"),
        ("val", None, "images of a split that is not trained on"),
        ("train", [("car", 1, 1, 9, 9)], "has an object there"),
        ("train", [], "in the data set already"),
        ("train", None, None),
    ],
)
def test_a_negative_that_is_an_image_of_the_data_set_is_left_out_with_its_variants(
    small_bank: Path, negative: Path, tmp_path: Path, split: str, labels: list[object] | None, reason: str | None
) -> None:
    data = write_yolo(tmp_path / "data", {**PLAIN, split: {**PLAIN[split], "twin.png": labels}})  # type: ignore[dict-item]
    shutil.copy(negative, tmp_path / "data" / "images" / split / "twin.png")
    withheld = add(small_bank, tmp_path, data)
    assert list(withheld.values()) == ([2] if reason else [])
    assert all(reason is not None and reason in key for key in withheld)


@pytest.mark.parametrize(
    ("split", "box", "reason"),
    [
        ("train", ("car", 75, 55, 90, 90), "has an object there"),
        ("train", ("car", 0, 0, 5, 5), None),
        ("val", ("car", 0, 0, 5, 5), "images of a split that is not trained on"),
    ],
)
def test_a_negative_cut_from_where_the_data_set_knows_better_is_left_out(
    small_bank: Path, negative: Path, tmp_path: Path, split: str, box: object, reason: str | None
) -> None:
    with Bank(small_bank) as bank:
        source = next(bank.negatives()).source
    data = write_yolo(tmp_path / "data", {**PLAIN, split: {**PLAIN[split], "twin.png": [box]}})  # type: ignore[dict-item]
    shutil.copy(source, tmp_path / "data" / "images" / split / "twin.png")
    assert [(reason or "-") in key for key in add(small_bank, tmp_path, data)] == ([True] if reason else [])


@pytest.mark.parametrize("known", ["a.png", "b.png"])
@pytest.mark.parametrize(
    ("split", "row", "reason"),
    [
        ("train", "1 0.35 0.42 0.02 0.02\n", "has an object there"),
        ("train", "1 0.9 0.9 0.02 0.02\n", None),
        ("train", "9 9 9\n", "cannot be read"),
        ("val", "", "images of a split that is not trained on"),
    ],
)
def test_a_negative_that_two_pictures_share_is_left_out_if_the_data_set_knows_better_of_one(
    tmp_path: Path, known: str, split: str, row: str, reason: str | None
) -> None:
    draw(tmp_path / "in" / "a.png", [(60, 40, 80, 60, 90)])
    draw(tmp_path / "in" / "b.png", [(60, 40, 80, 60, 90), (190, 110, 193, 113, 90)])  # too small to be found
    config = ScanConfig(crop=CropConfig("context", 1.0, OutputSize("none")))
    scan(tmp_path / "in", square_detector(), bank=tmp_path / "bank", config=config)
    with Bank(tmp_path / "bank") as bank:
        assert (bank.negative_count(), bank.scalar("SELECT count(*) FROM crops")) == (1, 2)  # the same bytes
    draw(tmp_path / "in" / "c.png", [(60, 40, 80, 60, 20)], seed=3)
    scan(tmp_path / "in" / "c.png", square_detector(), bank=tmp_path / "bank", config=config)
    data = write_yolo(tmp_path / "data")
    shutil.copy(tmp_path / "in" / known, tmp_path / "data" / "images" / split / "twin.png")
    (tmp_path / "data" / "labels" / split / "twin.txt").write_text(row)
    withheld = add(tmp_path / "bank", tmp_path, data)
    assert list(withheld.values()) == ([1] if reason else []) and all(str(reason) in key for key in withheld)


def test_a_variant_that_is_an_image_to_measure_on_is_left_out_alone(
    small_bank: Path, negative: Path, tmp_path: Path
) -> None:
    data = write_yolo(tmp_path / "data", {**PLAIN, "val": {**PLAIN["val"], "twin.png": []}})
    twin = tmp_path / "data" / "images" / "val" / "twin.png"
    draw(twin, seed=77)
    with BankWriter(small_bank, purpose="a test") as writer, writer.transaction():
        first = next(writer.negatives())
        writer.add_variant(first.id, writer.stage(twin.read_bytes()), SIZE_WH, "mosaic", {})
    assert list(add(small_bank, tmp_path, data).values()) == [1]


def test_a_merged_set_can_be_merged_again(small_bank: Path, tmp_path: Path) -> None:
    export(small_bank, tmp_path / "one", merge=write_yolo(tmp_path / "data"), config=YOLO)
    result = export(small_bank, tmp_path / "two", merge=tmp_path / "one", config=YOLO)
    assert (result.negatives, sum((result.merged.withheld if result.merged else {}).values())) == (0, 2)
    assert stems(open_dataset(tmp_path / "two"), "train") == stems(open_dataset(tmp_path / "one"), "train")


def test_negatives_mined_from_the_training_images_themselves_go_in(tmp_path: Path) -> None:
    data = write_yolo(tmp_path / "data", {**PLAIN, "train": {"a.png": [("car", 150, 80, 190, 110)]}})
    draw(tmp_path / "data" / "images" / "train" / "a.png", [(20, 20, 40, 40, 90)], size_wh=SIZE_WH)
    config = ScanConfig(crop=CropConfig(size=OutputSize("none")))
    detector = FunctionDetector(find_squares, {0: "car", 1: "van"}, name="squares", batch_size=1, key="1")
    scan(tmp_path / "data" / "images" / "train", detector, bank=tmp_path / "bank", truth=data, config=config)
    result = export(tmp_path / "bank", tmp_path / "out", merge=data, config=YOLO)
    assert (result.negatives, result.merged and dict(result.merged.withheld)) == (1, {})
