"""Findings about single files: small, hard though empty, broken."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from banks import judge
from blobs import draw

from negmine.bank.bank import Bank
from negmine.mining.config import CropConfig, OutputSize
from negmine.ratios.ratio import ratio
from negmine.ratios.result import RatioResult

Make = Callable[..., Path]


def of_kind(result: RatioResult, kind: str) -> list[tuple[str, list[str]]]:
    """Message and names of files of the findings of a kind."""
    return [(each.message, [path.name for path in each.files]) for each in result.findings if each.kind == kind]


@pytest.mark.parametrize("duplicates", [True, False])
def test_negatives_under_32_px_are_found_and_positives_are_not(make_yolo: Make, duplicates: bool) -> None:
    data = make_yolo({"train": {"a": [0], "b": [], "c": [], "d": [], "e": None}})
    for stem, size_wh in {"a": (20, 20), "b": (31, 200), "c": (200, 31), "d": (32, 32), "e": (9, 9)}.items():
        draw(data.parent / "images" / "train" / f"{stem}.png", size_wh=size_wh, seed=ord(stem))
    ((message, files),) = of_kind(ratio(data, duplicates=duplicates), "small")
    assert files == ["b.png", "c.png"] and message.startswith("2 images") and "32 px" in message


def test_small_negatives_of_the_bank_are_found(make_yolo: Make, make_bank: Make) -> None:
    crop = CropConfig(size=OutputSize("none"), min_side_px=8)
    bank = make_bank({"a.png": [(5, 5, 12, 12, 50)]}, crop=crop, size_wh=(24, 24))
    with Bank(bank) as opened:
        (negative,) = opened.negatives()
    result = ratio(make_yolo({"train": {"a": [0]}}), bank=bank)
    assert of_kind(result, "small")[0][1] == [negative.path.name]


def test_an_empty_label_where_the_detector_fires_is_found(make_yolo: Make, make_bank: Make, tmp_path: Path) -> None:
    data, bank = make_yolo({"train": {"a": [0], "b": [], "c": [], "d": [0], "e": []}}), make_bank(3)
    train = data.parent / "images" / "train"
    for number, stem in ((0, "b"), (2, "c"), (1, "d")):
        shutil.copy(tmp_path / "bank-in" / f"{number:03d}.png", train / f"{stem}.png")
    found = of_kind(ratio(data, bank=bank, duplicates=False), "hard-empty")
    assert [files for _, files in found] == [["c.png"], ["b.png"]]  # the highest score first; d has an object
    assert "0.22" in found[0][0] and "0.20" in found[1][0]
    assert not of_kind(ratio(data), "hard-empty")


@pytest.mark.parametrize(("state", "words"), [("target", "saw a target"), ("rejected", "rejected"), ("accepted", "")])
def test_an_empty_label_that_a_reviewer_doubts_is_found(
    make_yolo: Make, make_bank: Make, state: str, words: str
) -> None:
    data, bank = make_yolo({"train": {"a": [0], "b": []}}), make_bank(1)
    with Bank(bank) as opened:
        (negative,) = opened.negatives()
        judge(opened.folder, negative.id, state)  # type: ignore[arg-type]
    shutil.copy(negative.path, data.parent / "images" / "train" / "b.png")
    found = of_kind(ratio(data, bank=bank), "hard-empty")
    assert [(files, words in message) for message, files in found] == ([(["b.png"], True)] if words else [])


def test_broken_labels_are_named_with_the_reason(make_yolo: Make) -> None:
    data = make_yolo({"train": {"a": [0], "b": [0], "c": [0]}})
    (data.parent / "labels" / "train" / "b.txt").write_text("7 0.5 0.5 0.2 0.2\n")
    (data.parent / "labels" / "train" / "c.txt").write_text("cat\n")
    found = of_kind(ratio(data), "broken")
    assert [files for _, files in found] == [["b.png"], ["c.png"]]
    assert all("b.txt" in message or "c.txt" in message for message, _ in found)


def test_findings_do_not_change_the_verdict(make_yolo: Make) -> None:
    data = make_yolo({"train": {"a": [0], "b": [], "c": None}})
    draw(data.parent / "images" / "train" / "b.png", size_wh=(10, 10))
    result = ratio(data)
    assert result.ok and [each.kind for each in result.findings] == ["small", "unlabelled"]


def test_an_image_of_regions_to_ignore_alone_is_neither_positive_nor_negative(make_yolo: Make) -> None:
    data = make_yolo({"train": {"a": [0, 1], "b": [1, 1], "c": []}}, classes=("cat", "DontCare"))
    result = ratio(data, duplicates=False)
    assert (result.counts.images, result.counts.empty, result.counts.ignored) == (1, 1, 1)
    assert list(result.counts.per_class) == ["cat"] and result.counts.instances == 1
    ((message, files),) = of_kind(result, "ignored")
    assert message.startswith("1 image with regions to ignore alone") and files == ["b.png"]
    assert result.to_dict()["ignored"] == 1
