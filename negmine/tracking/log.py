"""Writing figures where TensorBoard and MLflow read them."""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from negmine.errors import ConfigError
from negmine.paths import printable
from negmine.tracking.config import LogTarget, Tracker
from negmine.tracking.ready import require_ready

_PACKAGES: Mapping[Tracker, tuple[str, str]] = {  # what is imported, and what is installed for it
    "tensorboard": ("tensorboard", "tensorboard"),
    "mlflow": ("mlflow", "mlflow-skinny"),
    "wandb": ("wandb", "wandb"),
    "clearml": ("clearml", "clearml"),
    "comet": ("comet_ml", "comet-ml"),
}
EXPERIMENT = "negmine"


@dataclass(frozen=True, slots=True)
class Point:
    """Figures at one step: those of a round, or of a model; what is None is left out."""

    step: int
    figures: Mapping[str, float | None]


def require_log(targets: Sequence[LogTarget]) -> None:
    """See that everything can be logged to, before hours of work.

    Raises:
        ConfigError: where a package is missing, a tracker is not set up, or MLflow's store cannot be reached.
    """
    for each in targets:
        module, package = _PACKAGES[each.tracker]
        if importlib.util.find_spec(module) is None:
            raise ConfigError(f"--log {each.tracker} needs a package that is not installed: pip install {package}")
        if each.tracker == "mlflow":
            _with_mlflow(each, lambda client: client.search_experiments(max_results=1))
        require_ready(each.tracker)


def log_points(targets: Sequence[LogTarget], run: str, points: Sequence[Point], folder: Path) -> None:
    """Write figures to TensorBoard and MLflow; other trackers are told by the trainings alone.

    Args:
        targets: where to.
        run: what the run is called.
        points: the figures, by step.
        folder: of TensorBoard's files, unless the target names one.

    Raises:
        ConfigError: where they cannot be written.
    """
    for each in targets:
        if each.tracker == "tensorboard":
            _to_tensorboard(Path(each.where or folder), points)
        elif each.tracker == "mlflow":
            _with_mlflow(each, lambda client: _to_mlflow(client, run, points))


def _to_tensorboard(folder: Path, points: Sequence[Point]) -> None:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    try:
        folder.mkdir(parents=True, exist_ok=True)
        writer = EventFileWriter(str(folder))
        for point in points:
            values = [Summary.Value(tag=name, simple_value=value) for name, value in _known(point).items()]
            writer.add_event(Event(wall_time=time.time(), step=point.step, summary=Summary(value=values)))
        writer.close()
    except OSError as error:
        raise ConfigError(
            f"--log tensorboard={printable(folder)} cannot be written: {error.strerror or error}"
        ) from error


def _to_mlflow(client: Any, run: str, points: Sequence[Point]) -> None:
    found = client.get_experiment_by_name(EXPERIMENT)
    experiment = client.create_experiment(EXPERIMENT) if found is None else found.experiment_id
    run_id = client.create_run(experiment, run_name=run).info.run_id
    for point in points:
        for name, value in _known(point).items():
            client.log_metric(run_id, name, value, step=point.step)
    client.set_terminated(run_id)


def _with_mlflow(target: LogTarget, work: Any) -> None:
    """Work with a client of MLflow, which reports no usage."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when it is imported
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    try:
        work(MlflowClient(tracking_uri=target.where))
    except (MlflowException, ImportError, OSError) as error:
        raise ConfigError(
            f"--log mlflow={printable(target.where or '')} cannot be used: {printable(str(error))[:300]}"
        ) from error


def _known(point: Point) -> dict[str, float]:
    return {name: float(value) for name, value in point.figures.items() if value is not None}
