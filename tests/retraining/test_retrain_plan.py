"""What trainings will cost, and how many steps a budget buys."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from toy import ToyTrainer, World, make_world, open_toy, toy_config

from negmine.detectors.base import Detector
from negmine.detectors.config import DetectorConfig
from negmine.errors import ConfigError
from negmine.retraining.config import RetrainConfig, seconds_of
from negmine.retraining.result import RetrainResult
from negmine.retraining.retrain import retrain
from negmine.training.base import OnSteps, TrainingSet, TrainProgress
from negmine.training.config import TrainConfig


@dataclass
class TimedTrainer(ToyTrainer):
    """Each of its steps takes a while, by the clock that it is, and so does all that a detector is opened for."""

    now: float = 0.0
    step_s: float = 2.0
    detector_s: float = 0.0

    def __call__(self) -> float:
        return self.now

    def open(self, config: DetectorConfig) -> Detector:
        self.now += self.detector_s
        return open_toy(config)

    def train(
        self,
        weights: Path,
        data: TrainingSet,
        out: Path,
        *,
        steps: int | None = None,
        on_steps: OnSteps | None = None,
    ) -> Path:
        def tell(now: TrainProgress) -> None:
            self.now += self.step_s
            if on_steps is not None:
                on_steps(now)

        return super().train(weights, data, out, steps=steps, on_steps=tell)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("world"))


def _go(world: World, out: Path, trainer: TimedTrainer, **changes: object) -> tuple[RetrainResult, Sequence[str]]:
    said: list[str] = []
    settings: dict[str, object] = {"train": TrainConfig(imgsz=160, device="cpu"), "rounds": 2, "folds": 1} | changes
    config = toy_config(stop_early=False, **settings)
    result = retrain(
        world.weights, world.data, backgrounds=world.backgrounds, out=out, config=config, trainer=trainer,
        open_detector=trainer.open, on_step=said.append, clock=trainer, resume=True,
    )  # fmt: skip
    return result, said


def _given_steps(out: Path, number: int) -> object:
    return json.loads((out / f"round-{number}" / "train" / "given.json").read_text())["steps"]


def test_a_budget_decides_on_the_steps_of_every_round(world: World, tmp_path: Path) -> None:
    result, said = _go(world, tmp_path / "out", TimedTrainer(per_round=1), budget=1200.0)
    assert [_given_steps(tmp_path / "out", number) for number in (1, 2)] == [300, 300]  # 2 rounds of 600 s
    assert sum("300 steps, about 10 minutes" in text for text in said) == 2
    assert not (tmp_path / "out" / "timing").exists()
    assert not any("budget" in note for note in result.notes)


@pytest.mark.parametrize(("blend", "steps"), [(False, 255), (True, 225)])
def test_a_budget_leaves_time_to_mine_and_to_measure(world: World, tmp_path: Path, blend: bool, steps: int) -> None:
    trainer = TimedTrainer(per_round=1, detector_s=30.0)  # 60 s a round: the start, two rounds, two blends
    _go(world, tmp_path / "out", trainer, budget=1200.0, blend=blend)
    assert _given_steps(tmp_path / "out", 1) == steps


def test_a_run_that_is_resumed_keeps_the_steps_though_the_machine_is_slower(world: World, tmp_path: Path) -> None:
    out = tmp_path / "out"
    _go(world, out, TimedTrainer(per_round=1), budget=1200.0)
    for path in (out / "round-2" / "metrics.json", out / "round-2" / "weights.pt"):
        path.unlink()
    _go(world, out, TimedTrainer(per_round=1, now=500.0, step_s=5.0), budget=1200.0)
    assert _given_steps(out, 2) == 300


def test_a_budget_that_buys_few_steps_says_so(world: World, tmp_path: Path) -> None:
    result, _ = _go(world, tmp_path / "out", TimedTrainer(per_round=1), budget=60.0)
    assert _given_steps(tmp_path / "out", 1) == 25
    (note,) = [note for note in result.notes if "budget" in note]
    assert note.endswith("leaves 25 steps to each training, and fewer than 150 mostly lower all scores: give more time "
                         "or fewer --rounds")  # fmt: skip


def test_without_a_budget_the_trainers_own_steps_are_timed_and_told(world: World, tmp_path: Path) -> None:
    _, said = _go(world, tmp_path / "out", TimedTrainer(per_round=1, steps=240))
    assert _given_steps(tmp_path / "out", 1) is None
    assert any("240 steps, about 8 minutes" in text for text in said)


@pytest.mark.parametrize(("folds", "rounds"), [(1, 2), (3, 1)])
def test_how_many_rounds_there_are_unless_the_user_says(world: World, tmp_path: Path, folds: int, rounds: int) -> None:
    holdout = None if folds > 1 else 0.4
    trainer = TimedTrainer(per_round=1, steps=240)
    result, _ = _go(world, tmp_path / "out", trainer, rounds=None, folds=folds, holdout=holdout)
    assert len(result.rounds) == 1 + rounds


@pytest.mark.slow
def test_each_of_several_members_takes_fewer_steps_unless_the_user_says(world: World, tmp_path: Path) -> None:
    for name, train in (("rule", TrainConfig(imgsz=160)), ("said", TrainConfig(imgsz=160, steps=240))):
        out = tmp_path / name
        _, said = _go(world, out, TimedTrainer(steps=240), rounds=1, folds=2, holdout=None, train=train)
        steps = json.loads((out / "round-1" / "member-2" / "train" / "given.json").read_text())["steps"]
        assert steps == (180 if name == "rule" else None)
        assert sum(f"{steps or 240} steps, about" in text for text in said) == 2


def test_a_short_training_is_not_timed(world: World, tmp_path: Path) -> None:
    _, said = _go(world, tmp_path / "out", TimedTrainer(per_round=1, steps=3))
    assert any(text.endswith(": 3 steps") for text in said) and not any("timing" in text for text in said)


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1800), ("1.5h", 5400), ("1h30m", 5400)])
def test_durations(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "m", "0m", "1d", "-5m", "30 m", "5m!"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"expected a budget such as 30m"):
        seconds_of(text)


def test_a_budget_and_steps_contradict_each_other() -> None:
    with pytest.raises(ConfigError, match=r"a budget, or steps or epochs, not both"):
        RetrainConfig(budget=60.0, train=TrainConfig(steps=5))
    with pytest.raises(ConfigError, match=r"a budget over 0 seconds"):
        RetrainConfig(budget=0.0)
