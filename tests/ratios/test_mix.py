"""Counting the mix of data sets and banks, and the verdict on it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from banks import judge
from blobs import draw, voc_xml

import negmine
from negmine.augmenting.augment import augment
from negmine.augmenting.config import AugmentConfig
from negmine.bank.bank import Bank
from negmine.datasets.config import LabelConfig
from negmine.errors import BankError, ConfigError, NegmineError, TruthError
from negmine.ratios.mix import Mix, count_mix
from negmine.ratios.ratio import ratio

Make = Callable[..., Path]


def review(bank: Path, index: int, state: str) -> None:
    """Say something of the bank's negative at `index`, hardest first."""
    with Bank(bank) as opened:
        judge(opened.folder, list(opened.negatives())[index].id, state)  # type: ignore[arg-type]


def test_no_data_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least one data set"):
        ratio([])


@pytest.mark.parametrize("labels", [{"a": []}, {"a": [], "b": None}, {"a": None}])
def test_positives_without_a_single_object_are_refused(make_yolo: Make, labels: dict[str, list[int] | None]) -> None:
    data = make_yolo({"train": labels})
    for call in (ratio, lambda path: count_mix([path])):
        with pytest.raises(NegmineError, match=r"object|label") as raised:
            call(data)
        assert "\n" not in str(raised.value) and str(data.parent) in str(raised.value)


def test_bad_settings_are_refused(make_yolo: Make, tmp_path: Path) -> None:
    data = make_yolo({"train": {"a": [0]}})
    with pytest.raises(ConfigError, match="P:N"):
        ratio(data, target="lots")
    with pytest.raises(ConfigError, match="class"):
        ratio(data, by="split")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="worker"):
        ratio(data, workers=0)
    with pytest.raises(TruthError, match="no split 'val', only train"):
        ratio(data, split="val")
    with pytest.raises(BankError, match="does not exist"):
        ratio(data, bank=tmp_path / "nowhere")
    with pytest.raises(BankError, match="no bank"):
        ratio(data, bank=tmp_path)


def test_images_instances_and_classes_are_counted_by_split_and_in_all(make_yolo: Make) -> None:
    data = make_yolo(
        {
            "train": {"a": [0, 0, 1], "b": [0], "c": [], "d": None, "e": []},
            "val": {"a": [1], "b": []},
        },
        classes=("cat", "dog", "owl"),
    )
    (data.parent / "labels" / "train" / "b.txt").write_text("no numbers\n")
    result = ratio(data)
    document = json.loads(json.dumps(result.to_dict()))
    assert document["schema_version"] == 1
    positives, negatives = document["positives"], document["negatives"]
    assert (positives["images"], positives["instances"]) == (2, 4)
    assert positives["per_class"] == {
        "cat": {"images": 1, "instances": 2, "ratio": 3.0},
        "dog": {"images": 2, "instances": 2, "ratio": 1.5},
        "owl": {"images": 0, "instances": 0, "ratio": None},
    }
    assert (negatives["images"], negatives["variants"], negatives["unlabelled"]) == (3, 0, 1)
    assert (document["broken"], document["ratio"], document["ok"]) == (1, 1.5, True)
    assert document["target"] == {"text": "1:1..1:2", "min_negatives": 2, "max_negatives": 4}
    train, val = document["splits"]["train"], document["splits"]["val"]
    assert (train["positives"]["images"], train["positives"]["instances"], train["ratio"]) == (1, 3, 2.0)
    assert train["negatives"] == {"images": 2, "unlabelled": 1} and train["broken"] == 1
    assert (val["positives"]["images"], val["negatives"]["images"], val["ratio"]) == (1, 1, 1.0)
    assert {each.kind: [path.stem for path in each.files] for each in result.findings} == {
        "unlabelled": ["d"],
        "broken": ["b"],
    }


def test_one_split_alone(make_yolo: Make) -> None:
    data = make_yolo({"train": {"a": [0], "b": [0]}, "val": {"c": [0], "d": []}})
    assert (ratio(data, split="val").ratio, ratio(data).ratio) == (1, Fraction(1, 3))
    assert count_mix([data], split="val") == Mix(positives=1, empty=1, banked=0, variants=0, unlabelled=0)


def test_an_image_in_two_splits_or_given_twice_is_one_image_in_all(make_yolo: Make) -> None:
    data = make_yolo({"train": {"a": [0], "b": []}})
    data.write_text("train: images/train\nval: images/train\nnames: [cat]\n")
    result = ratio([data, data])
    assert result.mix == Mix(positives=1, empty=1, banked=0, variants=0, unlabelled=0) == count_mix([data, data])
    assert [counts.images for counts in result.splits.values()] == [1, 1]


def test_several_data_sets_of_several_formats(make_yolo: Make, tmp_path: Path) -> None:
    data = make_yolo({"train": {"a": [0]}})
    voc_xml(tmp_path / "voc" / "x.xml", "x.png", [("cat", 10, 10, 30, 30), ("fox", 40, 10, 60, 30)])
    draw(tmp_path / "voc" / "x.png", seed=7)
    result = ratio([data, tmp_path / "voc"])
    assert result.formats == ("YOLO", "Pascal VOC") and set(result.splits) == {"train", "voc"}
    assert result.counts.per_class["cat"].images == 2 and result.counts.per_class["fox"].images == 1


