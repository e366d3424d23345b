"""Adding negatives to a data set where it is, and taking just them out again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from banks import MakeBank, judge
from blobs import draw
from data_sets import PLAIN, SIZE_WH, files, train_of, write_coco, write_voc, write_yolo

from negmine.bank.bank import Bank
from negmine.errors import ConfigError, ExportError
from negmine.exporting.config import ExportConfig, SelectionConfig, SplitConfig
from negmine.exporting.in_place.add import add_to
from negmine.exporting.in_place.manifest import LOCK, MANIFEST
from negmine.exporting.in_place.take_out import take_out

Make = Callable[[Path], Path]


def yolo_of_lists(root: Path) -> Path:
    """A data.yaml whose splits are lists, as darknet and COCO's own have them; the last line is not ended."""
    data = write_yolo(root)
    lines = [f"./images/train/{name}" for name in PLAIN["train"]]
    (root / "train.txt").write_bytes("\r\n".join(lines).encode())
    data.write_text(data.read_text().replace("train: images/train", "train: train.txt"))
    return data


def voc_without_lists(root: Path) -> Path:
    return write_voc(root, {"all": PLAIN["train"]})


def pretty_coco(root: Path) -> Path:
    path = write_coco(root)
    path.write_text(json.dumps(json.loads(path.read_text()), indent=4, ensure_ascii=False) + "\n\n")
    return path


def coco_as_exported(root: Path) -> Path:
    """A folder with a JSON beside the images of each split."""
    for split in ("train", "valid"):
        entries = [{"id": 5, "file_name": f"{split}.png", "width": SIZE_WH[0], "height": SIZE_WH[1]}]
        document = {
            "annotations": [{"id": 1, "image_id": 5, "category_id": 1, "bbox": [1, 1, 9, 9]}],
            "info": {"images": ["not these"]},
            "images": entries,
            "categories": [{"id": 1, "name": "car"}],
        }
        draw(root / split / f"{split}.png", size_wh=SIZE_WH, seed=len(split))
        (root / split / "_annotations.coco.json").write_text(json.dumps(document))
    return root


LAYOUTS: list[Make] = [
    write_yolo, yolo_of_lists, write_voc, voc_without_lists, write_coco, pretty_coco, coco_as_exported
]  # fmt: skip


@pytest.mark.parametrize("make", LAYOUTS)
def test_they_are_in_the_layout_that_is_there_and_leave_no_trace(small_bank: Path, tmp_path: Path, make: Make) -> None:
    data = make(tmp_path / "data")
    before, (positives, empties) = files(tmp_path / "data"), train_of(data)
    result = add_to(small_bank, data)
    assert (result.negatives, result.removed, result.positives) == (2, 0, positives)
    assert train_of(data) == (positives, empties + 2) and result.ratio == (empties + 2) / positives
    assert before.keys() < files(tmp_path / "data").keys()
    again = add_to(small_bank, data)
    assert (again.written, again.removed, again.negatives) == (0, 0, 2)
    taken = take_out(data)
    assert files(tmp_path / "data") == before and not taken.kept and taken.gone == 0
    with pytest.raises(ExportError, match="nothing was added to it"):
        take_out(data)


def test_labels_of_negatives_are_those_of_an_export(small_bank: Path, tmp_path: Path) -> None:
    data = write_voc(tmp_path / "data")
    add_to(small_bank, data)
    names = (tmp_path / "data" / "ImageSets" / "Main" / "train.txt").read_text().split()
    assert names[:3] == ["a", "b", "c"] and len(names) == 5
    for name in names[3:]:
        assert f"<filename>{name}.jpg</filename>" in (tmp_path / "data" / "Annotations" / f"{name}.xml").read_text()


@pytest.mark.parametrize("make", LAYOUTS)
def test_a_later_run_takes_out_what_was_rejected_and_adds_what_is_new(
    make_bank: MakeBank, tmp_path: Path, make: Make
) -> None:
    bank, data = make_bank(3), make(tmp_path / "data")
    before, (positives, empties) = files(tmp_path / "data"), train_of(data)
    config = ExportConfig(selection=SelectionConfig(hardest=2))
    add_to(bank, data, config=config)
    with Bank(bank) as opened:
        judge(bank, next(opened.negatives()).id, "rejected")
    result = add_to(bank, data, config=config)
    assert (result.negatives, result.unchanged > 0, result.removed > 0) == (2, True, True)
    assert train_of(data) == (positives, empties + 2)
    take_out(data)
    assert files(tmp_path / "data") == before


