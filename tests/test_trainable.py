"""What may be trained on: export and retrain give the same answer to every case."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from toy import NATIVE, draw, open_toy, write_weights

from negmine.bank.bank import Bank
from negmine.bank.likenesses import Likeness, Likenesses
from negmine.bank.records import Negative, ReviewState
from negmine.bank.writer import BankWriter
from negmine.detectors.config import DetectorConfig
from negmine.exporting.config import ExportConfig
from negmine.exporting.export import export
from negmine.exporting.names import negative_name, variant_name
from negmine.exporting.negatives import PRESENT
from negmine.mining.config import CropConfig, ScanConfig
from negmine.mining.scan import scan
from negmine.retraining.labelled import read_labelled
from negmine.retraining.selection import candidates, expand
from negmine.trainable import BankHashes, Refusal, TrainingRule, is_refused, trainable

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
        with BankWriter(world.bank, purpose="a test") as bank:
            bank.review(world.first().id, state)

    return review


def likely_unlabelled(world: World) -> None:
    """A comparison finds that the first negative looks like a target."""
    with Likenesses(world.bank) as bank:
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
