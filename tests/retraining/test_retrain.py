"""Whole retrainings, with a detector and a trainer of which everything is known."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from banks import keep_frame
from toy import LAMP, World, copy_tree, make_world, open_toy, seen, sha256, toy_config, write_weights
from toy import ToyTrainer as Toy

from negmine.bank.bank import Bank
from negmine.bank.verify import verify
from negmine.datasets.open import open_dataset
from negmine.detectors.config import DetectorConfig
from negmine.errors import ConfigError, TruthError
from negmine.images import decode_image
from negmine.images.perceptual_hash import perceptual_hash
from negmine.labels.yolo import label_path
from negmine.mining.config import ScanConfig
from negmine.mining.scan import scan
from negmine.retraining.result import RetrainResult
from negmine.retraining.retrain import retrain


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("world"))


def go(world: World, out: Path, trainer: Toy | None = None, **changes: object) -> RetrainResult:
    """Retrain; `bank`, `backgrounds`, `resume`, `data` and `weights` are arguments, all else is a setting."""
    arguments: dict[str, object] = {"backgrounds": world.backgrounds}
    arguments |= {name: changes.pop(name) for name in ("bank", "backgrounds", "resume") if name in changes}
    weights, data = changes.pop("weights", world.weights), changes.pop("data", world.data)
    return retrain(
        weights,
        data,
        out=out,
        config=toy_config(**changes),
        trainer=trainer or Toy(),
        open_detector=open_toy,
        **arguments,
    )  # type: ignore[arg-type]


def given(out: Path, number: int) -> dict[str, list[str]]:
    """What the trainer was given in a round."""
    document: dict[str, list[str]] = json.loads((out / f"round-{number}" / "train" / "given.json").read_text())
    return document


def held_out(out: Path) -> list[Path]:
    return [Path(line) for line in (out / "held-out.txt").read_text().splitlines()]


def test_rounds_lower_false_positives_and_the_best_weights_are_the_result(world: World, tmp_path: Path) -> None:
    result = go(world, tmp_path / "out", Toy(per_round=3), rounds=3)
    fppi = [each.fppi_at_recall or 0.0 for each in result.rounds]
    assert len(fppi) >= 3 and fppi == sorted(fppi, reverse=True) and fppi[-1] < fppi[0] / 2
    assert result.improved and result.best == result.rounds[-1].number
    assert sha256(result.weights) == sha256(tmp_path / "out" / f"round-{result.best}" / "weights.pt")
    assert result.rounds[0].weights_sha256 == sha256(world.weights)
    assert result.rounds[1].recall == result.rounds[0].recall == 1.0
    assert json.loads((tmp_path / "out" / "best.pt").read_text())["fires_on"] != list(range(1, 7))
    assert verify(tmp_path / "out" / "bank").ok
    json.dumps(result.to_dict())


def test_the_figures_are_those_of_the_held_out_pictures_counted_by_hand(world: World, tmp_path: Path) -> None:
    result = go(world, tmp_path / "out", rounds=1)
    names = [int(path.stem[1:]) for path in held_out(tmp_path / "out")]
    false = sum((1 + i % 8) <= 6 and 0.30 + i / 100 >= 0.25 for i in names) + sum(i % 2 for i in names)
    assert result.rounds[0].fppi == pytest.approx(false / len(names))
    assert result.rounds[0].background_images == len(names)


def test_nothing_that_is_held_out_is_ever_trained_on(world: World, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = go(world, out, Toy(per_round=2), variants=True, ratio="1:4")
    apart = held_out(out)
    assert len(apart) >= 8 and any(each.variants for each in result.rounds)
    contents, stems = {sha256(path) for path in apart}, {path.stem for path in apart}
    hashes = {perceptual_hash(decode_image(path.read_bytes())) for path in apart}
    val = {sha256(path) for path in open_dataset(world.data, split="val").splits[0].images}
    for number in range(1, len(result.rounds)):
        trained = given(out, number)
        assert len(trained["negatives"]) == result.rounds[number].negatives > 0
        assert not (contents | val) & set(trained["sha256"])
        assert not {Path(path).name.split("-")[0] for path in trained["negatives"]} & stems  # crops and variants
        for path in trained["negatives"]:
            phash = perceptual_hash(decode_image(Path(path).read_bytes()))
            assert all((phash ^ other).bit_count() > 4 for other in hashes)
    with Bank(out / "bank") as bank:
        assert not contents & {sha for (sha,) in bank.query("SELECT sha256 FROM sources")}  # nor even looked at


def test_a_banks_negatives_are_used_but_for_those_of_held_out_pictures(world: World, tmp_path: Path) -> None:
    bank = tmp_path / "bank"
    early = write_weights(tmp_path / "early.json", range(1, 9))
    scan(world.backgrounds, open_toy(DetectorConfig(str(early))), bank=bank, config=ScanConfig(crop=toy_config().crop))
    result = go(world, tmp_path / "out", bank=bank, ratio="1:3")
    stems = {path.stem for path in held_out(tmp_path / "out")}
    used = {Path(path).name.split("-")[0] for path in given(tmp_path / "out", 1)["negatives"]}
    assert not used & stems
    fired_on_by_the_early_one_alone = {f"b{i:02d}" for i in range(40) if 1 + i % 8 > 6 and not i % 2} - stems
    assert fired_on_by_the_early_one_alone and fired_on_by_the_early_one_alone <= used
    assert any("cut from images that are held out" in note for note in result.notes)
    assert not (tmp_path / "out" / "bank").exists()


def test_a_bank_made_from_the_training_images_brings_no_object_into_the_negatives(world: World, tmp_path: Path) -> None:
    bank, train = tmp_path / "bank", world.data.parent / "images" / "train"
    detector = open_toy(DetectorConfig(str(world.weights), conf=0.25))
    scan([train, world.backgrounds], detector, bank=bank, config=ScanConfig(crop=toy_config().crop))
    result = go(world, tmp_path / "out", bank=bank, rounds=1, ratio="1:4", max_per_source=3)
    negatives = given(tmp_path / "out", 1)["negatives"]
    assert negatives
    for path in negatives:
        assert all(kind != LAMP for _, kind, _ in seen(decode_image(Path(path).read_bytes())))
    (note,) = [note for note in result.notes if "the data has an object" in note]
    assert "12 negatives of the bank not trained on" in note


def test_a_bank_alone_stands_in_for_backgrounds(world: World, tmp_path: Path) -> None:
    bank = tmp_path / "bank"
    scan(world.backgrounds, open_toy(DetectorConfig(str(world.weights))), bank=bank)
    alone, both = go(world, tmp_path / "a", bank=bank, backgrounds=[]), go(world, tmp_path / "b")
    assert held_out(tmp_path / "a") == held_out(tmp_path / "b")
    assert alone.rounds[0].fppi == both.rounds[0].fppi


def test_the_users_files_stay_as_they_are(world: World, tmp_path: Path) -> None:
    root = world.data.parent.parent
    copy_tree(root, tmp_path / "mine")
    mine = World(
        *(tmp_path / "mine" / path.relative_to(root) for path in (world.data, world.backgrounds, world.weights))
    )

    def files() -> dict[Path, tuple[bytes, int]]:
        every = [path for path in (tmp_path / "mine").rglob("*") if path.is_file()]
        return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in every}

    before = files()
    go(mine, tmp_path / "out")
    assert files() == before


def test_held_out_images_may_be_named(world: World, tmp_path: Path) -> None:
    every = sorted(world.backgrounds.iterdir())
    (tmp_path / "near.png").write_bytes(every[0].read_bytes() + b"other bytes, same picture")
    result = retrain(
        world.weights, world.data, backgrounds=[*every[4:], tmp_path / "near.png", every[1]], held_out=every[:4],
        out=tmp_path / "out", config=toy_config(), trainer=Toy(), open_detector=open_toy,
    )  # fmt: skip
    assert held_out(tmp_path / "out") == every[:4] and result.rounds[0].background_images == 4
    assert any("1 background left out: near-duplicates of what is held out" in n for n in result.notes)
    with Bank(tmp_path / "out" / "bank") as bank:
        assert bank.scalar("SELECT count(*) FROM sources") == 36


@pytest.mark.slow
def test_without_early_stop_all_rounds_are_made(world: World, tmp_path: Path) -> None:
    result = go(world, tmp_path / "out", Toy(learns=False), rounds=3, stop_early=False)
    assert len(result.rounds) == 4 and result.best == 0


def test_what_the_trainer_is_given(world: World, tmp_path: Path) -> None:
    trainer, out = Toy(), tmp_path / "out"
    result = go(world, out, trainer, rounds=1)
    assert trainer.checked == [("lamp",)]
    trained = given(out, 1)
    assert (len(trained["positives"]), len(trained["val"])) == (12, 8)
    assert all(label.startswith("0 0.") and label.endswith(" 0.187500 0.333333\n") for label in trained["labels"])
    assert len(trained["negatives"]) == 12 == result.rounds[1].chosen  # 1:1
    assert all(label_path(Path(path)).read_text() == "" for path in trained["negatives"])
    assert trained["from"] == sha256(world.weights)  # type: ignore[comparison-overlap]
    assert all(Path(path).is_symlink() for path in trained["positives"])


def test_a_training_draws_from_more_negatives_than_the_ratio_asks_for(world: World, tmp_path: Path) -> None:
    few, many = (go(world, tmp_path / str(n), rounds=1, ratio="4:1", negatives=n).rounds[1] for n in (1, 9))
    assert (few.chosen, many.chosen) == (3, 9) and many.variants == 0  # 12 images with objects


@pytest.mark.slow
def test_what_scores_under_conf_is_mined_too(world: World, tmp_path: Path) -> None:
    above, below = (
        go(world, tmp_path / str(mined), rounds=1, conf=0.4, mine_conf=mined).rounds[1] for mined in (0.9, 0.05)
    )
    assert above.fresh < below.fresh and above.conf == below.conf == 0.4


def test_every_round_leaves_a_folder_and_a_line(world: World, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = go(world, out, Toy(per_round=2))
    lines = [json.loads(line) for line in (out / "rounds.jsonl").read_text().splitlines()]
    assert lines == [each.to_dict() for each in result.rounds] and len(lines) == 3
    for number in range(3):
        folder = out / f"round-{number}"
        assert {"weights.pt", "metrics.json", "data.yaml", "negatives.txt"} <= {path.name for path in folder.iterdir()}
        assert json.loads((folder / "metrics.json").read_text())["figures"]["images"] > 0
        mix = open_dataset(folder / "data.yaml")
        train, val = (next(split for split in mix.splits if split.name == name) for name in ("train", "val"))
        assert (len(train.images), len(val.images)) == (12 + result.rounds[number].negatives, 8)
        empty = [path for path in train.images if mix.truth.object_names(path) == ()]
        assert len(empty) == result.rounds[number].negatives and mix.class_names == ("lamp",)
    assert not [path for path in out.rglob("*.negmine-part")]


def test_the_same_seed_gives_the_same_bytes_and_another_others(world: World, tmp_path: Path) -> None:
    for name in ("a", "b"):
        go(world, tmp_path / name, variants=True, ratio="1:3")
    for file in ("held-out.txt", "round-1/negatives.txt", "round-1/data.yaml", "round-1/mix.json", "best.pt"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    other = toy_config().train.__class__(epochs=1, imgsz=160, device="cpu", seed=1)
    go(world, tmp_path / "c", train=other)
    assert (tmp_path / "c" / "held-out.txt").read_bytes() != (tmp_path / "a" / "held-out.txt").read_bytes()


def test_a_training_that_makes_it_worse_is_not_handed_back(world: World, tmp_path: Path) -> None:
    result = go(world, tmp_path / "out", Toy(learns=False), rounds=4)
    assert not result.improved and len(result.rounds) == 2  # stopped early
    assert result.weights.read_bytes() == world.weights.read_bytes()
    assert "nothing helped" in result.verdict and "does not lower false positives by 5%" in (result.stopped or "")


def test_a_round_that_loses_recall_is_not_the_result(world: World, tmp_path: Path) -> None:
    result = go(world, tmp_path / "out", Toy(blind_under=0.4), rounds=4)
    assert [each.number for each in result.rounds] == [0, 1] and result.best == 0
    assert result.rounds[1].recall < 0.9 and result.rounds[1].fppi_at_recall is None
    assert "recall fell by more than 0.01" in (result.stopped or "")
    lenient = go(world, tmp_path / "lenient", Toy(blind_under=0.4), rounds=4, max_recall_loss=0.9)
    assert lenient.improved


def test_the_next_round_begins_with_the_best_weights(world: World, tmp_path: Path) -> None:
    go(world, tmp_path / "out", Toy(per_round=2))
    assert given(tmp_path / "out", 2)["from"] == sha256(tmp_path / "out" / "round-1" / "weights.pt")  # type: ignore[comparison-overlap]


def test_weights_that_fire_on_nothing_need_no_training(world: World, tmp_path: Path) -> None:
    result = go(world, tmp_path / "out", weights=write_weights(tmp_path / "good.json", []))
    assert len(result.rounds) == 1 and "no false positives are left" in (result.stopped or "")
    assert result.weights.read_bytes() == (tmp_path / "good.json").read_bytes()


def test_where_only_held_out_pictures_fool_it_there_is_nothing_to_train_on(world: World, tmp_path: Path) -> None:
    go(world, tmp_path / "first")
    apart = {1 + int(path.stem[1:]) % 8 for path in held_out(tmp_path / "first")}
    backgrounds = [
        path for path in sorted(world.backgrounds.iterdir())
        if int(path.stem[1:]) % 2 == 0 and (path in held_out(tmp_path / "first") or 1 + int(path.stem[1:]) % 8 > 6)
    ]  # fmt: skip
    assert apart & set(range(1, 7))
    result = go(world, tmp_path / "out", backgrounds=backgrounds)
    assert len(result.rounds) == 1 and "nothing to train on" in (result.stopped or "")


def test_a_detector_that_finds_nothing_is_refused(world: World, tmp_path: Path) -> None:
    blind = write_weights(tmp_path / "blind.json", range(1, 7), blind_under=2.0)
    with pytest.raises(ConfigError, match=r"find no object of the data at --conf 0.25 and --imgsz 160"):
        go(world, tmp_path / "out", weights=blind)


def test_a_class_that_the_model_lacks_is_refused_before_anything_is_written(world: World, tmp_path: Path) -> None:
    other = write_weights(tmp_path / "other.json", [1], classes=["cat", "dog"])
    with pytest.raises(TruthError, match=r"lists lamp, which the model does not have \(it has cat, dog\)"):
        go(world, tmp_path / "out", weights=other)
    assert not (tmp_path / "out").exists()


def test_classes_that_the_data_lacks_are_named_and_neither_mined_nor_judged(world: World, tmp_path: Path) -> None:
    both = write_weights(tmp_path / "both.json", range(1, 7), classes=["lamp", "tree"])
    asked: list[DetectorConfig] = []

    def opened(config: DetectorConfig) -> object:
        asked.append(config)
        return open_toy(config)

    result = retrain(
        both, world.data, backgrounds=world.backgrounds, out=tmp_path / "out", config=toy_config(rounds=1),
        trainer=Toy(), open_detector=opened,  # type: ignore[arg-type]
    )  # fmt: skip
    assert any("the model has 1 class that the data does not list (tree)" in note for note in result.notes)
    assert {config.classes for config in asked[1:]} == {("lamp",)}
    assert yaml.safe_load((tmp_path / "out" / "round-1" / "data.yaml").read_text())["names"] == {0: "lamp", 1: "tree"}


def test_empty_images_of_the_data_are_negatives_and_leave_place_for_hard_ones(world: World, tmp_path: Path) -> None:
    copy_tree(world.data.parent, tmp_path / "data")
    for number, path in enumerate(sorted(world.backgrounds.iterdir())[:20]):
        for kind, text in (("images", path.read_bytes()), ("labels", b"")):
            suffix = ".png" if kind == "images" else ".txt"
            (tmp_path / "data" / kind / "train" / f"e{number}{suffix}").write_bytes(text)
    result = go(world, tmp_path / "out", data=tmp_path / "data" / "data.yaml", rounds=1)
    assert (result.rounds[1].empties, result.rounds[1].chosen) == (20, 6)  # half of the 12 that 1:1 asks for
    trained = given(tmp_path / "out", 1)
    assert len(trained["negatives"]) == 26 and "/negatives/" in trained["negatives"][0]  # the hard ones first
    assert any(note.startswith("20 backgrounds left out, in the labelled data") for note in result.notes)


def test_steps_and_counts_are_told(world: World, tmp_path: Path) -> None:
    steps: list[str] = []
    counts: list[tuple[str, int, int]] = []
    retrain(
        world.weights, world.data, backgrounds=world.backgrounds, out=tmp_path / "out", config=toy_config(rounds=1),
        trainer=Toy(), open_detector=open_toy, on_step=steps.append, on_progress=lambda *now: counts.append(now),
    )  # fmt: skip
    told = "\n".join(steps)
    for text in (
        "reading the labelled images",
        "the start: measuring",
        "round 1 of up to 1: scanning",
        "training on 12 images",
    ):
        assert text in told
    assert {"labelled images", "backgrounds", "images scanned", "steps", "images measured"} <= {
        what for what, *_ in counts
    }
    assert all(0 <= done <= total for _, done, total in counts)


def in_clips(world: World, folder: Path) -> Path:
    """The backgrounds, eight to a folder."""
    for number, path in enumerate(sorted(world.backgrounds.iterdir())):
        target = folder / f"clip{number // 8}" / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    return folder


@pytest.mark.parametrize("by", ["folder", r"/(clip\d)/"])
def test_images_of_one_clip_are_all_mined_or_all_measured_on_and_drawn_together(
    world: World, tmp_path: Path, by: str
) -> None:
    clips, out = in_clips(world, tmp_path / "clips"), tmp_path / "out"
    result = go(world, out, backgrounds=clips, group_by=by, rounds=1)
    apart = {path.parent for path in held_out(out)}
    with Bank(out / "bank") as bank:
        mined = {Path(path).parent for (path,) in bank.query("SELECT path FROM sources")}
    assert apart and mined and not apart & mined and apart | mined == set(clips.iterdir())
    rows = json.loads((out / "round-0" / "scores.json").read_text())["images"]
    groups: dict[str, set[Path]] = {}
    for row in rows:
        if row["counted"]:
            groups.setdefault(row["group"], set()).add(Path(row["path"]).parent)
    assert len(groups) == len(apart) and all(len(folders) == 1 for folders in groups.values())
    assert result.rounds[0].background_images == 8 * len(apart)


def test_frames_of_one_camera_in_a_bank_are_all_mined_or_all_measured_on(world: World, tmp_path: Path) -> None:
    bank, out = tmp_path / "cameras", tmp_path / "out"
    camera_of = {
        keep_frame(bank, decode_image(path.read_bytes()), f"rtsp://camera/{number % 3}", 1000 * number): number % 3
        for number, path in enumerate(sorted(world.backgrounds.iterdir())[:18])
    }
    go(world, out, bank=bank, backgrounds=(), rounds=1)
    apart = {camera_of[path] for path in held_out(out)}
    assert apart and len(held_out(out)) == 6 * len(apart) < len(camera_of)


def test_a_rule_that_matches_no_image_is_refused(world: World, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"group-by to match paths of images, and '\(video\)' matches none of 60"):
        go(world, tmp_path / "out", group_by="(video)")
    assert not (tmp_path / "out").exists()


def test_the_result_has_intervals_comparisons_and_a_report(world: World, tmp_path: Path) -> None:
    result = go(world, tmp_path / "out", Toy(per_round=3), rounds=2)
    document = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert document["schema_version"] == 2 and document["comparisons"][1]["fppi_ratio"] < 1
    low, high = document["rounds"][0]["intervals"]["fppi"]
    assert low <= result.rounds[0].fppi <= high
    assert document["report"]["chosen_by_halves"] == [result.best] * 2
    assert document["report"]["fppi_after"] == result.best_round.fppi_at_recall
    again = go(world, tmp_path / "out", Toy(per_round=3), rounds=2, resume=True)
    assert again.to_dict() | {"seconds": 0} == result.to_dict() | {"seconds": 0}
