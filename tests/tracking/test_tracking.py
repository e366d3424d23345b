"""`--log`: what it names, and figures read back by the readers of TensorBoard and MLflow."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from negmine.errors import ConfigError
from negmine.tracking.config import LogTarget, parse_log, sinks_alone
from negmine.tracking.log import Point, log_points, require_log

POINTS = [Point(0, {"round/fppi": 1.5, "round/lamr": None}), Point(1, {"round/fppi": 0.25})]


def test_nothing_is_logged_unless_asked(tmp_path: Path) -> None:
    assert parse_log([]) == ()
    require_log([])
    log_points([], "eval", POINTS, tmp_path / "log")
    assert not (tmp_path / "log").exists()


def test_trackers_with_and_without_an_address() -> None:
    assert parse_log(["tensorboard, mlflow=sqlite:///a.db", "wandb"]) == (
        LogTarget("tensorboard"),
        LogTarget("mlflow", "sqlite:///a.db"),
        LogTarget("wandb"),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tensorbord", "did you mean 'tensorboard'"),
        ("mlflow", "expected --log mlflow=URI"),
        ("wandb=x", "takes no address"),
        ("tensorboard,tensorboard=x", "names tensorboard twice"),
    ],
)
def test_what_names_no_tracker_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_log([text])


def test_a_tracker_of_trainings_alone_is_refused_elsewhere() -> None:
    sinks_alone(parse_log(["tensorboard"]), "an evaluation has none")
    with pytest.raises(ConfigError, match="--log comet is for trainings of Ultralytics, and an evaluation has none"):
        sinks_alone(parse_log(["comet"]), "an evaluation has none")


def test_a_package_that_is_missing_is_named() -> None:
    pytest.importorskip("torch")
    missing = next(
        (name for name, module in (("clearml", "clearml"), ("comet", "comet_ml")) if not _is_there(module)), None
    )
    if missing is None:
        pytest.skip("all trackers are installed")
    with pytest.raises(ConfigError, match=f"--log {missing} needs a package that is not installed: pip install"):
        require_log(parse_log([missing]))


def _is_there(module: str) -> bool:
    import importlib.util

    return importlib.util.find_spec(module) is not None


def test_tensorboard_reads_the_figures(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="TensorBoard is not installed: pip install tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log_points(parse_log(["tensorboard"]), "retrain", POINTS, tmp_path / "log")
    found = EventAccumulator(str(tmp_path / "log")).Reload()
    assert found.Tags()["scalars"] == ["round/fppi"]
    assert [(each.step, each.value) for each in found.Scalars("round/fppi")] == [(0, 1.5), (1, 0.25)]


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="TensorBoard is not installed: pip install tensorboard")
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        log_points(parse_log([f"tensorboard={tmp_path / 'file'}"]), "eval", POINTS, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("store", ["store", "store.db"])
def test_mlflow_reads_the_figures(tmp_path: Path, store: str) -> None:
    """In a process of its own: MLflow brings warnings of other packages."""
    pytest.importorskip("mlflow", reason="MLflow is not installed: pip install mlflow-skinny")
    if store.endswith(".db"):
        pytest.importorskip("alembic", reason="MLflow has no database: pip install sqlalchemy alembic")
    uri = f"sqlite:///{tmp_path / store}" if store.endswith(".db") else (tmp_path / store).as_uri()
    script = """
import sys
from negmine.tracking.config import parse_log
from negmine.tracking.log import Point, log_points, require_log
uri = sys.argv[1]
targets = parse_log([f"mlflow={uri}"])
require_log(targets)
points = [Point(0, {"round/fppi": 1.5, "round/lamr": None}), Point(1, {"round/fppi": 0.25})]
log_points(targets, "retrain", points, None)
from mlflow.tracking import MlflowClient
client = MlflowClient(tracking_uri=uri)
(run,) = client.search_runs([client.get_experiment_by_name("negmine").experiment_id])
assert (run.info.run_name, run.info.status) == ("retrain", "FINISHED"), run
history = client.get_metric_history(run.info.run_id, "round/fppi")
assert [(each.step, each.value) for each in history] == [(0, 1.5), (1, 0.25)], history
"""
    done = subprocess.run(
        [sys.executable, "-c", script, uri], capture_output=True, text=True, check=False, cwd=tmp_path,
        env={**os.environ, "MLFLOW_ALLOW_FILE_STORE": "true"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