def test_the_bank_counts_with_its_variants_but_without_what_was_rejected(make_yolo: Make, make_bank: Make) -> None:
    data, bank = make_yolo({"train": {"a": [0], "b": [0], "c": []}}), make_bank(4)
    augment(bank, config=AugmentConfig(per_negative=2, ops=("blur",)))
    review(bank, 0, "rejected")
    review(bank, 1, "target")
    review(bank, 2, "accepted")
    expected = Mix(positives=2, empty=1, banked=2, variants=4, unlabelled=0)
    result = ratio(data, bank=bank)
    assert count_mix([data], bank=bank) == expected == result.mix and result.ratio == Fraction(7, 2)
    negatives = result.to_dict()["negatives"]
    assert negatives == {"in_all": 7, "images": 3, "variants": 4, "unlabelled": 0, "data": 1, "bank": 2, "in_both": 0}


def test_a_class_map_needs_an_old_name_of_the_data_or_of_the_banks_detector(make_yolo: Make, make_bank: Make) -> None:
    data, bank = make_yolo({"train": {"a": [0], "b": []}}), make_bank(1)
    for old in ("kat", "itm"):
        for counted in (ratio, lambda path, **others: count_mix([path], **others)):
            with pytest.raises(TruthError, match=f"data nor a detector has a class '{old}'"):
                counted(data, bank=bank, labels=LabelConfig(class_map={old: "dog"}))
    with Bank(bank) as opened:
        (known, *_) = opened.class_names()
    assert ratio(data, bank=bank, labels=LabelConfig(class_map={known: "dog"})).counts.images == 1
    with pytest.raises(TruthError, match=f"the data has no class '{known}'"):
        ratio(data, labels=LabelConfig(class_map={known: "dog"}))


def test_an_image_that_is_in_data_and_bank_counts_once(make_yolo: Make, make_bank: Make) -> None:
    data, bank = make_yolo({"train": {"a": [0], "b": []}}), make_bank(3)
    augment(bank, config=AugmentConfig(per_negative=1, ops=("blur",)))
    with Bank(bank) as opened:
        files = [*(negative.path for negative in list(opened.negatives())[:2]), next(opened.variants()).path]
    for number, path in enumerate(files):
        shutil.copy(path, data.parent / "images" / "train" / f"n{number}.jpg")
        (data.parent / "labels" / "train" / f"n{number}.txt").touch()
    for duplicates in (True, False):
        result = ratio(data, bank=bank, duplicates=duplicates)
        assert (result.counts.empty, result.mix.in_both) == (4, 3)
        assert result.mix == Mix(positives=1, empty=1, banked=3, variants=3, unlabelled=0, in_both=3)
    assert count_mix([data], bank=bank) == result.mix
    review(bank, 0, "rejected")  # it stays a negative of the data set, which nobody rejected there
    assert count_mix([data], bank=bank).empty == 2


@pytest.mark.parametrize(
    ("positives", "empty", "target", "ok"),
    [
        (2, 1, "1:1..1:2", False),
        (2, 2, "1:1..1:2", True),
        (2, 4, "1:1..1:2", True),
        (2, 5, "1:1..1:2", False),
        (3, 2, "1:1", True),
        (3, 1, "1:1", False),
        (9, 1, "ultralytics", True),
        (9, 2, "ultralytics", False),
        (9, 0, "ultralytics", True),
    ],
)
def test_the_verdict(make_yolo: Make, positives: int, empty: int, target: str, ok: bool) -> None:
    labels = {f"p{i}": [0] for i in range(positives)} | {f"n{i}": [] for i in range(empty)}
    result = ratio(make_yolo({"train": labels}), target=target, duplicates=False)
    assert result.ok is ok and bool(result.advice) is not ok and not result.findings and not result.compared


def test_by_class_asks_for_the_rarest_class_too(make_yolo: Make) -> None:
    labels = {"a": [0, 1], "b": [0], "c": [0], "d": [0], "n1": [], "n2": [], "n3": [], "n4": []}
    data = make_yolo({"train": labels}, classes=("cat", "dog", "never"))
    assert ratio(data).ok and ratio(data).checked_class is None
    result = ratio(data, by="class")
    assert result.checked_class == "dog" and not result.ok
    assert "1 more image with dog" in result.advice[0]


def test_ties_of_rarest_classes_go_by_name(make_yolo: Make) -> None:
    data = make_yolo({"train": {"a": [0], "b": [1], "n": [], "m": []}}, classes=("zebra", "ape"))
    assert ratio(data, by="class").checked_class == "ape"


def test_progress_ends_with_every_image(make_yolo: Make) -> None:
    said: list[tuple[int, int]] = []
    data = make_yolo({"train": {f"a{i}": [0] for i in range(20)}})
    ratio(data, workers=2, on_progress=lambda done, total: said.append((done, total)))
    assert said == [(i, 20) for i in range(1, 21)]


def test_any_number_of_workers_finds_the_same(make_yolo: Make, make_bank: Make) -> None:
    data, bank = make_yolo({"train": {"a": [0], "b": [], "c": None}, "val": {"d": [1], "e": []}}), make_bank(2)
    shutil.copy(data.parent / "images/train/a.png", data.parent / "images/val/e.png")
    documents = [ratio(data, bank=bank, workers=workers).to_dict() for workers in (1, 2, 7)]
    assert documents[0] == documents[1] == documents[2] and documents[0]["findings"]


def test_it_is_offered_as_negmine_ratio() -> None:
    assert negmine.ratio is ratio
