"""A training reports to the trackers that were asked for, and one that fails is named in one line."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from blobs import draw
from firing import write_firing_checkpoint

from negmine.errors import TrainingError
from negmine.tracking.config import parse_log
from negmine.training.base import TrainingSet
from negmine.training.config import TrainConfig
from negmine.training.open import open_trainer
from negmine.training.ultralytics.trackers import tracker_errors

CONFIG = TrainConfig(loss="stock", steps=4, batch=2, imgsz=64, device="cpu", soup=1)
_TRAIN = """
import pickle, sys
from negmine.errors import TrainingError
from negmine.training.open import open_trainer
data, weights, out, config = pickle.load(sys.stdin.buffer)
try:
    open_trainer(config, weights).train(weights, data, out)
except TrainingError as error:
    sys.exit(str(error))
"""
# Stands in for the package, whose server cannot be reached any more once the first epoch has been reported.
_WANDB = """
__version__ = "0"
run = None

class CommError(Exception): pass
class Config:
    def setdefaults(self, values): pass
class Run:
    logged = 0
    config = Config()
    def define_metric(self, *_, **__): pass
    def log(self, *_, **__):
        Run.logged += 1
        if Run.logged > 5:
            raise CommError("Run initialization has timed out\\nafter 90 s")

def init(**_):
    global run
    run = Run()
def finish(**_): pass
"""


@pytest.fixture
def data(tmp_path: Path) -> TrainingSet:
    """Two pictures with a square, and two without."""
    pictures = [draw(tmp_path / "images" / f"{number}.png", size_wh=(64, 64), seed=number) for number in range(4)]
    (tmp_path / "labels").mkdir()
    for number in range(4):
        (tmp_path / "labels" / f"{number}.txt").write_text("" if number > 1 else "0 0.5 0.5 0.5 0.5\n")
    return TrainingSet(tuple(pictures[:2]), tuple(pictures[2:]), tuple(pictures[:1]), ("square",))


def trained(data: TrainingSet, folder: Path, log: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """Train in a process of its own, since Ultralytics reports to none where it sees pytest."""
    weights = folder / "start.pt"
    if not weights.exists():
        write_firing_checkpoint(weights, names=("square",))
    (folder / "packages").mkdir(exist_ok=True)
    (folder / "packages" / "wandb.py").write_text(_WANDB)
    config = replace(CONFIG, log=parse_log(log))
    environment = {name: each for name, each in os.environ.items() if "PYTEST" not in name}
    paths = [str(folder / "packages"), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-c", _TRAIN], input=pickle.dumps((data, weights, folder / "out", config)),
        capture_output=True, check=False, env={**environment, "PYTHONPATH": os.pathsep.join(paths)},
    )  # fmt: skip
    return subprocess.CompletedProcess([], done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.mark.parametrize(("module", "tracker"), [("wb", "wandb"), ("mlflow", "mlflow"), ("comet", "comet")])
def test_an_error_in_the_callback_of_a_tracker_names_it(tmp_path: Path, module: str, tracker: str) -> None:
    namespace = {"__name__": f"ultralytics.utils.callbacks.{module}"}
    exec("def report():\n    raise Exception('no answer\\nfrom the server')\n", namespace)
    said = rf"^--log {tracker} stopped .*: Exception: no answer; continue with --resume, without --log {tracker} or"
    with pytest.raises(TrainingError, match=said), tracker_errors(tmp_path):
        namespace["report"]()  # type: ignore[operator]


def test_another_error_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), tracker_errors(tmp_path):
        _ = 1 / 0


@pytest.mark.slow
@pytest.mark.parametrize("log", [(), ("tensorboard",)])
def test_a_training_reports_to_the_trackers_that_were_asked_for(
    data: TrainingSet, tmp_path: Path, log: tuple[str, ...]
) -> None:
    pytest.importorskip("tensorboard", reason="TensorBoard is not installed: pip install tensorboard")
    done = trained(data, tmp_path, log)
    assert done.returncode == 0, done.stderr
    files = list(tmp_path.rglob("events.out.tfevents.*"))
    assert bool(files) == bool(log)
    if log:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        tags = EventAccumulator(str(files[0].parent)).Reload().Tags()["scalars"]
        assert "train/cls_loss" in tags


@pytest.mark.slow
def test_a_tracker_that_fails_in_a_training_is_one_line_and_the_training_goes_on_without(
    data: TrainingSet, tmp_path: Path
) -> None:
    failed = trained(data, tmp_path, ("wandb",))
    assert failed.returncode == 1 and "Traceback" not in failed.stderr
    last = failed.stderr.splitlines()[-1]
    assert last.startswith("--log wandb stopped the training in") and "CommError: Run initialization" in last
    told = list[int]()
    open_trainer(CONFIG, tmp_path / "start.pt").train(
        tmp_path / "start.pt", data, tmp_path / "out", on_steps=lambda each: told.append(each.step)
    )
    assert told[-1] == 4 and told[0] > 1, "what was trained before is not trained again"
