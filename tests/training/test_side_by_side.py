"""Trainings in processes of their own: what they end with, how they fail, and that none outlives who started it."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from negmine.errors import TrainingError
from negmine.training import side_by_side
from negmine.training.base import OnSteps, TrainingSet, TrainProgress
from negmine.training.side_by_side import Training, fit_at_once, train_all

DATA = TrainingSet((), (), (), ("lamp",))


@dataclass
class Noted:
    """Writes which process trained, with how many threads; does one more thing first."""

    first: str = ""

    def check(self, weights: Path, class_names: Sequence[str]) -> None:
        raise NotImplementedError

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
        out.mkdir(parents=True, exist_ok=True)
        (out / "pid").write_text(str(os.getpid()))
        os.write(1, b"whatever a library prints")
        if self.first == "fail":
            raise TrainingError("the loss is NaN")
        if self.first == "break":
            raise ZeroDivisionError("division by zero")
        if self.first == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.first == "wait":
            time.sleep(60)
        for step in range(1, (steps or 2) + 1):
            if on_steps is not None:
                on_steps(TrainProgress(step, steps or 2, {"cls": 0.5}))
        done = out / "done"
        done.write_text(f"{os.getpid()} {os.environ.get('OMP_NUM_THREADS')} {weights.name}")
        return done

    def average(self, checkpoints: Sequence[Path], averaged: Path, *, shares: Sequence[float] | None = None) -> None:
        raise NotImplementedError


def _trainings(out: Path, *first: str, steps: int | None = None) -> list[Training]:
    return [
        Training(Noted(each), Path(f"{number}.pt"), DATA, out / str(number), steps)
        for number, each in enumerate(first, 1)
    ]


def test_each_training_has_a_process_and_its_share_of_the_cores(tmp_path: Path) -> None:
    reports: list[TrainProgress] = []
    ends = train_all(_trainings(tmp_path, "", "", steps=3), at_once=2, on_steps=reports.append)
    assert ends == [tmp_path / "1" / "done", tmp_path / "2" / "done"]
    written = [end.read_text().split() for end in ends]
    assert len({str(os.getpid()), *(pid for pid, *_ in written)}) == 3
    assert all(int(threads) >= 1 for _, threads, _ in written)
    assert [weights for *_, weights in written] == ["1.pt", "2.pt"]
    assert sorted(now.step for now in reports) == [1, 2, 3, 4, 5, 6]
    assert {now.steps for now in reports} == {6}


def test_one_at_a_time_is_in_this_process(tmp_path: Path) -> None:
    ends = train_all(_trainings(tmp_path, "", ""))
    assert {int(end.read_text().split()[0]) for end in ends} == {os.getpid()}


def test_what_is_left_of_several_has_the_threads_that_it_would_have_had(tmp_path: Path) -> None:
    (both, _), (alone,) = (
        train_all(_trainings(tmp_path / name, *first), at_once=2) for name, first in (("a", ("", "")), ("b", ("",)))
    )
    assert both.read_text().split()[1] == alone.read_text().split()[1]


@pytest.mark.parametrize(
    ("first", "message"),
    [
        (("wait", "fail"), "the loss is NaN"),
        (("break", "wait"), "ZeroDivisionError: division by zero"),
        (("wait", "die"), "was stopped from outside (exit status -9), perhaps for want of memory"),
    ],
)
def test_where_one_fails_all_end_and_its_reason_is_given(tmp_path: Path, first: tuple[str, str], message: str) -> None:
    with pytest.raises(TrainingError) as raised:
        train_all(_trainings(tmp_path, *first), at_once=2)
    assert message in str(raised.value)
    assert not any(_runs(path) for path in tmp_path.glob("*/pid"))


@pytest.mark.slow
def test_a_training_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    job = tmp_path / "job"
    job.write_bytes(pickle.dumps(_trainings(tmp_path, "wait", "wait")))
    code = (
        f"import sys, pickle; sys.path[:] = {sys.path!r}\n"
        "from negmine.training.side_by_side import train_all\n"
        f"train_all(pickle.load(open({str(job)!r}, 'rb')), at_once=2)"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as parent:
        _wait_for(lambda: len(list(tmp_path.glob("*/pid"))) == 2)
        parent.kill()
    _wait_for(lambda: not any(_runs(path) for path in tmp_path.glob("*/pid")))


@pytest.mark.parametrize(
    ("trainings", "cores", "at_once"),
    [(1, 2, 1), (2, 2, 2), (3, 2, 3), (4, 2, 2), (5, 2, 3), (3, 1, 1), (3, 3, 3), (3, 8, 3), (5, 16, 5)],
)
def test_as_many_run_as_leaves_no_core_idle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trainings: int, cores: int, at_once: int
) -> None:
    weights = tmp_path / "start.pt"
    weights.write_bytes(bytes(5_000_000))
    monkeypatch.setattr(side_by_side, "usable_cores", lambda: cores)
    monkeypatch.setattr(side_by_side, "usable_memory", lambda: 64e9)
    monkeypatch.setattr("torch.get_num_threads", lambda: 16)
    assert fit_at_once(trainings, weights, imgsz=320, batch=16) == at_once


def test_no_more_run_than_the_memory_holds(tmp_path: Path) -> None:
    weights = tmp_path / "start.pt"
    weights.write_bytes(bytes(5_000_000))
    assert fit_at_once(1, weights, imgsz=320, batch=16) == 1
    assert fit_at_once(3, weights, imgsz=100_000, batch=16) == 1  # a hundred terabytes
    assert fit_at_once(3, tmp_path / "gone.pt", imgsz=320, batch=16) == 1


def _runs(path: Path) -> bool:
    try:
        state = Path(f"/proc/{path.read_text()}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state != "Z"


def _wait_for(condition: object) -> None:
    assert callable(condition)
    for _ in range(300):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("waited in vain")
