"""Whole retrainings with folds, with a detector and a trainer of which everything is known."""

from __future__ import annotations

import itertools
import json
import shutil
from os.path import normpath
from pathlib import Path

import pytest
import yaml
from killing import Killed
from toy import ToyTrainer, World, make_world, open_toy, sha256, toy_config
from toy import ToyTrainer as Toy

from negmine.bank.verify import verify
from negmine.datasets.open import open_dataset
from negmine.errors import ConfigError
from negmine.images import decode_image
from negmine.images.perceptual_hash import perceptual_hash
from negmine.retraining.result import RetrainResult
from negmine.retraining.retrain import retrain
from negmine.sources.expand import expand_sources
from negmine.training.config import TrainConfig

CONFIG: dict[str, object] = {"holdout": None, "folds": 3, "rounds": 2, "ratio": "1:1", "variants": True, "workers": 1}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """20 labelled images and no split to measure on; of 24 backgrounds two look like others."""
    made = make_world(tmp_path_factory.mktemp("world"), val=False, backgrounds=22)
    for number in (0, 1):
        copy = (made.backgrounds / f"b{number:02d}.png").read_bytes() + b"other bytes"
        (made.backgrounds / f"near{number}.png").write_bytes(copy)
    return made


def go(
    world: World, out: Path, trainer: Toy | None = None, *, die_at: int | None = None, **changes: object
) -> RetrainResult:
    """Retrain; at the so-many-th thing that is told, die."""
    events = itertools.count()

    def told(*_: object) -> None:
        if next(events) == die_at:
            raise Killed

    return retrain(
        world.weights, world.data, backgrounds=world.backgrounds, out=out, config=toy_config(**CONFIG | changes),
        resume=True, trainer=trainer or Toy(per_round=2), open_detector=open_toy, on_step=told, on_progress=told,
    )  # fmt: skip


