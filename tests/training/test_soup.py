"""Several trainings, and their average; the members and the average are plain text here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from negmine.training.base import OnSteps, Trainer, TrainingSet, TrainProgress
from negmine.training.config import TrainConfig
from negmine.training.open import open_members
from negmine.training.soup import SoupTrainer

DATA = TrainingSet((), (), (), ("lamp",))


@dataclass
class Writer:
    """A trainer that writes its number, and dies after `dies_after` steps."""

    number: int
    trained: list[int] = field(default_factory=list)
    dies_after: int = 9

    def check(self, weights: Path, class_names: Sequence[str]) -> None:
        self.trained.append(-1)

    @property
    def trainings(self) -> int:
        return 1

    def steps_of(self, data: TrainingSet) -> int:
        return 2

    def train(
        self,
        weights: Path,
        data: TrainingSet,
        out: Path,
        *,
        steps: int | None = None,
        on_steps: OnSteps | None = None,
    ) -> Path:
        done = out / "done"
        if not done.exists():
            for step in (1, 2):
                if step > self.dies_after:
                    raise KeyboardInterrupt
                if on_steps is not None:
                    on_steps(TrainProgress(step, 2, {}))
            out.mkdir(parents=True, exist_ok=True)
            done.write_text(weights.read_text() + str(self.number))
            self.trained.append(self.number)
        return done

    def average(self, checkpoints: Sequence[Path], averaged: Path, *, shares: Sequence[float] | None = None) -> None:
        averaged.write_text(" and ".join(path.read_text() for path in checkpoints))


def test_members_are_trained_from_the_same_start_and_averaged_in_order(tmp_path: Path) -> None:
    (tmp_path / "start").write_text("from ")
    told: list[TrainProgress] = []
    soup: Trainer = SoupTrainer([Writer(0), Writer(1), Writer(2)])
    averaged = soup.train(tmp_path / "start", DATA, tmp_path / "run", on_steps=told.append)
    assert averaged.read_text() == "from 0 and from 1 and from 2"
    assert [(end.step, end.steps) for end in told] == [(number, 6) for number in range(1, 7)]


def test_members_that_are_done_are_not_trained_again(tmp_path: Path) -> None:
    (tmp_path / "start").write_text("")
    first, dying = Writer(0), Writer(1, dies_after=1)
    with pytest.raises(KeyboardInterrupt):
        SoupTrainer([first, dying]).train(tmp_path / "start", DATA, tmp_path / "run")
    told: list[tuple[int, int]] = []
    soup = SoupTrainer([first, Writer(1)])
    soup.train(tmp_path / "start", DATA, tmp_path / "run", on_steps=lambda end: told.append((end.step, end.steps)))
    assert told == [(3, 4), (4, 4)]
    assert first.trained == [0]


def test_one_member_is_asked_whether_weights_can_be_trained(tmp_path: Path) -> None:
    members = [Writer(0), Writer(1)]
    SoupTrainer(members).check(tmp_path, ["lamp"])
    assert [member.trained for member in members] == [[-1], []]


def test_members_differ_in_their_seeds_alone() -> None:
    members = open_members(TrainConfig(device="cpu", seed=5), None, 3)
    configs = [member._config for member in members]  # type: ignore[attr-defined]
    assert configs[0].seed == 5 and len({config.seed for config in configs}) == 3
    assert all(replace(config, seed=5) == configs[0] for config in configs)
