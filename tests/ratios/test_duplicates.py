"""The same image in two splits, or among positives and negatives."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from banks import judge

from negmine.bank.bank import Bank
from negmine.images import encode_jpeg
from negmine.ratios.findings import Finding
from negmine.ratios.ratio import ratio

Make = Callable[..., Path]


def found(data: Path, **settings: object) -> list[tuple[str, list[str]]]:
    """Kind and files of each finding of duplicates; files below the data set by their short names."""
    findings = ratio(data, **settings).findings  # type: ignore[arg-type]
    return [(each.kind, _names(each, data)) for each in findings if each.kind in ("leak", "contradiction")]


def _names(finding: Finding, data: Path) -> list[str]:
    images = data.parent / "images"
    return [p.relative_to(images).as_posix() if p.is_relative_to(images) else "bank" for p in finding.files]


def copy(data: Path, source: str, target: str, *, quality: int | None = None) -> None:
    """Put an image elsewhere: the same bytes, or (with `quality`) encoded anew."""
    images = data.parent / "images"
    if quality is None:
        shutil.copy(images / source, images / target)
    else:
        image = cv2.imread(str(images / source))
        (images / target).write_bytes(encode_jpeg(np.asarray(image, dtype=np.uint8), quality=quality))


def test_different_images_are_not_found(make_yolo: Make) -> None:
    assert not found(make_yolo({"train": {"a": [0], "b": []}, "val": {"c": [0], "d": []}}))


@pytest.mark.parametrize("quality", [None, 90])
def test_the_same_image_in_two_splits_is_a_leak(make_yolo: Make, quality: int | None) -> None:
    data = make_yolo({"train": {"a": [0], "b": [0]}, "val": {"c": [0]}})
    copy(data, "train/a.png", "val/c.png", quality=quality)
    assert found(data) == [("leak", ["train/a.png", "val/c.png"])]
    assert not found(data, duplicates=False) and not found(data, split="train")
    (leak,) = ratio(data).findings
    assert ("byte for byte" in leak.message) is (quality is None) and "train and val" in leak.message


def test_an_unlabelled_image_leaks_too(make_yolo: Make) -> None:
    data = make_yolo({"train": {"a": None, "b": [0]}, "val": {"c": [0]}})
    copy(data, "train/a.png", "val/c.png")
    assert found(data) == [("leak", ["train/a.png", "val/c.png"])]


def test_one_file_in_two_splits_is_a_leak(make_yolo: Make) -> None:
    data = make_yolo({"train": {"a": [0]}})
    data.write_text("train: images/train\nval: images/train\nnames: [cat]\n")
    assert found(data) == [("leak", ["train/a.png"])]


def test_a_link_to_an_image_of_another_split_is_a_leak(make_yolo: Make) -> None:
    data = make_yolo({"train": {"a": [0]}, "val": {"c": [0]}})
    link = data.parent / "images" / "val" / "c.png"
    link.unlink()
    link.symlink_to(data.parent / "images" / "train" / "a.png")
    assert found(data) == [("leak", ["train/a.png", "val/c.png"])]


def test_the_same_image_twice_in_a_split_with_the_same_label_is_fine(make_yolo: Make) -> None:
    data = make_yolo({"train": {"a": [0], "b": [0], "c": [], "d": []}})
    copy(data, "train/a.png", "train/b.png")
    copy(data, "train/c.png", "train/d.png", quality=90)
    assert not found(data)


@pytest.mark.parametrize("quality", [None, 90])
def test_the_same_image_with_and_without_objects_is_a_contradiction(make_yolo: Make, quality: int | None) -> None:
    data = make_yolo({"train": {"a": [0], "b": [], "c": None}})
    copy(data, "train/a.png", "train/b.png", quality=quality)
    copy(data, "train/a.png", "train/c.png", quality=quality)
    assert found(data) == [("contradiction", ["train/a.png", "train/b.png"])]  # c has no label that could contradict


def test_a_group_is_one_finding_whatever_its_size(make_yolo: Make) -> None:
    data = make_yolo({"train": {f"a{i}": [0] for i in range(30)}, "val": {f"b{i}": [] for i in range(30)}})
    for i in range(30):
        copy(data, "train/a0.png", f"train/a{i}.png", quality=70 + i)
        copy(data, "train/a0.png", f"val/b{i}.png", quality=70 + i)
    findings = ratio(data).findings
    assert [(each.kind, len(each.files)) for each in findings] == [("contradiction", 60), ("leak", 60)]
    assert list(findings[0].files) == sorted(findings[0].files)


def test_plain_images_are_alike_only_byte_for_byte(make_yolo: Make) -> None:
    data = make_yolo({"train": {"a": [0], "b": [0]}, "val": {"c": [0], "d": [0]}})
    for value, name in enumerate(("train/a.png", "train/b.png", "val/c.png", "val/d.png")):
        plain = np.full((64, 64, 3), 40 + 50 * min(value, 2), dtype=np.uint8)
        (data.parent / "images" / name).write_bytes(cv2.imencode(".png", plain)[1].tobytes())
    assert not found(make_yolo({"train": {"a": [0]}}, name="other"))
    assert not found(data)
    copy(data, "train/a.png", "val/c.png")
    assert found(data) == [("leak", ["train/a.png", "val/c.png"])]


def test_negatives_of_the_bank_contradict_positives_unless_rejected(make_yolo: Make, make_bank: Make) -> None:
    data, bank = make_yolo({"train": {"a": [0], "b": [0]}}), make_bank(3)
    with Bank(bank) as opened:
        first, second, _ = opened.negatives()
    shutil.copy(first.path, data.parent / "images" / "train" / "a.png")
    again = cv2.resize(cv2.imread(str(second.path)), None, fx=1.5, fy=1.5)
    cv2.imwrite(str(data.parent / "images" / "train" / "b.png"), again)
    both = [("contradiction", ["bank", "train/a.png"]), ("contradiction", ["bank", "train/b.png"])]
    assert sorted(found(data, bank=bank), key=str) == both
    judge(bank, first.id, "rejected")
    assert found(data, bank=bank) == both[1:]


def test_images_that_cannot_be_decoded_are_left_out_and_named(make_yolo: Make) -> None:
    data = make_yolo({"train": {"a": [0], "b": [0]}, "val": {"c": [], "d": [0]}})
    for name in ("train/a.png", "val/c.png"):
        (data.parent / "images" / name).write_bytes(b"not an image")
    (data.parent / "images" / "val" / "d.png").unlink()
    (data.parent / "images" / "val" / "d.png").symlink_to("nothing")
    findings = ratio(data).findings
    assert [each.kind for each in findings] == ["unreadable"] * 3
    assert [each.files[0].name for each in findings] == ["a.png", "c.png", "d.png"]
    result = ratio(data)
    assert (result.mix.positives, result.counts.broken) == (1, 3)  # as an export and a scan count them
    assert ratio(data, duplicates=False).mix.positives == 3
