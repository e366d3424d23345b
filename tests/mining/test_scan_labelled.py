"""Scans of labelled images: what is mined beside their targets, and what new labels withdraw."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from banks import contents
from blobs import draw, find_squares, square_detector, voc_xml

from negmine.bank.bank import Bank
from negmine.bank.verify import verify
from negmine.datasets.config import LabelConfig
from negmine.detectors.function import FunctionDetector
from negmine.errors import DetectorError, TruthError
from negmine.matching import Kind
from negmine.mining.config import CropConfig, OutputSize, ScanConfig
from negmine.mining.result import ScanProgress
from negmine.mining.scan import scan
from negmine.sources.base import ImageFile, SourceItem
from negmine.structures import FileStamp, Image

OWN_SIZE = CropConfig(size=OutputSize("none"))

# With labels: VOC pixels are 1-based and inclusive, so the square (60, 40, 80, 60) is 61..80 x 41..60 there.


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Two pictures with a lamp that is labelled and one that is not, and one picture without a label file."""
    root = tmp_path / "labelled"
    for i in range(2):
        draw(root / "images" / f"{i}.png", [(60, 40, 80, 60, 50), (130, 20, 150, 40, 60)], seed=i)
        voc_xml(root / "annotations" / f"{i}.xml", f"{i}.png", [("Lamp", 61, 41, 80, 60)])
    draw(root / "images" / "unlabelled.png", [(60, 40, 80, 60, 50)], seed=9)
    return root


def test_labelled_images_are_mined_beside_their_targets(labelled: Path, tmp_path: Path) -> None:
    config = ScanConfig(crop=CropConfig("region"))
    result = scan(labelled / "images", square_detector(), bank=tmp_path / "bank", truth=labelled, config=config)
    assert (result.scanned, result.kinds[Kind.TRUE_POSITIVE], result.kinds[Kind.BACKGROUND]) == (2, 2, 2)
    assert [(s.source.name, s.kind) for s in result.skipped] == [("unlabelled.png", "unlabelled")]
    with Bank(tmp_path / "bank") as bank:
        for negative in bank.negatives():
            assert negative.rect.x1 >= 80 or negative.rect.y2 <= 40 or negative.rect.x2 <= 60 or negative.rect.y1 >= 60
    assert verify(tmp_path / "bank").ok


def test_labels_are_read_first_and_the_progress_says_so(labelled: Path, tmp_path: Path) -> None:
    seen: list[ScanProgress] = []
    scan(labelled / "images", square_detector(), bank=tmp_path / "bank", truth=labelled, on_progress=seen.append)
    first = next(now for now in seen if now.labels_read)
    assert (first.labels_read, first.done) == (3, 0) and (seen[-1].labels_read, seen[-1].done) == (None, 3)


@dataclass
class Changing:
    """An image that is read once in each version, but for the last, which stays."""

    path: Path
    versions: list[bytes]
    key: str = "changing"

    def stamp(self) -> FileStamp:
        return FileStamp(len(self.versions[0]), 0)

    def read(self) -> bytes:
        return self.versions.pop(0) if len(self.versions) > 1 else self.versions[0]


@dataclass(frozen=True)
class Items:
    all: tuple[SourceItem, ...]

    def items(self) -> tuple[SourceItem, ...]:
        return self.all


@pytest.mark.parametrize("ends", ["broken", "whole"])
def test_an_image_that_changes_while_it_is_scanned_is_counted_once(labelled: Path, tmp_path: Path, ends: str) -> None:
    other = draw(tmp_path / "other.png", [(60, 40, 80, 60, 50)], seed=99).read_bytes()
    versions = [(labelled / "images" / "0.png").read_bytes(), other + b"changed", *([b""] if ends == "broken" else [])]
    changing = Changing(labelled / "images" / "0.png", versions)
    source = Items((changing, ImageFile(str(labelled / "images" / "1.png"))))
    result = scan(source, square_detector(), bank=tmp_path / "bank", truth=labelled)
    counted = result.scanned + result.duplicates + len(result.skipped)
    assert counted == 2 and [each.source.name for each in result.skipped] == (["0.png"] if ends == "broken" else [])


