"""Where figures are logged to, as `--log` names it: `tensorboard`, `mlflow=URI`, `wandb`, `clearml`, `comet`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from negmine.errors import ConfigError
from negmine.words import did_you_mean

Tracker = Literal["tensorboard", "mlflow", "wandb", "clearml", "comet"]
TRACKERS: tuple[Tracker, ...] = get_args(Tracker)
SINKS: tuple[Tracker, ...] = ("tensorboard", "mlflow")  # that negmine writes to itself


@dataclass(frozen=True, slots=True)
class LogTarget:
    """One place to log to.

    Attributes:
        tracker: which program reads it.
        where: the folder for TensorBoard, None for the usual one; the URI of MLflow's store.
    """

    tracker: Tracker
    where: str | None = None


def parse_log(texts: Sequence[str]) -> tuple[LogTarget, ...]:
    """Read `--log tensorboard,mlflow=sqlite:///mlflow.db`.

    Raises:
        ConfigError: for a tracker that is unknown, given twice, or lacks or has an address.
    """
    targets = [_parse(word.strip()) for text in texts for word in text.split(",") if word.strip()]
    names = [each.tracker for each in targets]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"--log names {twice} twice; leave one of them out")
    return tuple(targets)


def sinks_alone(targets: Sequence[LogTarget], why: str) -> None:
    """Refuse trackers that only Ultralytics' trainings report to.

    Args:
        targets: what was asked for.
        why: there are none, for the message.

    Raises:
        ConfigError: for the first of them.
    """
    other = next((each.tracker for each in targets if each.tracker not in SINKS), None)
    if other is not None:
        raise ConfigError(f"--log {other} is for trainings of Ultralytics, and {why}; use {' or '.join(SINKS)}")


def _parse(word: str) -> LogTarget:
    name, equals, where = word.partition("=")
    tracker = next((each for each in TRACKERS if each == name), None)
    if tracker is None:
        raise ConfigError(f"expected --log of {', '.join(TRACKERS)}, found {name!r}{did_you_mean(name, TRACKERS)}")
    if tracker == "mlflow" and not where:
        raise ConfigError("expected --log mlflow=URI, such as mlflow=sqlite:///mlflow.db or mlflow=http://host:5000")
    if tracker not in SINKS and equals:
        raise ConfigError(f"--log {tracker} takes no address, found {where!r}; {tracker} has settings of its own")
    return LogTarget(tracker, where or None)
