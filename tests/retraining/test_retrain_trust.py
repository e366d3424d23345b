"""What `--trust-weights` covers where a run is resumed in a folder that somebody else may have made."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from killing import Killed
from small_networks import save_network, small_network
from toy import ToyTrainer, World, copy_tree, make_world, open_toy, toy_config

from negmine.cli import _run
from negmine.detectors.open import open_detector
from negmine.detectors.ultralytics.quiet import quiet_ultralytics
from negmine.errors import UnsafeWeightsError
from negmine.retraining.config import RetrainConfig
from negmine.retraining.folder import RetrainFolder
from negmine.retraining.result import RetrainResult
from negmine.retraining.retrain import retrain
from negmine.retraining.trust import trusted_only_as_named
from negmine.training.config import TrainConfig

TRUSTING = RetrainConfig(train=TrainConfig(device="cpu", imgsz=64, trust_weights=True), workers=1)


class Touches:
    """Makes a file while it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.call: tuple[Callable[..., object], tuple[object, ...]] = (os.system, (f"touch {marker}",))

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("world"), backgrounds=12)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with quiet_ultralytics():
        return save_network(small_network(), tmp_path_factory.mktemp("weights") / "own.pt")


@pytest.fixture(scope="module")
def killed(world: World, weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that died while the start was measured."""
    out = tmp_path_factory.mktemp("killed") / "out"

    def told(text: str) -> None:
        if text.startswith("the start: measuring"):
            raise Killed

    with pytest.raises(Killed):
        retrain(weights, world.data, backgrounds=world.backgrounds, out=out, config=TRUSTING, on_step=told)
    assert (out / "round-0" / "weights.pt").read_bytes() == weights.read_bytes()
    return out


@pytest.fixture
def folder(killed: Path, tmp_path: Path) -> RetrainFolder:
    """A copy of it, to be harmed."""
    return RetrainFolder(copy_tree(killed, tmp_path / "out"))


def hostile(path: Path, marker: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return save_network(Touches(marker), path)


@pytest.mark.parametrize(
    "name",
    ["round-0/weights.pt", "round-1/weights.pt", "round-1/trained.pt", "round-1/member-2/trained.pt",
     "round-1/train/trained.pt", "round-1/train/soup.pt", "round-2/weights.pt", "round-1/train/member-1/trained.pt"],
)  # fmt: skip
def test_no_checkpoint_of_a_resumed_run_is_trusted(
    world: World, weights: Path, folder: RetrainFolder, tmp_path: Path, name: str
) -> None:
    marker = tmp_path / "marker"
    hostile(folder.out / name, marker)
    with pytest.raises(UnsafeWeightsError) as error:
        retrain(weights, world.data, backgrounds=world.backgrounds, out=folder.out, config=TRUSTING, resume=True)
    said = str(error.value)
    assert said.isprintable() and name in said and said.endswith(f"or remove {name.split('/')[0]}")
    assert not marker.exists()


def test_the_command_refuses_it_in_a_line(
    world: World, weights: Path, folder: RetrainFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile(folder.round(0).weights, tmp_path / "marker")
    asked = ("--weights", weights, "--data", world.data, "--backgrounds", world.backgrounds, "--out", folder.out)
    assert _run(["retrain", *map(str, asked), "--imgsz", "64", "--resume", "--trust-weights"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and len(err.splitlines()) == 1 and "--trust-weights applies only while" in err
    assert not (tmp_path / "marker").exists()


def resumed(folder: RetrainFolder, weights: Path) -> RetrainConfig:
    return trusted_only_as_named(TRUSTING, folder, weights, open_detector)


def test_trust_goes_on_where_only_the_start_is_there(folder: RetrainFolder, tmp_path: Path) -> None:
    """So a run of weights that need it resumes as long as no round has written any."""
    own = hostile(tmp_path / "own.pt", tmp_path / "marker")
    shutil.copy(own, folder.round(0).weights)
    hostile(folder.best, tmp_path / "marker")
    hostile(folder.round(1).training / "weights" / "last.pt", tmp_path / "marker")
    assert resumed(folder, own) == TRUSTING
    assert not (tmp_path / "marker").exists()


def test_trust_ends_where_a_round_has_written_weights(folder: RetrainFolder, weights: Path) -> None:
    folder.round(1).path.mkdir()
    with quiet_ultralytics():
        save_network(small_network(), folder.round(1).trained)
    assert resumed(folder, weights).train.trust_weights is False


def test_weights_that_need_trust_are_not_resumed_beside_those_of_a_round(
    folder: RetrainFolder, weights: Path, tmp_path: Path
) -> None:
    own = hostile(tmp_path / "own.pt", tmp_path / "marker")
    shutil.copy(own, folder.round(0).weights)
    folder.round(1).path.mkdir()
    shutil.copy(weights, folder.round(1).weights)
    with pytest.raises(UnsafeWeightsError, match=r"own\.pt cannot be opened without trust.*or remove round-1$"):
        resumed(folder, own)
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize(
    "at", ["round 2 of up to 2: measuring", "round 1 of up to 2: training", "the start: measuring"]
)
@pytest.mark.slow
def test_a_killed_run_of_ordinary_weights_resumes_with_trust(world: World, tmp_path: Path, at: str) -> None:
    config = toy_config(rounds=2, ratio="1:1", workers=1)
    config = replace(config, train=replace(config.train, trust_weights=True))

    def go(out: Path, *, die: bool = False) -> RetrainResult:
        def told(text: str) -> None:
            if die and text.startswith(at):
                raise Killed

        return retrain(
            world.weights, world.data, backgrounds=world.backgrounds, out=out, config=config, resume=True,
            trainer=ToyTrainer(per_round=1), open_detector=open_toy, on_step=told,
        )  # fmt: skip

    with pytest.raises(Killed):
        go(tmp_path / "out", die=True)
    assert go(tmp_path / "out").weights.read_bytes() == go(tmp_path / "whole").weights.read_bytes()
