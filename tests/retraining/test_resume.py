"""A retraining that is stopped anywhere and resumed ends as one that was not stopped."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from kill_cases import retraining_left
from killing import Killed, kill_often, seconds, start
from toy import ToyTrainer, World, copy_tree, draw, make_world, open_toy, toy_config, write_weights

from negmine.bank.verify import verify
from negmine.errors import ConfigError, NegmineError, RunLockedError, TrainingError
from negmine.retraining.config import RetrainConfig
from negmine.retraining.result import RetrainResult
from negmine.retraining.retrain import retrain
from negmine.training.base import OnSteps, TrainingSet

CONFIG = toy_config(rounds=3, ratio="1:4", variants=True, workers=1)
TRAINER = ToyTrainer(per_round=2)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("world"))


def go(
    world: World, out: Path, *, die_at: int | None = None, config: RetrainConfig = CONFIG, resume: bool = True
) -> RetrainResult:
    """Retrain; at the so-many-th thing that is told, die."""
    events = itertools.count()

    def told(*_: object) -> None:
        if next(events) == die_at:
            raise Killed

    return retrain(
        world.weights, world.data, backgrounds=world.backgrounds, out=out, config=config, resume=resume,
        trainer=TRAINER, open_detector=open_toy, on_step=told, on_progress=told,
    )  # fmt: skip


@pytest.fixture(scope="module")
def undisturbed(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    result = go(world, out, resume=False)
    assert len(result.rounds) >= 3 and any(each.variants for each in result.rounds)
    return out


@pytest.mark.slow
def test_dying_at_any_moment_changes_nothing(world: World, undisturbed: Path, tmp_path: Path) -> None:
    events: list[object] = []
    retrain(
        world.weights, world.data, backgrounds=world.backgrounds, out=tmp_path / "counted", config=CONFIG,
        trainer=TRAINER, open_detector=open_toy, on_step=events.append, on_progress=lambda *now: events.append(now),
    )  # fmt: skip
    texts = [number for number, event in enumerate(events) if isinstance(event, str)]
    assert len(texts) > 12
    out = tmp_path / "out"
    for number in texts[1::2]:
        with pytest.raises(Killed):
            go(world, tmp_path / f"at-{number}", die_at=number)
        go(world, tmp_path / f"at-{number}")
        assert retraining_left(tmp_path / f"at-{number}") == retraining_left(undisturbed)
    for patience in itertools.count(100, 60):  # again and again in the same folder, each time a little later
        try:
            go(world, out, die_at=patience)
            break
        except Killed:
            continue
    assert retraining_left(out) == retraining_left(undisturbed) and verify(out / "bank").ok


_SCRIPT = """
import sys
from pathlib import Path
from toy import ToyTrainer, open_toy, toy_config
from negmine.retraining.retrain import retrain
from negmine.training.base import OnSteps, TrainingSet

weights, data, backgrounds, out = map(Path, sys.argv[1:])
print("ready", flush=True)
config = toy_config(rounds=3, ratio="1:4", variants=True, workers=1)
retrain(weights, data, backgrounds=backgrounds, out=out, config=config, resume=True, trainer=ToyTrainer(per_round=2),
        open_detector=open_toy)
