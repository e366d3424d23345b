"""What may be trained on: export and retrain give the same answer to every case."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from banks import judge
from toy import NATIVE, draw, open_toy, write_weights

from negmine.augmenting.augment import augment
from negmine.augmenting.config import AugmentConfig
from negmine.bank.bank import Bank
from negmine.bank.embeddings import Embeddings, Likeness
from negmine.bank.filters import ReviewState
from negmine.bank.records import Negative
from negmine.bank.unlabelled_targets import MarkedBox, MarkedImage
from negmine.datasets.open import open_truth
from negmine.detectors.config import DetectorConfig
from negmine.exporting.config import ExportConfig
from negmine.exporting.export import export
from negmine.exporting.names import negative_name, variant_name
from negmine.exporting.negatives import PRESENT
from negmine.files import sha256_of_file
from negmine.mining.config import CropConfig, ScanConfig
from negmine.mining.scan import scan
from negmine.ratios.bank_summary import read_bank
from negmine.retraining.backgrounds import read_backgrounds
from negmine.retraining.labelled import read_labelled
from negmine.retraining.selection import candidates, expand
from negmine.structures import GroundTruth, as_boxes_xyxy
from negmine.trainable import (
    BankHashes,
    Refusal,
    TrainingRule,
    is_refused,
    trainable,
    waiting_images,
    waits_for_label,
)

Xyxy = tuple[float, float, float, float]
INSIDE, OUTSIDE = "0 0.3 0.4 0.1 0.1\n", "0 0.8 0.8 0.1 0.1\n"  # of where negatives are cut, 20 to 60 of 160 x 120
BROKEN = "9 9 9\n"


@dataclass(frozen=True)
class World:
    """A bank of three negatives, the first of which the cases are about, and a data set beside it."""

    root: Path
    weights_sha256: str

    @property
    def bank(self) -> Path:
        return self.root / "bank"

    @property
    def data(self) -> Path:
        return self.root / "data" / "data.yaml"

    def first(self) -> Negative:
        with Bank(self.bank) as bank:
            return next(each for each in bank.negatives() if each.source.stem.startswith("a"))

    def label(self, image: Path, split: str, row: str) -> None:
        """Put a copy of an image into the data set."""
        shutil.copy(image, self.data.parent / "images" / split / f"twin{image.suffix}")
        (self.data.parent / "labels" / split / "twin.txt").write_text(row)


@pytest.fixture
def world(tmp_path: Path) -> World:
    for number, split in enumerate(("train", "val", "test")):
        draw(tmp_path / "data" / "images" / split / f"{split}.png", [(100, 60, 140, 100, 0, 90)], seed=50 + number)
        (tmp_path / "data" / "labels" / split).mkdir(parents=True)
        (tmp_path / "data" / "labels" / split / f"{split}.txt").write_text("0 0.75 0.66 0.25 0.33\n")
    (tmp_path / "data" / "data.yaml").write_text(
        "train: images/train\nval: images/val\ntest: images/test\nnames: [lamp]\n"
    )
    thing = (20, 20, 60, 60, 1, 90)
    draw(tmp_path / "in" / "a.png", [thing], seed=1)
    draw(tmp_path / "in" / "a2.png", [thing, (140, 100, 150, 110, 9, 80)], seed=1)  # gives the same crop
    draw(tmp_path / "in" / "b.png", [(20, 20, 60, 60, 2, 80)], seed=2)
    draw(tmp_path / "in" / "c.png", [(20, 20, 60, 60, 3, 70)], seed=3)
    detector = open_toy(DetectorConfig(str(write_weights(tmp_path / "weights.json", [1, 2, 3]))))
    crop = CropConfig("context", 1.0, NATIVE.size)
    scan(tmp_path / "in", detector, bank=tmp_path / "bank", config=ScanConfig(crop=crop))
    return World(tmp_path, detector.identity.sha256)


def rule_of_retrain(world: World, bank: Bank) -> TrainingRule:
    labelled = read_labelled(world.data, {0: "lamp"})
    return TrainingRule(labelled.known_images(labelled.train), BankHashes.read(bank, {}))


def exported(world: World) -> tuple[set[str], dict[str, int]]:
    """The names of the negatives that `export --merge` writes, and why it leaves others out."""
    result = export(world.bank, world.root / "out", merge=world.data, config=ExportConfig(format="yolo"))
    assert result.merged is not None
    with Bank(world.bank) as bank:
        names = {negative_name(each) for each in bank.negatives()}
    return names & {path.stem for path in (world.root / "out" / "images" / "train").iterdir()}, dict(
        result.merged.withheld
    )


def selected(world: World) -> tuple[set[str], dict[str, int]]:
    """The names of the negatives that a round of `retrain` may take, and why it refuses others."""
    with Bank(world.bank) as bank:
        found = candidates(bank, world.weights_sha256, rule_of_retrain(world, bank))
    return {negative_name(each) for each in found.negatives}, dict(found.refused)


Prepare = Callable[[World], None]


def source(split: str, row: str, name: str = "a") -> Prepare:
    """An image that the negative was cut from is in the data set."""
    return lambda world: world.label(world.root / "in" / f"{name}.png", split, row)


def itself(split: str, row: str) -> Prepare:
    """The negative is itself an image of the data set."""
    return lambda world: world.label(world.first().path, split, row)


def reviewed(state: ReviewState) -> Prepare:
    def review(world: World) -> None:
        judge(world.bank, world.first().id, state)

    return review


def likely_unlabelled(world: World) -> None:
    """A comparison finds that the first negative looks like a target."""
    with Embeddings(world.bank) as bank:
        bank.keep_likenesses([Likeness(world.first().id, world.first().sha256, 0.99, 1, 1)])


@pytest.mark.parametrize(
    ("prepare", "allowed", "reasons"),
    [
        (lambda world: None, True, set()),
        (reviewed("accepted"), True, set()),
        (reviewed("rejected"), False, set()),
        (reviewed("target"), False, set()),
        (likely_unlabelled, False, set()),
        (source("train", INSIDE), False, {Refusal.TARGET}),
        (source("train", INSIDE, "a2"), False, {Refusal.TARGET}),
        (source("train", OUTSIDE), True, set()),
        (source("train", ""), True, set()),
        (source("train", BROKEN), False, {Refusal.UNCLEAR}),
        (source("train", BROKEN, "a2"), False, {Refusal.UNCLEAR}),
        (source("val", ""), False, {Refusal.HELD_OUT}),
        (source("val", OUTSIDE), False, {Refusal.HELD_OUT}),
        (source("val", "", "a2"), False, {Refusal.HELD_OUT}),
        (source("test", ""), False, {Refusal.HELD_OUT, Refusal.UNCLEAR}),  # retrain measures on val and uses no test
        (itself("train", OUTSIDE), False, {Refusal.TARGET}),
        (itself("train", BROKEN), False, {Refusal.UNCLEAR}),
        (itself("val", ""), False, {Refusal.HELD_OUT}),
    ],
)
def test_export_and_retrain_agree(world: World, prepare: Prepare, allowed: bool, reasons: set[Refusal]) -> None:
    name = negative_name(world.first())
    prepare(world)
    written, withheld = exported(world)
    free, refused = selected(world)
    assert written == free
    assert (name in free) is allowed and len(free) == 2 + allowed
    assert set(withheld) <= reasons and set(refused) <= reasons and {*withheld, *refused} == reasons


def test_what_the_data_set_holds_as_empty_may_be_trained_on_and_is_written_once(world: World) -> None:
    name = negative_name(world.first())
    world.label(world.first().path, "train", "")
    written, withheld = exported(world)
    free, refused = selected(world)
    assert (free - written, withheld, refused) == ({name}, {PRESENT: 1}, {})


def test_a_variant_that_is_held_out_is_left_out_by_both(world: World) -> None:
    negative = world.first()
    with Bank(world.bank) as bank:
        rule = rule_of_retrain(world, bank)
    (both,) = ([variant for _, variant in expand(world.bank, [negative], 2, rule, most=2, seed=0)],)
    world.label(both[0].path, "val", "")
    with Bank(world.bank) as bank:
        rule = rule_of_retrain(world, bank)
    assert [variant for _, variant in expand(world.bank, [negative], 2, rule, most=2, seed=0)] == [both[1]]
    _, withheld = exported(world)
    assert withheld == {Refusal.HELD_OUT: 1}
    names = {path.stem for path in (world.root / "out" / "images" / "train").iterdir()}
    assert variant_name(negative, both[1]) in names and variant_name(negative, both[0]) not in names


def test_without_a_data_set_the_reviewer_alone_decides(world: World) -> None:
    reviewed("target")(world)
    with Bank(world.bank) as bank:
        negatives, variants = trainable(bank)
        assert [is_refused(each) for each in bank.negatives()].count(True) == 1
    assert sorted(each.source.stem for each in negatives) == ["b", "c"] and variants == []


BOX = (20.0, 20.0, 60.0, 60.0)


@pytest.mark.parametrize(
    ("in_bank", "in_data", "waits"),
    [
        ([], [], True),
        ([BOX], [], False),
        ([], [BOX], False),
        ([], [(30, 20, 70, 60)], False),  # 30 x 40 of 50 x 40 in common: IoU 0.6
        ([], [(40, 20, 80, 60)], True),  # 20 x 40 of 60 x 40: IoU 0.33
        ([(100, 20, 140, 60)], [], True),  # another object
    ],
)
def test_a_target_waits_until_an_object_overlaps_it(in_bank: list[Xyxy], in_data: list[Xyxy], waits: bool) -> None:
    marked = MarkedImage(
        "ab" * 32,
        (),
        (200, 120),
        (MarkedBox(1, "lamp", 0.9, BOX), MarkedBox(1, "lamp", 0.5, (BOX[0] + 2, *BOX[1:]))),
        GroundTruth.of(in_bank, ["lamp"] * len(in_bank)),
    )
    assert waits_for_label(marked, as_boxes_xyxy(in_data)) is waits


def test_of_two_marked_negatives_both_have_to_be_labelled() -> None:
    other = (100.0, 70.0, 120.0, 90.0)
    boxes = (MarkedBox(1, "lamp", 0.9, BOX), MarkedBox(2, "lamp", 0.5, other))
    marked = MarkedImage("ab" * 32, (), (200, 120), boxes, GroundTruth.empty())
    assert waits_for_label(marked, as_boxes_xyxy([BOX]))
    assert not waits_for_label(marked, as_boxes_xyxy([BOX, other]))


@pytest.fixture
def two(world: World) -> tuple[Path, str]:
    """An image with two negatives, the harder of which shows a target; and the name of the other."""
    path = draw(world.root / "two" / "two.png", [(20, 20, 60, 60, 1, 85), (100, 60, 140, 100, 2, 75)], seed=9)
    detector = open_toy(DetectorConfig(str(world.root / "weights.json")))
    scan(path, detector, bank=world.bank, config=ScanConfig(crop=CropConfig("context", 1.0, NATIVE.size)))
    with Bank(world.bank) as bank:
        hard, soft = [each for each in bank.negatives() if each.source == path]
        judge(bank.folder, hard.id, "target")
    return path, negative_name(soft)


TARGET, ELSEWHERE = "0 0.25 0.3333 0.25 0.3333\n", "0 0.5 0.9 0.1 0.1\n"


@pytest.mark.parametrize(("row", "allowed"), [(None, False), (ELSEWHERE, False), (TARGET, True)])
def test_no_negative_of_an_image_with_a_target_is_trained_on_before_it_is_labelled(
    world: World, two: tuple[Path, str], row: str | None, allowed: bool
) -> None:
    image, name = two
    if row is not None:
        world.label(image, "train", row)
    written, _ = exported(world)
    free, _ = selected(world)
    assert (name in written, name in free) == (allowed, allowed)
    assert len(free) == 3 + allowed and written == free
    is_written = (world.root / "out" / "images" / "train" / "twin.png").exists()
    assert is_written is (row == TARGET)  # an image that lacks a label is not trained on either


def test_augment_ratio_and_a_plain_export_go_by_the_same_rule(world: World, two: tuple[Path, str]) -> None:
    image, name = two
    alone = export(world.bank, world.root / "alone")
    assert (alone.negatives, alone.left_out, alone.waiting) == (3, 1, 1)
    assert not (world.root / "alone" / "JPEGImages" / f"{name}.jpg").exists()
    made = augment(world.bank, config=AugmentConfig(per_negative=1))
    assert (made.negatives, made.left_out, sum(made.made.values())) == (3, 2, 3)
    summary = read_bank(world.bank)
    assert len(summary.negatives) == 3 and summary.doubted[sha256_of_file(image)] == "target"


def test_a_target_that_a_scan_reads_a_label_of_no_longer_holds_its_image_back(
    world: World, two: tuple[Path, str]
) -> None:
    image, name = two
    world.label(image, "train", TARGET)
    detector = open_toy(DetectorConfig(str(world.root / "weights.json")))
    config = ScanConfig(crop=CropConfig("context", 1.0, NATIVE.size))
    scan(world.data.parent / "images" / "train" / "twin.png", detector, bank=world.bank,
         truth=open_truth(world.data), config=config)  # fmt: skip
    with Bank(world.bank) as bank:
        assert waiting_images(bank) == frozenset()
        assert name in {negative_name(each) for each in trainable(bank)[0]}


def test_an_image_with_a_target_is_no_background_and_no_empty_image(world: World, two: tuple[Path, str]) -> None:
    image, _ = two
    world.label(image, "train", "")
    labelled = read_labelled(world.data, {0: "lamp"})
    with Bank(world.bank) as bank:
        waiting = waiting_images(bank, labelled.objects)
    left = labelled.without(waiting)
    assert [each.path.stem for each in labelled.train] == ["train", "twin"]
    assert [each.path.stem for each in left.train] == ["train"] and waiting <= left.unused
    assert "1 labelled image not used: a reviewer saw a target there" in left.notes[-1]
    copy = Path(shutil.copy(image, world.root / "in" / "copy.png"))
    backgrounds = read_backgrounds([world.root / "in"], None, left, waiting=waiting)
    assert copy not in [each.path for each in backgrounds.images]
    assert backgrounds.left_out[copy] == "a reviewer saw a target in it that is not labelled yet"
