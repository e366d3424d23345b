"""The average of the start and the best round: one more candidate, after all rounds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from killing import Killed
from toy import ToyTrainer, World, make_world, open_toy, toy_config

from negmine.retraining.result import RetrainResult
from negmine.retraining.retrain import retrain


class Forgetful(ToyTrainer):
    """Learns what it should not find and forgets faint lamps; its average with the start finds these again."""

    dies = False

    def average(self, checkpoints: Sequence[Path], averaged: Path, *, shares: Sequence[float] | None = None) -> None:
        trained, start = (json.loads(path.read_text()) for path in checkpoints)
        assert shares in ((0.75, 0.25), (0.5, 0.5))
        document = trained | {"blind_under": start["blind_under"]}
        averaged.write_text(json.dumps(document, sort_keys=True))
        if self.dies:
            raise Killed


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("world"))


def go(world: World, out: Path, trainer: ToyTrainer, *, resume: bool = False, **changes: object) -> RetrainResult:
    config = toy_config(**{"rounds": 1, "blend": True, "calibrate": False} | changes)
    return retrain(
        world.weights, world.data, backgrounds=world.backgrounds, out=out, config=config, trainer=trainer,
        open_detector=open_toy, resume=resume,
    )  # fmt: skip


def test_what_a_round_forgot_is_found_again_halfway_to_the_start(world: World, tmp_path: Path) -> None:
    result = go(world, tmp_path / "out", Forgetful(blind_under=0.4))
    start, trained, blend, halfway = result.rounds
    assert [(each.blended, each.start_share) for each in result.rounds] == [(None, 0), (None, 0), (1, 0.25), (1, 0.5)]
    assert halfway.fppi_at_recall == blend.fppi_at_recall  # of equals the first is the result
    assert trained.recall < blend.recall == start.recall and blend.steps == 0
    assert result.best == 2 and result.improved and blend.fppi < start.fppi
    assert result.weights.read_bytes() == (tmp_path / "out" / "round-2" / "weights.pt").read_bytes()
    for name in ("negatives.txt", "data.yaml"):
        assert (result.data_yaml.parent / name).read_bytes() == (tmp_path / "out" / "round-1" / name).read_bytes()


def test_without_a_blend_the_start_is_the_result(world: World, tmp_path: Path) -> None:
    result = go(world, tmp_path / "out", Forgetful(blind_under=0.4), blend=False)
    assert len(result.rounds) == 2 and not result.improved


def test_a_blend_that_is_no_better_than_its_round_is_not_the_result(world: World, tmp_path: Path) -> None:
    result = go(world, tmp_path / "out", ToyTrainer())
    assert result.rounds[-1].blended == 1 and result.best == 1


@pytest.mark.slow
def test_a_run_that_was_killed_in_the_blend_ends_as_another(world: World, tmp_path: Path) -> None:
    dying = Forgetful(blind_under=0.4)
    dying.dies = True
    with pytest.raises(Killed):
        go(world, tmp_path / "out", dying)
    assert (tmp_path / "out" / "best.pt").is_file()
    assert len((tmp_path / "out" / "rounds.jsonl").read_text().splitlines()) == 2  # what is done is listed
    whole = go(world, tmp_path / "whole", Forgetful(blind_under=0.4))
    for _ in range(2):  # and once more, when nothing is left to do
        again = go(world, tmp_path / "out", Forgetful(blind_under=0.4), resume=True)
        assert again.verdict == whole.verdict and again.stopped == whole.stopped
        for name in ("round-2/weights.pt", "round-3/weights.pt", "best.pt", "round-2/scores.json"):
            assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


@dataclass
class Remembering(ToyTrainer):
    """Remembers what each average was made of."""

    averages: dict[str, list[str]] = field(default_factory=dict)

    def average(self, checkpoints: Sequence[Path], averaged: Path, *, shares: Sequence[float] | None = None) -> None:
        super().average(checkpoints, averaged, shares=shares)
        self.averages[_in_run(averaged)] = [_in_run(path) for path in checkpoints]


def _in_run(path: Path) -> str:
    return path.as_posix().partition("/out/")[2].rpartition("/")[0]


def test_with_folds_the_average_of_the_members_has_half_of_the_start(tmp_path: Path) -> None:
    world, trainer = make_world(tmp_path / "world", val=False), Remembering()
    result = go(world, tmp_path / "out", trainer, folds=2, holdout=None)
    last = result.rounds[-1]
    of, number = f"round-{last.blended}", f"round-{last.number}"
    for member in ("member-1", "member-2"):
        assert trainer.averages[f"{number}/{member}"] == [f"{of}/{member}", "round-0"]
    assert trainer.averages[number] == [f"{each}/{name}" for each in (of, number) for name in ("member-1", "member-2")]
    assert "the average of the members has 25% of the start" in last.notes