"""


@pytest.mark.slow
def test_interrupted_runs_end_as_an_undisturbed_one(world: World, undisturbed: Path, tmp_path: Path) -> None:
    def begin(out: Path) -> subprocess.Popen[str]:
        return start(_SCRIPT, world.weights, world.data, world.backgrounds, out)

    whole = seconds(lambda: begin(tmp_path / "whole"))
    kill_often(lambda: begin(tmp_path / "killed"), signal.SIGINT, times=3, within=whole / 2)
    assert retraining_left(tmp_path / "killed") == retraining_left(undisturbed) == retraining_left(tmp_path / "whole")
    assert verify(tmp_path / "killed" / "bank").ok


@pytest.mark.slow
def test_while_rounds_run_the_folder_is_kept_from_others(world: World, tmp_path: Path) -> None:
    refused: list[str] = []

    def told(text: str) -> None:
        if text.startswith("round"):
            with pytest.raises(RunLockedError) as error:
                go(world, tmp_path / "out")
            refused.append(str(error.value))

    retrain(
        world.weights, world.data, backgrounds=world.backgrounds, out=tmp_path / "out", config=CONFIG,
        trainer=TRAINER, open_detector=open_toy, on_step=told,
    )  # fmt: skip
    assert refused
    assert go(world, tmp_path / "out").rounds  # afterwards it is free


def test_a_finished_run_is_not_done_again(world: World, undisturbed: Path, tmp_path: Path) -> None:
    out = copy_tree(undisturbed, tmp_path / "out")
    steps: list[str] = []
    before = (out / "rounds.jsonl").stat().st_mtime_ns
    result = retrain(
        world.weights, world.data, backgrounds=world.backgrounds, out=out, config=CONFIG, resume=True,
        trainer=TRAINER, open_detector=open_toy, on_step=steps.append,
    )  # fmt: skip
    assert not [text for text in steps if text.startswith(("the start", "round"))]
    assert (out / "rounds.jsonl").stat().st_mtime_ns == before
    assert [each.seconds for each in result.rounds] == [
        json.loads(line)["seconds"] for line in (out / "rounds.jsonl").read_text().splitlines()
    ]


def test_without_resume_a_run_is_not_resumed(world: World, undisturbed: Path) -> None:
    with pytest.raises(ConfigError, match=r"holds a retraining; resume it with --resume"):
        go(world, undisturbed, resume=False)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rounds": 9}, r"--rounds 3, and this asks for 9"),
        ({"ratio": "1:1"}, r"--ratio 1:4, and this asks for 1:1"),
        ({"holdout": 0.3}, r"with other contents of --backgrounds"),
        ({"max_recall_loss": 0.2}, r"--max-recall-loss 0.01, and this asks for 0.2"),
        ({"train": replace(CONFIG.train, loss="focal")}, r"--loss unset, and this asks for focal"),
    ],
)
def test_resuming_with_other_settings_is_refused(
    world: World, undisturbed: Path, tmp_path: Path, change: dict[str, object], said: str
) -> None:
    out = copy_tree(undisturbed, tmp_path / "out")
    with pytest.raises(ConfigError, match=said):
        go(world, out, config=replace(CONFIG, **change))  # type: ignore[arg-type]
    assert retraining_left(out) == retraining_left(undisturbed)


def test_the_device_and_the_number_of_workers_may_be_others(world: World, undisturbed: Path, tmp_path: Path) -> None:
    out = copy_tree(undisturbed, tmp_path / "out")
    go(world, out, config=replace(CONFIG, workers=2, train=replace(CONFIG.train, device="0", workers=3)))


def test_resuming_with_other_weights_labels_or_backgrounds_is_refused(
    world: World, undisturbed: Path, tmp_path: Path
) -> None:
    out = copy_tree(undisturbed, tmp_path / "out")
    root = copy_tree(world.data.parent.parent, tmp_path / "world")
    moved = World(
        *(root / path.relative_to(world.data.parent.parent) for path in (world.data, world.backgrounds, world.weights))
    )
    go(moved, out)  # where they are is no matter
    draw(moved.backgrounds / "new.png", seed=5555)
    with pytest.raises(ConfigError, match=r"other contents of --backgrounds"):
        go(moved, out)
    (moved.backgrounds / "new.png").unlink()
    label = next((moved.data.parent / "labels" / "train").iterdir())
    label.write_text("0 0.5 0.5 0.1 0.1\n")
    with pytest.raises(ConfigError, match=r"other contents of --data"):
        go(moved, out)
    write_weights(moved.weights, [1])
    with pytest.raises(ConfigError, match=r"other contents of --weights"):
        go(moved, out)


class Failing(ToyTrainer):
    """Finds that its loss is NaN, until it is given other settings."""

    def train(self, *_: object, **__: object) -> Path:
        raise TrainingError("the loss is NaN in a batch with p01.png; lower lr0")


def test_what_was_done_before_a_training_failed_stays(world: World, undisturbed: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(TrainingError, match=r"p01.png"):
        retrain(
            world.weights, world.data, backgrounds=world.backgrounds, out=out, config=CONFIG, trainer=Failing(),
            open_detector=open_toy,
        )  # fmt: skip
    assert (out / "round-0" / "metrics.json").is_file() and (out / "round-1" / "negatives.txt").is_file()
    go(world, out)
    assert retraining_left(out) == retraining_left(undisturbed)


class FailingLater(ToyTrainer):
    """Fails in the second round."""

    def train(
        self,
        weights: Path,
        data: TrainingSet,
        out: Path,
        *,
        steps: int | None = None,
        on_steps: OnSteps | None = None,
    ) -> Path:
        if out.parent.name == "round-2":
            raise TrainingError("the loss is NaN")
        return super().train(weights, data, out, steps=steps, on_steps=on_steps)


def test_the_best_weights_so_far_are_there_when_a_later_round_fails(world: World, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(TrainingError):
        retrain(
            world.weights, world.data, backgrounds=world.backgrounds, out=out, config=CONFIG,
            trainer=FailingLater(per_round=2), open_detector=open_toy,
        )  # fmt: skip
    assert (out / "best.pt").read_bytes() == (out / "round-1" / "weights.pt").read_bytes()
    assert len((out / "rounds.jsonl").read_text().splitlines()) == 2


def test_a_full_disk_is_one_line_and_the_run_goes_on_when_there_is_room(
    world: World, undisturbed: Path, disk: Path
) -> None:
    (disk / "ballast").write_bytes(bytes(900_000))
    out = disk / "out"
    with pytest.raises(NegmineError, match=r"[Nn]o space left|full.*free some space") as error:
        go(world, out)
    assert "\n" not in str(error.value)
    (disk / "ballast").unlink()
    subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
    go(world, out)
    assert retraining_left(out) == retraining_left(undisturbed)
