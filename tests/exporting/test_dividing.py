"""Splits: what belongs together is in one of them, and nothing is measured on what was trained on."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from banks import MakeBank
from data_sets import SIZE_WH, Splits, stems, write_coco, write_voc, write_yolo

from negmine.augmenting.augment import augment
from negmine.augmenting.config import AugmentConfig
from negmine.bank.bank import Bank
from negmine.bank.records import CameraFrame
from negmine.bank.writer import BankWriter
from negmine.datasets.open import open_dataset
from negmine.errors import ConfigError, ExportError
from negmine.exporting.config import ExportConfig, SelectionConfig, SplitConfig
from negmine.exporting.dividing import divide
from negmine.exporting.export import export
from negmine.grouping import GroupBy
from negmine.plain_yaml import load_yaml
from negmine.structures import Image

HALVES = SplitConfig((0.5, 0.5))


def splits_of(bank: Path, config: SplitConfig = HALVES) -> dict[str, str]:
    """The split of each negative, by the stem of its source."""
    with Bank(bank) as opened:
        negatives = list(opened.negatives())
    split_of = divide(negatives, (), bank, config)
    return {each.source.stem: split_of[each.sha256] for each in negatives}


def picture(seed: int) -> Image:
    """Soft colours, like those of no other seed, around a square that the detector finds."""
    image = cv2.resize(np.random.default_rng(seed).integers(0, 170, (6, 8, 3), dtype=np.uint8), SIZE_WH)
    image[45:65, 80:100] = (150, 0, 255)
    return np.asarray(image, dtype=np.uint8)


def plain(count: int) -> dict[str, Image]:
    return {f"{i:03}.png": picture(i) for i in range(count)}


@pytest.mark.parametrize("text", ["0.8/0.2", "0.7/0.2/0.1", ".5/.5"])
def test_shares_are_read(text: str) -> None:
    found = SplitConfig.parse(text, group_by="folder", seed=1)
    assert found is not None and found.shares == tuple(map(float, text.split("/")))
    assert found.names == ("train", "val", "test")[: len(found.shares)] and found.group_by == GroupBy("folder")


@pytest.mark.parametrize("text", ["train", "val2017", "a/b", "0.8", "-1/2", "1/2/3/4", "1e-1/0.9"])
def test_other_text_is_the_name_of_a_split(text: str) -> None:
    assert SplitConfig.parse(text, group_by="folder", seed=0) is None


@pytest.mark.parametrize("text", ["0.8/0.3", "80/20", "1/0", "0/0/1"])
def test_shares_that_are_not_those_of_a_whole_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"add up to 1, such as 0\.8/0\.2"):
        SplitConfig.parse(text, group_by="folder", seed=0)


@pytest.mark.parametrize("text", ["0.8,0.2", "0.8 0.2", "0.8, 0.2", "0.8:0.2"])
def test_shares_that_are_written_in_another_way_are_refused_with_the_right_one(text: str) -> None:
    with pytest.raises(ConfigError, match=r"expected shares with / between them, such as --split 0\.8/0\.2, found"):
        SplitConfig.parse(text, group_by="folder", seed=0)


def test_negatives_are_divided_by_their_shares(make_bank: MakeBank, tmp_path: Path) -> None:
    bank = make_bank(plain(10))
    augment(bank, config=AugmentConfig(per_negative=1))
    result = export(bank, tmp_path / "out", config=ExportConfig(format="yolo", splits=SplitConfig((0.8, 0.2))))
    assert {name: (each.negatives, each.variants) for name, each in result.splits.items()} == {
        "train": (8, 8), "val": (2, 2)
    }  # fmt: skip
    for split in ("train", "val"):
        names = [path.name.split("-")[0] for path in (tmp_path / "out" / "images" / split).iterdir()]
        assert set(Counter(names).values()) == {2}  # a variant is where its negative is
    document = load_yaml((tmp_path / "out" / "data.yaml").read_bytes())
    assert isinstance(document, dict) and (document["train"], document["val"]) == ("images/train", "images/val")


def test_parts_of_one_image_stay_together(make_bank: MakeBank) -> None:
    two = picture(50)
    two[5:25, 5:25] = two[95:115, 175:195] = (150, 0, 255)
    bank = make_bank({"a.png": two, **plain(3)})
    with Bank(bank) as opened:
        negatives = list(opened.negatives())
    of_a = {each.sha256 for each in negatives if each.source.stem == "a"}
    assert len(of_a) > 1
    split_of = divide(negatives, (), bank, SplitConfig((0.5, 0.3, 0.2)))
    assert len({split_of[sha256] for sha256 in of_a}) == 1


def test_near_duplicates_stay_together(make_bank: MakeBank) -> None:
    one = picture(50)
    other = np.clip(one.astype(int) - 3, 0, 255).astype(np.uint8)
    other[45:65, 80:100] = one[45:65, 80:100]
    bank = make_bank({"a.png": one, "b.png": other, **plain(2)})
    found = splits_of(bank, SplitConfig((0.4, 0.3, 0.3)))
    assert found["a"] == found["b"] and len(set(found.values())) == 3


def test_what_a_folder_or_a_pattern_says_stays_together(make_bank: MakeBank) -> None:
    bank = make_bank({f"{clip}_{i}.png": picture(4 * at + i) for at, clip in enumerate("xy") for i in range(4)})
    found = splits_of(bank, SplitConfig((0.5, 0.5), GroupBy("([xy])_")))
    assert {frozenset(split for stem, split in found.items() if stem[0] == clip) for clip in "xy"} == {
        frozenset({"train"}), frozenset({"val"})
    }  # fmt: skip
    with pytest.raises(ExportError, match="of 2 or more groups that are not alike, one for each split, found 1 group"):
        splits_of(bank, SplitConfig((0.5, 0.5), GroupBy("folder")))
    with pytest.raises(ConfigError, match="matches none"):
        splits_of(bank, SplitConfig((0.5, 0.5), GroupBy("(clip)")))


def test_frames_of_one_camera_stay_together(make_bank: MakeBank) -> None:
    bank = make_bank(plain(6))
    with BankWriter(bank, purpose="a test") as writer:
        every = list(writer.negatives())
        with writer.transaction():
            for number, each in enumerate(every[:4]):
                data = each.source.read_bytes()
                writer.keep_frame(CameraFrame(data, each.source_sha256, "rtsp://gate/1", 1000 * number))
    found = splits_of(bank, SplitConfig((0.4, 0.3, 0.3)))
    assert len({found[each.source.stem] for each in every[:4]}) == 1 and len(set(found.values())) == 3


WHOLE: Splits = {
    "all": {f"p{i}.png": [("car", 10, 20, 60, 70)] for i in range(8)} | {f"n{i}.png": [] for i in range(4)}
}


@pytest.mark.parametrize("format_name", ["voc", "yolo", "coco"])
def test_a_data_set_without_splits_is_divided_with_the_negatives(
    make_bank: MakeBank, tmp_path: Path, format_name: str
) -> None:
    bank, data = make_bank(plain(4)), write_voc(tmp_path / "data", WHOLE)
    twin = next((tmp_path / "bank-in").iterdir())
    (tmp_path / "data" / "JPEGImages" / "n0.png").write_bytes(twin.read_bytes())  # of which a negative is a part
    config = ExportConfig(format=format_name, splits=SplitConfig((0.75, 0.25)))
    result = export(bank, tmp_path / "out", merge=data, config=config)
    assert result.merged is not None
    assert [(each.name, each.positives, each.empty) for each in result.merged.splits] in (
        [("train", 6, 3), ("val", 2, 1)], [("train", 6, 4), ("val", 2, 0)], [("train", 6, 2), ("val", 2, 2)]
    )  # fmt: skip
    assert {name: each.negatives for name, each in result.splits.items()} == {"train": 3, "val": 1}
    read = {split: stems(open_dataset(tmp_path / "out"), split) for split in ("train", "val")}
    assert sum(map(len, read.values())) == 16 and not read["train"] & read["val"]
    of_twin = [split for split, names in read.items() for name in names if name == "n0" or name.startswith(twin.stem)]
    assert len(of_twin) == 2 and len(set(of_twin)) == 1
    assert export(bank, tmp_path / "out", merge=data, config=replace(config, workers=1)).written == 0


def test_data_without_val_is_said_and_training_images_are_never_named_for_it(small_bank: Path, tmp_path: Path) -> None:
    data, config = write_voc(tmp_path / "data", WHOLE), ExportConfig(format="yolo")
    merged = export(small_bank, tmp_path / "out", merge=data, config=config).merged
    assert merged is not None and "nothing to validate on" in merged.notes[-1] and "--split 0.8/0.2" in merged.notes[-1]
    assert "val" not in yaml.safe_load((tmp_path / "out" / "data.yaml").read_text())


def test_a_val_that_is_train_is_said_and_can_be_divided(small_bank: Path, tmp_path: Path) -> None:
    data = write_yolo(tmp_path / "data", {"train": WHOLE["all"]})
    data.write_text(data.read_text() + "val: images/train\n")
    merged = export(small_bank, tmp_path / "both", merge=data, config=ExportConfig(format="yolo")).merged
    assert merged is not None and "all 12 images of val are in train too" in merged.notes[-1]
    config = ExportConfig(format="yolo", splits=SplitConfig((0.8, 0.2)))
    merged = export(small_bank, tmp_path / "out", merge=data, config=config).merged
    assert merged is not None and [(each.name, each.positives) for each in merged.splits] == [("train", 6), ("val", 2)]


def test_a_divided_data_set_stays_as_it_is_divided(small_bank: Path, tmp_path: Path) -> None:
    config = ExportConfig(splits=SplitConfig((0.8, 0.2)))
    with pytest.raises(ConfigError, match=r"is divided already \(train, val\)"):
        export(small_bank, tmp_path / "out", merge=write_yolo(tmp_path / "data"), config=config)
    few = write_coco(tmp_path / "few", {"train": {"a.png": [("car", 1, 1, 9, 9)], "b.png": []}})
    with pytest.raises(ExportError, match="expected images with objects of 2 or more groups"):
        export(small_bank, tmp_path / "out", merge=few, config=config)


def test_a_ratio_leaves_out_empty_images_of_the_data_by_the_seed(make_bank: MakeBank, tmp_path: Path) -> None:
    bank, data = make_bank(plain(3)), write_voc(tmp_path / "data", WHOLE)  # 8 with objects, 4 empty
    selection = SelectionConfig(ratio="2:1")
    result = export(bank, tmp_path / "out", merge=data, config=ExportConfig(selection=selection))
    assert result.merged is not None and (result.negatives, result.merged.ratio) == (2, 0.5)
    assert (result.merged.train.empty, result.merged.empties_left_out) == (2, 2)
    alone = export(None, tmp_path / "alone", merge=data, config=ExportConfig(selection=SelectionConfig(ratio="8:3")))
    assert alone.merged is not None and (alone.negatives, alone.merged.train.empty) == (0, 3)


def test_positives_make_room(make_bank: MakeBank, tmp_path: Path) -> None:
    bank, data = make_bank(4), write_yolo(tmp_path / "data")  # two with objects and an empty one to train on
    selection = SelectionConfig(ratio="1:2", positives=(data,))
    assert export(bank, tmp_path / "out", split="train", config=ExportConfig(selection=selection)).negatives == 3
    with pytest.raises(ExportError, match="leaves no room"):
        config = ExportConfig(selection=SelectionConfig(ratio="3:1", positives=(data,)))
        export(bank, tmp_path / "none", config=config)
    for wrong, message in (
        ({"selection": SelectionConfig(ratio="1:1")}, "expected --data or --merge with --ratio"),
        ({"splits": HALVES, "selection": selection}, "expected shares or a split"),
    ):
        with pytest.raises(ConfigError, match=message):
            export(bank, tmp_path / "none", split="train" if "splits" in wrong else None, config=ExportConfig(**wrong))  # type: ignore[arg-type]