def test_missing_labels_may_be_said_to_mean_empty(labelled: Path, tmp_path: Path) -> None:
    config = ScanConfig(labels=LabelConfig(missing_is_empty=True))
    result = scan(labelled / "images", square_detector(), bank=tmp_path / "bank", truth=labelled, config=config)
    assert (result.scanned, len(result.skipped), result.kinds[Kind.BACKGROUND]) == (3, 0, 3)


def test_classes_that_the_truth_does_not_list_are_never_mined(labelled: Path, tmp_path: Path) -> None:
    draw(labelled / "images" / "0.png", [(130, 20, 150, 40, 60)], kind=1)  # class 1, "sign"
    result = scan(labelled / "images" / "0.png", square_detector(), bank=tmp_path / "bank", truth=labelled)
    assert (result.kinds[Kind.UNJUDGED], result.added) == (1, 0)


def test_no_class_in_common_names_both_sides(labelled: Path, tmp_path: Path) -> None:
    detector = FunctionDetector(find_squares, {0: "cat", 1: "dog"})
    with pytest.raises(TruthError, match=r"(?s)cat.*Lamp|Lamp.*cat"):
        scan(labelled / "images", detector, bank=tmp_path / "bank", truth=labelled)


def test_a_class_of_the_detector_is_read_as_that_of_the_labels(labelled: Path, tmp_path: Path) -> None:
    detector = FunctionDetector(find_squares, ["item"], name="single_cls")

    def mined(class_map: dict[str, str]) -> tuple[int, int, int]:
        config = ScanConfig(labels=LabelConfig(class_map=class_map))
        result = scan(labelled / "images", detector, bank=tmp_path / "bank", truth=labelled, config=config)
        return result.scanned, result.kinds[Kind.TRUE_POSITIVE], result.kinds[Kind.BACKGROUND]

    assert mined({"item": "lamp"}) == (2, 2, 2) and mined({"item": "lamp"}) == (0, 0, 0)
    assert mined({"lamp": "item"}) == (2, 2, 2)  # read in another way, so judged again
    with pytest.raises(TruthError, match=r"reads itm as lamp, and the detector has neither: it has item; did you mean"):
        mined({"itm": "lamp"})


def test_corrected_labels_are_judged_again_and_withdraw_negatives(labelled: Path, tmp_path: Path) -> None:
    bank = tmp_path / "bank"
    scan(labelled / "images", square_detector(), bank=bank, truth=labelled)
    voc_xml(labelled / "annotations" / "0.xml", "0.png", [("Lamp", 61, 41, 80, 60), ("Lamp", 131, 21, 150, 40)])
    result = scan(labelled / "images", square_detector(), bank=bank, truth=labelled)
    assert (result.scanned, result.unchanged, result.withdrawn, result.total) == (1, 1, 1, 1)
    assert verify(bank).ok
    assert scan(labelled / "images", square_detector(), bank=bank, truth=labelled).unchanged == 2


def test_labels_hold_when_the_picture_is_later_called_a_background(labelled: Path, tmp_path: Path) -> None:
    bank, config = tmp_path / "bank", ScanConfig(crop=CropConfig("region"))
    scan(labelled / "images", square_detector(), bank=bank, truth=labelled, config=config)
    copy = Path(shutil.copy(labelled / "images" / "0.png", tmp_path / "copy.png"))
    result = scan([labelled / "images" / "0.png", copy], square_detector(key="2"), bank=bank, config=config)
    # One judgement for both names; `Lamp` in the labels is the detector's `lamp`, as it was with --data.
    assert (result.kinds[Kind.TRUE_POSITIVE], result.kinds[Kind.CONFUSION], result.duplicates) == (1, 0, 1)
    assert verify(bank).ok