def test_a_ratio_is_that_of_the_data_set(make_bank: MakeBank, tmp_path: Path) -> None:
    bank, data = make_bank(4), write_yolo(tmp_path / "data")  # two with objects to train on, and an empty one
    result = add_to(bank, data, config=ExportConfig(selection=SelectionConfig(ratio="1:2")))
    assert (result.negatives, result.passed_over, result.ratio) == (3, 1, 2)
    with pytest.raises(ExportError, match="leaves no room: it allows 1 image without objects, and the data has 1"):
        add_to(bank, data, config=ExportConfig(selection=SelectionConfig(ratio="2:1")))


def test_a_negative_with_an_object_of_the_data_is_left_out(make_bank: MakeBank, tmp_path: Path) -> None:
    bank = make_bank({"000.png": [(60, 40, 80, 60, 90)], "001.png": [(5, 70, 45, 110, 90)]})  # which are not alike
    data = write_yolo(tmp_path / "data")
    source = sorted((tmp_path / "bank-in").iterdir())[0]
    (tmp_path / "data" / "images" / "train" / "a.png").write_bytes(source.read_bytes())
    (tmp_path / "data" / "labels" / "train" / "a.txt").write_text("0 0.5 0.5 1 1\n")
    (tmp_path / "data" / "images" / "val" / "d.png").write_bytes(
        sorted((tmp_path / "bank-in").iterdir())[1].read_bytes()
    )
    with pytest.raises(
        ExportError,
        match=r"no negatives to add \(the data set has an object there; they are, or were cut from, or look like",
    ):
        add_to(bank, data)
    assert not (tmp_path / "data" / MANIFEST).exists()


def test_what_somebody_changed_stays_with_its_partner_and_is_named(small_bank: Path, tmp_path: Path) -> None:
    data = write_voc(tmp_path / "data")
    before = files(tmp_path / "data")
    add_to(small_bank, data)
    added = sorted(files(tmp_path / "data").keys() - before.keys() - {MANIFEST})
    label = next(name for name in added if name.endswith(".xml"))
    stem = Path(label).stem
    (tmp_path / "data" / label).write_text("<annotation><object/></annotation>")
    with pytest.raises(ExportError, match="was changed since it was added"):
        add_to(small_bank, data)
    result = take_out(data)
    assert {path.name for path in result.kept} == {f"{stem}.xml", f"{stem}.jpg"} and result.removed == 2
    left = files(tmp_path / "data")
    assert left.keys() - before.keys() == {f"JPEGImages/{stem}.jpg", f"Annotations/{stem}.xml"}
    assert left["ImageSets/Main/train.txt"] == b"a\nb\nc\n" + stem.encode() + b"\n"  # it is the data set's own now


def test_a_list_that_somebody_added_to_keeps_what_was_added(small_bank: Path, tmp_path: Path) -> None:
    data, listed = yolo_of_lists(tmp_path / "data"), tmp_path / "data" / "train.txt"
    before = listed.read_bytes()
    add_to(small_bank, data)
    listed.write_bytes(listed.read_bytes() + b"\r\n./images/train/new.png")
    assert not take_out(data).kept
    assert listed.read_bytes() == before + b"\r\n./images/train/new.png"


def test_a_coco_file_that_was_written_anew_stays_with_the_images_that_it_names(
    small_bank: Path, tmp_path: Path
) -> None:
    data = write_coco(tmp_path / "data")
    add_to(small_bank, data)
    data.write_text(json.dumps(json.loads(data.read_text()), indent=1))
    left = files(tmp_path / "data")
    with pytest.raises(ExportError, match="names them otherwise now"):
        add_to(small_bank, data)
    result = take_out(data)
    assert {path.name for path in result.kept} >= {data.name} and len(result.kept) == 3 and result.removed == 0
    assert files(tmp_path / "data") == {name: data for name, data in left.items() if name != MANIFEST}


def test_an_image_that_somebody_annotated_stays_in_the_coco_file(small_bank: Path, tmp_path: Path) -> None:
    data = write_coco(tmp_path / "data")
    add_to(small_bank, data)
    text = data.read_text()
    last = json.loads(text)["images"][-1]
    data.write_text(text.replace('"annotations": [', f'"annotations": [{{"id": 9, "image_id": {last["id"]}, '
                                 '"category_id": 7, "bbox": [1, 1, 5, 5]}, '))  # fmt: skip
    assert [path.name for path in take_out(data).kept] == [Path(last["file_name"]).name]
    images = json.loads(data.read_text())["images"]
    assert last in images and len(images) == len(PLAIN["train"]) + 1


def test_a_file_of_the_same_name_is_not_overwritten(small_bank: Path, tmp_path: Path) -> None:
    data = write_yolo(tmp_path / "data")
    add_to(small_bank, data)
    ours = next((tmp_path / "data" / "images" / "train").glob("*.jpg")).name
    take_out(data)
    mine = draw(tmp_path / "data" / "images" / "train" / ours, size_wh=SIZE_WH, seed=9)
    before = files(tmp_path / "data")
    result = add_to(small_bank, data)
    assert (result.negatives, list(result.skipped)) == (1, [mine])
    after = files(tmp_path / "data")
    assert {name: after[name] for name in before} == before and f"labels/train/{mine.stem}.txt" not in after


