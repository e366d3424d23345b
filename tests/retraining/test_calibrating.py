"""Retrainings whose scores sink, calibrated: recall at the user's score comes back, and nothing else changes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from killing import Killed
from toy import ToyTrainer, World, make_world, open_toy, sha256, toy_config

from negmine.datasets.open import open_truth
from negmine.detectors.config import DetectorConfig
from negmine.evaluating.config import EvalConfig
from negmine.evaluating.data import EvalImages
from negmine.evaluating.figures import figures
from negmine.evaluating.predict import predict_and_match
from negmine.retraining.result import RetrainResult
from negmine.retraining.retrain import retrain
from negmine.training.base import OnSteps, Trainer, TrainingSet
from negmine.training.calibration import Calibration

SUNK = ToyTrainer(per_round=2, sinks=2.5)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("world"))


def go(world: World, out: Path, trainer: Trainer = SUNK, *, resume: bool = False, **changes: object) -> RetrainResult:
    return retrain(
        world.weights, world.data, backgrounds=world.backgrounds, out=out, config=toy_config(**changes),
        trainer=trainer, open_detector=open_toy, resume=resume,
    )  # fmt: skip


def shift_in(weights: Path) -> float:
    shift: float = json.loads(weights.read_text())["shift"]
    return shift


def test_recall_at_conf_comes_back_and_false_positives_at_equal_recall_stay(world: World, tmp_path: Path) -> None:
    result = go(world, tmp_path / "on", rounds=1)
    plain = go(world, tmp_path / "off", rounds=1, calibrate=False)
    (start, after), (_, sunk) = result.rounds, plain.rounds
    assert sunk.recall < 0.5 < start.recall == after.recall == 1.0
    assert after.fppi_at_recall == sunk.fppi_at_recall and (after.map50, after.lamr) == (sunk.map50, sunk.lamr)
    assert after.shifts == {"lamp": pytest.approx(2.5, abs=0.01)} and start.shifts is None is sunk.shifts
    assert result.verdict.startswith(
        f"at your conf 0.25: recall 1.00 -> 1.00, false positives per image {start.fppi:.3g} -> {after.fppi:.3g} ("
    )
    assert "; better: " in result.verdict
    assert (result.conf, result.to_dict()["conf"]) == (0.25, 0.25)
    assert "use --conf" in plain.verdict and plain.conf == sunk.threshold_at_recall


def test_the_weights_hold_the_shift_and_the_trained_ones_stay(world: World, tmp_path: Path) -> None:
    result = go(world, tmp_path / "out", rounds=2)
    assert len(result.rounds) == 3
    folder = tmp_path / "out" / "round-1"
    assert shift_in(folder / "trained.pt") == shift_in(folder / "train" / "trained.json") == -2.5
    assert shift_in(folder / "weights.pt") == pytest.approx(0, abs=0.01)
    assert result.rounds[1].weights_sha256 == sha256(folder / "weights.pt")
    given = json.loads((tmp_path / "out" / "round-2" / "train" / "given.json").read_text())
    assert given["from"] == sha256(folder / "weights.pt")  # what the next round starts from
    assert not (tmp_path / "out" / "round-0" / "trained.pt").exists()


def test_the_figures_are_those_of_the_calibrated_weights_when_they_are_run(world: World, tmp_path: Path) -> None:
    result = go(world, tmp_path / "out", rounds=1)
    config = EvalConfig()
    held_out = [Path(line) for line in (tmp_path / "out" / "held-out.txt").read_text().splitlines()]
    labelled = sorted((world.data.parent / "images" / "val").iterdir())
    weights = DetectorConfig(str(tmp_path / "out" / "round-1" / "weights.pt"), conf=config.floor)
    (found,) = predict_and_match([open_toy(weights)], EvalImages(labelled, open_truth(world.data), held_out), config)
    run = figures(found, config, at_recall=result.rounds[1].at_recall).to_dict()
    noted = json.loads((tmp_path / "out" / "round-1" / "metrics.json").read_text())["figures"]
    for name in ("sha256", "recall", "fppi", "precision", "fppi_at_recall", "map50", "lamr", "fppi_at", "kinds"):
        assert noted[name] == run[name] if name != "sha256" else sha256(Path(weights.weights)) == noted[name]
    assert noted["threshold_at_recall"] == pytest.approx(run["threshold_at_recall"], abs=1e-4)


class Uncalibrating:
    """A trainer of somebody else's, who has no calibration."""

    def check(self, weights: Path, class_names: tuple[str, ...]) -> None:
        SUNK.check(weights, class_names)

    trainings = 1

    def steps_of(self, data: TrainingSet) -> int:
        return SUNK.steps_of(data)

    def train(
        self,
        weights: Path,
        data: TrainingSet,
        out: Path,
        *,
        steps: int | None = None,
        on_steps: OnSteps | None = None,
    ) -> Path:
        return SUNK.train(weights, data, out, steps=steps, on_steps=on_steps)

    def average(self, checkpoints: Sequence[Path], averaged: Path, *, shares: Sequence[float] | None = None) -> None:
        SUNK.average(checkpoints, averaged, shares=shares)


def test_a_trainer_that_cannot_calibrate_trains_as_before(world: World, tmp_path: Path) -> None:
    result = go(world, tmp_path / "out", Uncalibrating(), rounds=1)
    assert result.rounds[1].shifts is None and shift_in(tmp_path / "out" / "round-1" / "weights.pt") == -2.5
    assert "use --conf" in result.verdict
    assert any("the trainer cannot calibrate weights" in note for note in result.notes)


def test_a_recall_that_is_lost_for_good_is_said(world: World, tmp_path: Path) -> None:
    result = go(world, tmp_path / "out", ToyTrainer(blind_under=0.4, sinks=1.0), rounds=1)
    (note,) = [note for note in result.notes if "does not reach the recall of the start" in note]
    assert note.startswith("round 1: class lamp ") and "at 0.25" in note
    assert result.rounds[1].recall < result.rounds[0].recall and not result.improved


class Dying(ToyTrainer):
    """Dies when it is to calibrate, before or after the file is written."""

    late = False

    def calibrate(self, weights: Path, calibration: Calibration, calibrated: Path) -> None:
        if self.late:
            super().calibrate(weights, calibration, calibrated)
        raise Killed


class DyingLate(Dying):
    late = True


@pytest.mark.slow
@pytest.mark.parametrize("dying", [Dying, DyingLate])
def test_a_kill_while_weights_are_calibrated_changes_nothing(dying: type[Dying], world: World, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        go(world, tmp_path / "out", dying(per_round=2, sinks=2.5), rounds=1)
    trained = (tmp_path / "out" / "round-1" / "trained.pt").stat()
    killed, whole = go(world, tmp_path / "out", rounds=1, resume=True), go(world, tmp_path / "whole", rounds=1)
    assert (tmp_path / "out" / "round-1" / "trained.pt").stat().st_mtime_ns == trained.st_mtime_ns  # not trained again
    for name in ("weights.pt", "trained.pt"):
        assert (tmp_path / "out" / "round-1" / name).read_bytes() == (
            tmp_path / "whole" / "round-1" / name
        ).read_bytes()
    assert killed.rounds[1].shifts == whole.rounds[1].shifts and killed.verdict == whole.verdict