def test_one_picture_with_two_labellings_respects_both(tmp_path: Path) -> None:
    first = draw(tmp_path / "set" / "images" / "a.png", [(60, 40, 80, 60, 50), (130, 20, 150, 40, 60)])
    shutil.copy(first, first.with_name("b.png"))
    voc_xml(tmp_path / "set" / "annotations" / "a.xml", "a.png", [("lamp", 61, 41, 80, 60)])
    voc_xml(tmp_path / "set" / "annotations" / "b.xml", "b.png", [("lamp", 131, 21, 150, 40)])
    for _ in range(2):
        result = scan(first.parent, square_detector(), bank=tmp_path / "bank", truth=tmp_path / "set")
        assert result.total == 0 and verify(tmp_path / "bank").ok
    assert result.unchanged == 2


FIRST, SECOND = (61, 41, 80, 60), (131, 21, 150, 40)  # the two squares, in VOC's pixels


@pytest.mark.parametrize("between", [0, 20])
def test_twins_that_are_relabelled_are_judged_by_the_new_labels_at_once(tmp_path: Path, between: int) -> None:
    # Whether the twins share a chunk or not, the old label must not count once both files have the new one.
    root, bank, config = tmp_path / "set", tmp_path / "bank", ScanConfig(crop=OWN_SIZE)
    for name in ("a", *(f"m{i:02d}" for i in range(between)), "z"):
        squares = [] if name[0] == "m" else [(60, 40, 80, 60, 50), (130, 20, 150, 40, 60)]
        draw(root / "images" / f"{name}.png", squares, seed=hash_of_name(name))
        voc_xml(root / "annotations" / f"{name}.xml", f"{name}.png", [] if name[0] == "m" else [("lamp", *FIRST)])
    shutil.copy(root / "images" / "a.png", root / "images" / "z.png")
    first = scan(root / "images", square_detector(), bank=bank, truth=root, config=config)
    assert first.total == 1
    for name in "az":
        voc_xml(root / "annotations" / f"{name}.xml", f"{name}.png", [("lamp", *SECOND)])
    scan(root / "images", square_detector(), bank=bank, truth=root, config=config)
    with Bank(bank) as opened:
        (negative,) = opened.negatives()
        assert negative.rect.x1 < 80  # around the first square, which nobody labels any more
    again = contents(bank)
    assert scan(root / "images", square_detector(), bank=bank, truth=root, config=config).scanned == 0
    assert contents(bank) == again and verify(bank).ok


def hash_of_name(name: str) -> int:
    """A seed for each name, the same for the twins."""
    return 0 if name in "az" else int(name[1:]) + 1


def test_labels_withdraw_negatives_even_if_the_detector_fails(labelled: Path, tmp_path: Path) -> None:
    def broken(image: Image) -> object:
        found = find_squares(image)
        return found.boxes_xyxy * np.nan, found.scores, found.class_ids

    bank = tmp_path / "bank"
    scan(labelled / "images", square_detector(), bank=bank)  # as backgrounds, at first
    detector = FunctionDetector(broken, {0: "lamp", 1: "sign"}, key="2")  # type: ignore[arg-type]
    with Bank(bank) as opened:
        before = len(list(opened.negatives()))
    with pytest.raises(DetectorError, match=r"failed on every image"):
        scan(labelled / "images", detector, bank=bank, truth=labelled)
    assert verify(bank).ok
    with Bank(bank) as opened:
        assert all(n.source.name == "unlabelled.png" or n.rect.x1 >= 80 for n in opened.negatives())
        assert len(list(opened.negatives())) == before - 2


def test_weights_of_a_single_class_are_explained_where_no_label_has_it(labelled: Path, tmp_path: Path) -> None:
    single = FunctionDetector(find_squares, {0: "item"})
    with pytest.raises(TruthError, match=r"single_cls=True call every class item"):
        scan(labelled / "images", single, bank=tmp_path / "bank", truth=labelled)
    with pytest.raises(TruthError) as caught:
        scan(labelled / "images", FunctionDetector(find_squares, {0: "tree"}), bank=tmp_path / "bank", truth=labelled)
    assert "single_cls" not in str(caught.value)