def test_what_cannot_be_listed_is_refused_before_anything_is_written(small_bank: Path, tmp_path: Path) -> None:
    data = write_coco(tmp_path / "data")
    document = json.loads(data.read_text())
    document["images"][0]["id"] = 2**53 - 2
    for each in document["annotations"]:
        each["image_id"] = {1: 2**53 - 2}.get(each["image_id"], each["image_id"])
    data.write_text(json.dumps(document))
    before = files(tmp_path / "data")
    with pytest.raises(ExportError, match=r"its ids would go up to \d+, and readers take ids from 9007199254740992"):
        add_to(small_bank, data)
    with pytest.raises(ConfigError, match="no shares with --into"):
        add_to(small_bank, data, config=ExportConfig(splits=SplitConfig((0.8, 0.2))))
    assert files(tmp_path / "data") == before


def test_a_disk_that_fills_up_is_one_line_and_leaves_the_data_set_as_it_was(
    small_bank: Path, tmp_path: Path, disk: Path
) -> None:
    data, filler = write_coco(disk / "data"), disk / "filler"
    before = files(disk / "data")
    left = shutil.disk_usage(disk).free - 8192
    filler.write_bytes(bytes(left))
    with pytest.raises(ExportError, match="No space left on device; correct that, and run the same command again"):
        add_to(small_bank, data)
    take_out(data)
    assert files(disk / "data") == before
    filler.unlink()
    assert add_to(small_bank, data).negatives == 2 and not take_out(data).kept
    assert files(disk / "data") == before


def test_two_at_once_is_one_line(small_bank: Path, tmp_path: Path) -> None:
    data = write_yolo(tmp_path / "data")
    add_to(small_bank, data)
    with LOCK.hold(tmp_path / "data", purpose="negmine export --into"):
        for work in (lambda: add_to(small_bank, data), lambda: take_out(data)):
            with pytest.raises(ExportError, match=r"is in use by process \d+ \(negmine export --into\)"):
                work()


@pytest.mark.parametrize(
    "change",
    [
        {"files": {"../../mine.txt": ["0" * 64]}},
        {"files": {"images/train/holiday.jpg": ["0" * 64]}},
        {"texts": {"data.yaml": []}},
        {"texts": {"train.txt": [{"pieces": {"a-0123456789": "rm -rf"}, "lead": "", "between": "", "tail": ""}]}},
        {"texts": {"train.txt": [{"pieces": {"a": "a"}, "lead": "", "between": "", "tail": ""}]}},
        {"folders": ["/etc"]},
        {"folders": ["images/own"]},
        {"folders": ["images/own"], "files": {"images/own/a-0123456789.jpg": ["0" * 64]}},
        {"texts": {"notes.txt": []}},
        {"schema_version": "new"},
        {"texts": 3},
    ],
)
def test_a_manifest_of_somebody_else_removes_nothing(
    small_bank: Path, tmp_path: Path, change: dict[str, object]
) -> None:
    data = write_yolo(tmp_path / "data")
    add_to(small_bank, data)
    (tmp_path / "data" / "images" / "own").mkdir()
    path = tmp_path / "data" / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    before = files(tmp_path / "data")
    with pytest.raises(ExportError, match=r"negmine-added\.json (names something that|is not what) negmine"):
        take_out(data)
    assert files(tmp_path / "data") == before


def test_a_link_in_place_of_a_folder_is_not_followed(small_bank: Path, tmp_path: Path) -> None:
    data = write_yolo(tmp_path / "data")
    add_to(small_bank, data)
    train = tmp_path / "data" / "images" / "train"
    train.rename(tmp_path / "elsewhere")
    train.symlink_to(tmp_path / "elsewhere")
    before = files(tmp_path / "elsewhere")
    with pytest.raises(ExportError, match="expected a folder, found a link"):
        take_out(data)
    assert files(tmp_path / "elsewhere") == before


@pytest.mark.parametrize("method", ["hardlink", "symlink"])
def test_links_are_taken_out_too(small_bank: Path, tmp_path: Path, method: str) -> None:
    data = write_yolo(tmp_path / "data")
    before = files(tmp_path / "data")
    add_to(small_bank, data, config=ExportConfig(method=method))  # type: ignore[arg-type]
    assert all(path.is_symlink() == (method == "symlink") for path in (tmp_path / "data").rglob("*.jpg"))
    take_out(data)
    assert files(tmp_path / "data") == before
    with Bank(small_bank) as bank:
        assert all(each.path.is_file() for each in bank.negatives())
