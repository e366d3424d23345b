"""A retraining's folder that is damaged, or that somebody else made: a line says so, and nothing outside is touched."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from needs import NAMED_PIPES
from toy import ToyTrainer, World, copy_tree, make_world, open_toy, toy_config

from negmine.errors import NegmineError
from negmine.retraining.retrain import retrain

CONFIG = toy_config(rounds=1, ratio="1:1", workers=1)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("world"), backgrounds=12)


def resume(world: World, out: Path) -> object:
    return retrain(
        world.weights, world.data, backgrounds=world.backgrounds, out=out, config=CONFIG, resume=True,
        trainer=ToyTrainer(), open_detector=open_toy,
    )  # fmt: skip


@pytest.fixture(scope="module")
def done(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of a round."""
    out = tmp_path_factory.mktemp("done") / "out"
    resume(world, out)
    return out


@pytest.fixture
def out(done: Path, tmp_path: Path) -> Path:
    """A copy of it, to be harmed."""
    return copy_tree(done, tmp_path / "out")


def refused(world: World, out: Path) -> str:
    """The line that a resume ends with."""
    with pytest.raises(NegmineError) as error:
        resume(world, out)
    assert str(error.value).isprintable()
    return str(error.value)


@pytest.mark.parametrize(
    "name",
    ["round-1", "round-1/train", "round-2", "data", "data/labels/train", "data/images/train", "bank", "bank/negatives",
     "best.pt", "plan.json", "rounds.jsonl", "held-out.txt", "round-1/weights.pt", "round-1/metrics.json", "timing",
     "round-1/train/trained.json", "data/labels/train/p01.txt", "retrain.json.negmine-part"],
)  # fmt: skip
@pytest.mark.slow_after(9)
def test_a_link_leads_out_of_no_retraining(world: World, out: Path, tmp_path: Path, name: str) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("years of work")
    shutil.rmtree(out / name) if (out / name).is_dir() else (out / name).unlink(missing_ok=True)
    (out / name).symlink_to(precious / "thesis.txt" if "." in Path(name).name else precious)
    assert f"{name}: expected a plain file or folder of a retraining, found a link" in refused(world, out)
    assert [(path.name, path.read_text()) for path in precious.iterdir()] == [("thesis.txt", "years of work")]


@NAMED_PIPES
@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", ["plan.json", "round-1/weights.pt", "bank/bank.holder", "data/images/train/p01.png"])
def test_a_pipe_keeps_nobody_waiting(world: World, out: Path, name: str) -> None:
    (out / name).unlink(missing_ok=True)
    os.mkfifo(out / name)
    assert "found a link, a pipe or a device" in refused(world, out)


def test_the_lock_and_its_note_are_not_written_through_links(world: World, out: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    for name in ("retrain.lock", "retrain.holder"):
        (out / name).unlink(missing_ok=True)
        (out / name).symlink_to(tmp_path / "thesis.txt")
        refused(world, out)
        (out / name).unlink(missing_ok=True)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_an_image_that_is_a_link_to_another_picture_is_put_right(world: World, out: Path, tmp_path: Path) -> None:
    image = next((out / "data" / "images" / "train").iterdir())
    right = image.resolve()
    private = Path(shutil.copy(world.backgrounds / "b01.png", tmp_path / "private.png"))
    image.unlink()
    image.symlink_to(private)
    resume(world, out)
    assert image.resolve() == right


def test_a_negative_that_is_a_link_to_another_picture_is_refused(world: World, out: Path, tmp_path: Path) -> None:
    private = Path(shutil.copy(world.backgrounds / "b01.png", tmp_path / "private.png"))
    for name in ("metrics.json", "weights.pt", "trained.pt"):
        (out / "round-1" / name).unlink()
    image = next((out / "data" / "images" / "negatives").iterdir())
    image.unlink()
    image.symlink_to(private)
    assert "expected a negative, or a link to one of bank" in refused(world, out)


@pytest.mark.parametrize("line", ["../../../private.png", "/etc/passwd", "..", "\udcff"])
def test_a_list_of_negatives_names_only_those_that_were_placed(world: World, out: Path, line: str) -> None:
    for name in ("metrics.json", "weights.pt", "trained.pt"):
        (out / "round-1" / name).unlink()
    (out / "round-1" / "negatives.txt").write_bytes(os.fsencode(f"{line}\n"))
    refused(world, out)


def change(path: Path, key: str, value: Any) -> None:
    """Another value in a JSON file; keys and indexes of a path with dots between them."""
    document = json.loads(path.read_text())
    *above, last = [int(each) if each.isdecimal() else each for each in key.split(".")]
    inner = document
    for each in above:
        inner = inner[each]
    if value is KeyError:
        del inner[last]
    else:
        inner[last] = value
    path.write_text(json.dumps(document))


_WRONG = ["x\x1b\ny", -(10**40), None, [], {}, float("nan"), KeyError, True]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("metrics.json", "number"),
        ("metrics.json", "recall"),
        ("metrics.json", "blended"),
        ("metrics.json", "notes"),
        ("metrics.json", "weights_sha256"),
        ("metrics.json", "threshold_at_recall"),
        ("scores.json", "images"),
        ("scores.json", "images.0"),
        ("scores.json", "images.0.objects"),
        ("scores.json", "images.0.true"),
        ("scores.json", "images.0.sha256"),
    ],
)
@pytest.mark.slow_after(3)
def test_a_damaged_file_of_a_round_is_one_line(world: World, out: Path, done: Path, name: str, key: str) -> None:
    """Or it makes no difference to the result."""
    for number in (0, 1):
        for value in _WRONG:
            path = out / f"round-{number}" / name
            change(path, key, value)
            try:
                resume(world, out)
            except NegmineError as error:
                assert str(error).isprintable()
            shutil.copy(done / f"round-{number}" / name, path)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"3", b"\xff\xfe", b"[" * 100_000, b"1" * 10_000])
@pytest.mark.parametrize("name", ["round-1/metrics.json", "round-1/scores.json", "round-1/mix.json", "retrain.json"])
@pytest.mark.slow_after(6)
def test_what_is_no_document_is_one_line(world: World, out: Path, name: str, text: bytes) -> None:
    if name.endswith("mix.json"):
        (out / "round-1" / "metrics.json").unlink()
    (out / name).write_bytes(text)
    said = refused(world, out)
    assert "is damaged: expected what a retraining writes there" in said or "does not hold the settings" in said


@pytest.mark.parametrize("key", ["fresh", "chosen", "notes", "blended", "start_share"])
def test_a_damaged_count_of_a_mix_is_one_line(world: World, out: Path, key: str) -> None:
    (out / "round-1" / "metrics.json").unlink()
    change(out / "round-1" / "mix.json", key, "many")
    assert "round-1/mix.json is damaged" in refused(world, out)


def test_a_damaged_plan_is_one_line(world: World, out: Path) -> None:
    (out / "round-1" / "metrics.json").unlink()
    (out / "plan.json").write_text('{"steps": "many", "seconds_per_step": null, "note": ""}')
    assert "plan.json is damaged" in refused(world, out)


def test_setting_of_somebody_else_is_shown_short_and_on_one_line(world: World, out: Path) -> None:
    change(out / "retrain.json", "settings.ratio", "\x1b[2J\n" + "x" * 10_000)
    assert len(refused(world, out)) < 500


def test_links_in_a_circle_are_one_line(world: World, tmp_path: Path) -> None:
    (tmp_path / "round").symlink_to("round")
    assert "name a folder that can be written with --out" in refused(world, tmp_path / "round")
