"""Several trainings at the same time, each in a process of its own with its share of the cores.

On a CPU, a small detector keeps several cores busy far better with a training on each than with one on all of them: two
cores train 1.4 times as many steps. Which trainings share the machine does not change what each ends with.
"""

from __future__ import annotations

import json
import math
import os
import pickle
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import IO

from negmine.cores import usable_cores, usable_memory
from negmine.engines.threads import ThreadEngine
from negmine.errors import TrainingError
from negmine.paths import printable
from negmine.training.base import OnSteps, Trainer, TrainingSet, TrainProgress

_PROCESS = 0.8e9  # bytes of a process with torch and Ultralytics
_PER_PIXEL = 900.0  # bytes a training holds for each pixel of a batch, with a checkpoint of this size:
_SMALL_CHECKPOINT = 5.5e6  # bytes, YOLO11n
_SHARE_OF_MEMORY = 0.6
_SPEED_UP = 0.55  # of a training by its threads, as a power; two make it 1.47 times as fast
_START = "import sys, json; sys.path[:] = json.loads(sys.argv[1]); from negmine.training.child import main; main()"


@dataclass(frozen=True, slots=True)
class Training:
    """One training, as `Trainer.train` takes it.

    Attributes:
        trainer: trains; can be pickled where several train at once.
        weights: where to start.
        data: what to train on.
        out: the folder.
        steps: optimizer steps; None for those of the trainer's settings.
    """

    trainer: Trainer
    weights: Path
    data: TrainingSet
    out: Path
    steps: int | None = None

    @property
    def all_steps(self) -> int:
        """Optimizer steps that it takes."""
        return self.trainer.steps_of(self.data) if self.steps is None else self.steps * self.trainer.trainings

    def run(self, on_steps: OnSteps | None = None) -> Path:
        """Train; see `Trainer.train`."""
        return self.trainer.train(self.weights, self.data, self.out, steps=self.steps, on_steps=on_steps)


def train_all(trainings: Sequence[Training], *, at_once: int = 1, on_steps: OnSteps | None = None) -> list[Path]:
    """Make several trainings, in processes of their own where more than one runs at once.

    Args:
        trainings: each with a folder of its own.
        at_once: how many run at the same time, and share the cores; see `fit_at_once`.
        on_steps: told after every step of any, from any thread: the steps of all together.

    Returns:
        The weights of each.

    Raises:
        TrainingError: where one fails, or its process is killed; the others are stopped, and resume where they were.
    """
    count = _Count([training.all_steps for training in trainings], on_steps)
    if at_once < 2:
        return [training.run(count.of(number)) for number, training in enumerate(trainings)]
    children = _Children(threads=max(_cores() // at_once, 1), count=count)
    with ThreadEngine(at_once, name="negmine-training") as engine:
        try:
            return list(engine.map(children.train, list(enumerate(trainings)), ahead=len(trainings)))
        except BaseException as error:
            children.stop()
            if children.failure is not None and error is not children.failure:
                raise children.failure from None  # the others only ended because of it
            raise


def fit_at_once(trainings: int, weights: Path, *, imgsz: int, batch: int) -> int:
    """How many trainings on a CPU best run at the same time, of as many as the memory holds.

    The answer depends on the machine alone, not on what else it does, since the last digits of weights depend on the
    number of threads.

    Args:
        trainings: that are to be made.
        weights: of the detector.
        imgsz: side of its input, pixels.
        batch: images of a step.
    """
    try:
        size = weights.stat().st_size
    except OSError:
        return 1
    each = _PROCESS + _PER_PIXEL * batch * imgsz**2 * max(math.sqrt(size / _SMALL_CHECKPOINT), 1.0)
    fit = int(_SHARE_OF_MEMORY * usable_memory() / each) if sys.executable else 1
    cores = _cores()
    most = max(min(trainings, 2 * cores, fit), 1)
    return min(range(1, most + 1), key=lambda at_once: _time(trainings, at_once, cores))


def _time(trainings: int, at_once: int, cores: int) -> float:
    """How long some trainings take, where one on a single core takes 1."""
    threads = max(cores // at_once, 1)
    full, rest = divmod(trainings, at_once)
    groups = [at_once] * full + [rest] * (rest > 0)
    speeds = [min(group * math.pow(threads, _SPEED_UP), cores) for group in groups]
    return sum(group / speed for group, speed in zip(groups, speeds, strict=True))


def _cores() -> int:
    """Those that torch may use here, which a user may have limited."""
    import torch

    return min(usable_cores(), torch.get_num_threads())


class _Count:
    """Adds up the steps of several trainings.

    Args:
        steps: of each, as planned.
        on_steps: told.
    """

    def __init__(self, steps: Sequence[int], on_steps: OnSteps | None) -> None:
        self._steps, self._done = list(steps), [0] * len(steps)
        self._on_steps, self._lock = on_steps, Lock()

    def of(self, number: int) -> OnSteps | None:
        """Who is told of one of them."""
        if self._on_steps is None:
            return None

        def tell(now: TrainProgress) -> None:
            with self._lock:
                self._steps[number], self._done[number] = now.steps, now.step
                assert self._on_steps is not None
                self._on_steps(TrainProgress(sum(self._done), sum(self._steps), now.losses))

        return tell


class _Children:
    """The processes that train.

    Args:
        threads: of each.
        count: told of their steps.
    """

    def __init__(self, *, threads: int, count: _Count) -> None:
        self._threads, self._count = threads, count
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped, self._lock = False, Lock()
        self.failure: Exception | None = None  # the first

    def train(self, numbered: tuple[int, Training]) -> Path:
        """Make one training, and wait for it; where it fails, all end."""
        number, training = numbered
        tell = self._count.of(number)
        process = self._start()
        assert process.stdin is not None and process.stdout is not None
        with process:  # its input stays open: the process ends when this one is gone
            try:
                process.stdin.write(pickle.dumps((self._threads, training)))
                process.stdin.flush()
            except OSError:  # it died; what it says, or does not, tells why
                pass
            try:
                result = _heard(process.stdout, tell)
            finally:
                self._end(process)
        if isinstance(result, Path):
            return result
        error = result or TrainingError(
            f"the training in {printable(training.out)} was stopped from outside (exit status {process.returncode}), "
            "perhaps for want of memory; use a smaller --batch or --folds 1, then continue with --resume"
        )
        with self._lock:
            if not self._stopped:
                self.failure = self.failure or error
        self.stop()
        raise error

    def stop(self) -> None:
        """End them all; what they keep after each pass stays."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                process.kill()

    def _start(self) -> subprocess.Popen[bytes]:
        environment = os.environ | {"OMP_NUM_THREADS": str(self._threads)}
        modules = json.dumps([entry or str(Path.cwd()) for entry in sys.path])
        with self._lock:
            if self._stopped:
                raise TrainingError("the trainings were stopped")
            process = subprocess.Popen(
                [sys.executable, "-P", "-c", _START, modules],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment,
            )
            self._running.add(process)
        return process

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        with self._lock:
            self._running.discard(process)


def _heard(replies: IO[bytes], tell: OnSteps | None) -> Path | Exception | None:
    """What a process says: its steps, then the weights or an error; None where it died without a word."""
    while True:
        try:
            reply = pickle.load(replies)  # from a process of ours
        except (EOFError, pickle.UnpicklingError, OSError):
            return None
        if not isinstance(reply, TrainProgress):
            assert isinstance(reply, (Path, Exception))
            return reply
        if tell is not None:
            tell(reply)