@pytest.fixture(scope="module")
def out(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed") / "out"
    result = go(world, folder)
    assert len(result.rounds) == 3 and result.improved
    return folder


def measured_by(out: Path) -> list[list[Path]]:
    """The backgrounds of each fold."""
    return [[Path(line) for line in (out / f"held-out-{k}.txt").read_text().splitlines()] for k in (1, 2, 3)]


def phash(path: Path) -> int:
    return perceptual_hash(decode_image(path.read_bytes()))


def test_no_member_is_trained_on_or_mines_what_it_is_measured_on(world: World, out: Path) -> None:
    for number, (k, apart) in itertools.product((1, 2), enumerate(measured_by(out), 1)):
        home = out / f"round-{number}" / f"member-{k}"
        given = json.loads((home / "train" / "given.json").read_text())
        (val,) = (split for split in open_dataset(home / "data.yaml").splits if split.name == "val")
        assert sorted(map(normpath, val.images)) == sorted(given["val"])
        assert len(given["positives"]) + len(given["val"]) == 20 and len(given["val"]) in (6, 7)
        assert not {sha256(path) for path in (*apart, *map(Path, given["val"]))} & set(given["sha256"])
        assert given["negatives"]
        assert not {Path(path).name.split("-")[0] for path in given["negatives"]} & {path.stem for path in apart}
        hashes = [phash(path) for path in apart]
        for path in given["negatives"]:
            assert all((phash(Path(path)) ^ other).bit_count() > 4 for other in hashes)


def test_every_image_is_measured_on_once(world: World, out: Path) -> None:
    apart = measured_by(out)
    assert sorted(itertools.chain(*apart)) == sorted(world.backgrounds.iterdir())
    listed = [ref.path for ref in expand_sources([out / "held-out.txt"])]
    assert sorted(listed) == sorted(world.backgrounds.iterdir())
    for number in range(3):
        figures = json.loads((out / f"round-{number}" / "metrics.json").read_text())["figures"]
        assert (figures["images"], figures["objects"], figures["background_images"]) == (20, 20, 24)


def test_the_figures_are_those_of_the_members_counted_by_hand(world: World, out: Path) -> None:
    false = 0
    for k, apart in enumerate(measured_by(out), 1):
        fires_on = json.loads((out / "round-1" / f"member-{k}" / "weights.pt").read_text())["fires_on"]
        for path in apart:
            i = int(path.stem.removeprefix("near").removeprefix("b"))
            false += (1 + i % 8 in fires_on) + (i % 2 and 1 + i % 3 in fires_on)
    assert false
    first = json.loads((out / "rounds.jsonl").read_text().splitlines()[1])
    assert first["fppi"] == pytest.approx(false / 24)


def test_members_go_on_from_their_own_weights_and_the_result_is_their_average(world: World, out: Path) -> None:
    for k in (1, 2, 3):
        first, second = (
            json.loads((out / f"round-{number}" / f"member-{k}" / "train" / "given.json").read_text())["from"]
            for number in (1, 2)
        )
        assert first == sha256(world.weights)
        assert second == sha256(out / "round-1" / f"member-{k}" / "weights.pt")
    members = [out / "round-2" / f"member-{k}" / "weights.pt" for k in (1, 2, 3)]
    Toy().average(members, out.parent / "average.pt")
    assert (out / "round-2" / "weights.pt").read_bytes() == (out.parent / "average.pt").read_bytes()
    assert (out / "best.pt").read_bytes() == (out / "round-2" / "weights.pt").read_bytes()


def test_a_data_yaml_of_the_round_holds_what_its_members_learned_from_together(out: Path) -> None:
    document = yaml.safe_load((out / "round-1" / "data.yaml").read_text())
    folds = [f"../data/images/fold-{k}" for k in (1, 2, 3)]
    assert (document["train"], document["val"]) == ([*folds, "negatives.txt"], folds)
    (train,) = (split for split in open_dataset(out / "round-1" / "data.yaml").splits if split.name == "train")
    given = [json.loads((out / "round-1" / f"member-{k}" / "train" / "given.json").read_text()) for k in (1, 2, 3)]
    learned = {path for each in given for path in (*each["positives"], *each["negatives"])}
    assert sorted(map(normpath, train.images)) == sorted(learned)


def left(out: Path) -> dict[str, object]:
    """All that a run leaves, but for the seconds and where it is."""
    found: dict[str, object] = {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.suffix in (".txt", ".pt", ".yaml") or path.name == "mix.json"
    }
    lines = (out / "rounds.jsonl").read_text().splitlines()
    return found | {"rounds": [json.loads(line) | {"seconds": 0} for line in lines]}


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes(world: World, out: Path, tmp_path: Path) -> None:
    go(world, tmp_path / "out")
    assert left(tmp_path / "out") == left(out)


class Dying(ToyTrainer):
    """Is killed in the training of a member."""

    def train(self, *given: object, **named: object) -> Path:
        folder = given[2]
        assert isinstance(folder, Path)
        if (folder.parents[1].name, folder.parent.name) == ("round-2", "member-2"):
            raise Killed
        return super().train(*given, **named)  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_kill_in_any_member_changes_nothing(world: World, out: Path, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        go(world, tmp_path / "out", Dying(per_round=2))
    assert (tmp_path / "out" / "round-2" / "member-1" / "trained.pt").is_file()
    assert not (tmp_path / "out" / "round-2" / "weights.pt").exists()
    go(world, tmp_path / "out")
    assert left(tmp_path / "out") == left(out) and verify(tmp_path / "out" / "bank").ok


@pytest.mark.slow
def test_dying_again_and_again_a_little_later_changes_nothing(world: World, out: Path, tmp_path: Path) -> None:
    for patience in itertools.count(90, 25):
        try:
            go(world, tmp_path / "out", die_at=patience)
            break
        except Killed:
            continue
    assert left(tmp_path / "out") == left(out) and verify(tmp_path / "out" / "bank").ok


def test_resuming_with_other_folds_is_refused_by_name(world: World, out: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(out, tmp_path / "out", symlinks=True)
    with pytest.raises(ConfigError, match=r"begun with --folds 3, and this asks for 2"):
        go(world, copied, folds=2)
    go(world, copied, folds=None)  # the images ask for 3 too


def test_who_asks_for_a_soup_gets_it_in_place_of_folds(tmp_path: Path) -> None:
    world = make_world(tmp_path / "world", backgrounds=12)
    asked = {"folds": None, "rounds": 1, "variants": False}
    assert go(world, tmp_path / "folds", **asked).folds == 3
    assert go(world, tmp_path / "soup", **asked, train=TrainConfig(soup=2)).folds == 1


def test_a_member_with_nothing_to_learn_from_keeps_its_weights(tmp_path: Path) -> None:
    world = make_world(tmp_path / "world", val=False, backgrounds=0)
    other = make_world(tmp_path / "other", val=False, backgrounds=15)
    for number in (0, 6, 14):  # it fires on the first of them alone
        path = other.backgrounds / f"b{number:02d}.png"
        (world.backgrounds / path.name).parent.mkdir(exist_ok=True)
        (world.backgrounds / path.name).write_bytes(path.read_bytes())
    result = go(world, tmp_path / "out", Toy(), rounds=1, variants=False, stop_early=False)
    assert len(result.rounds) == 2
    fires_on = [
        json.loads((tmp_path / "out" / "round-1" / f"member-{k}" / "weights.pt").read_text())["fires_on"]
        for k in (1, 2, 3)
    ]
    assert fires_on.count([1, 2, 3, 4, 5, 6]) >= 1
    assert min(map(len, fires_on)) < 6


def test_a_split_of_the_data_is_measured_on_by_all_members_together(tmp_path: Path) -> None:
    world = make_world(tmp_path / "world", backgrounds=12)
    result = go(world, tmp_path / "out", rounds=1)
    figures = json.loads((tmp_path / "out" / "round-1" / "metrics.json").read_text())["figures"]
    assert (figures["images"], figures["objects"], figures["background_images"]) == (8, 8, 12)
    document = yaml.safe_load(result.data_yaml.read_text())
    assert (document["train"][0], document["val"]) == ("../data/images/train", "../data/images/val")


@pytest.mark.parametrize("name", ["--held-out", "a holdout"])
def test_folds_and_another_way_to_hold_out_exclude_each_other(world: World, tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=f"expected {name} or .*folds, found both.* leave one of them out"):
        retrain(
            world.weights, world.data, backgrounds=world.backgrounds, out=tmp_path / "out",
            held_out=world.backgrounds if name == "--held-out" else (),
            config=toy_config(folds=2, holdout=None if name == "--held-out" else 0.2),
        )  # fmt: skip
