"""Errors of the trackers that Ultralytics reports a training to: each has errors of its own, which have no root."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from traceback import walk_tb

from negmine.detectors.ultralytics.loading import one_line
from negmine.errors import TrainingError
from negmine.paths import printable
from negmine.tracking.config import TRACKERS, Tracker

_CALLBACKS = "ultralytics.utils.callbacks"
_MODULES: Mapping[str, Tracker] = {f"{_CALLBACKS}.{'wb' if each == 'wandb' else each}": each for each in TRACKERS}


@contextmanager
def tracker_errors(out: Path) -> Iterator[None]:
    """Turn what a tracker raises in the middle of a training into one line that names it; leave other errors alone.

    Args:
        out: the folder of the training.

    Raises:
        TrainingError: for an error that was raised in a callback of a tracker.
    """
    try:
        yield
    except Exception as error:
        tracker = failing_tracker(error)
        if tracker is None:
            raise
        raise TrainingError(
            f"--log {tracker} stopped the training in {printable(out)}: {one_line(error)}; continue with --resume, "
            f"without --log {tracker} or once {tracker} works again"
        ) from error


def failing_tracker(error: BaseException) -> Tracker | None:
    """The tracker in whose callback an error was raised; None for any other error."""
    modules = (str(frame.f_globals.get("__name__")) for frame, _ in walk_tb(error.__traceback__))
    return next((_MODULES[module] for module in modules if module in _MODULES), None)
