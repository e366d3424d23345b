"""A training in a process of its own, which `side_by_side` starts; it ends with its parent, however that ends."""

from __future__ import annotations

import os
import pickle
import signal
import sys
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import cv2

from negmine.errors import NegmineError, TrainingError

if TYPE_CHECKING:
    from negmine.training.base import OnSteps, TrainProgress
    from negmine.training.side_by_side import Training


def main() -> None:
    """Read the training from standard input, make it, and write its progress and its end to standard output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started this one decides
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever else prints
    threads, training = pickle.load(sys.stdin.buffer)
    Thread(target=_end_with_parent, daemon=True).start()

    def say(reply: TrainProgress | Path | Exception) -> None:
        replies.write(pickle.dumps(reply))
        replies.flush()

    say(_trained(threads, training, say))


def _trained(threads: int, training: Training, on_steps: OnSteps) -> Path | Exception:
    """The weights, or what went wrong."""
    cv2.setNumThreads(threads)  # torch takes its own from the environment
    try:
        return training.run(on_steps)
    except NegmineError as error:
        return error
    except Exception as error:
        return TrainingError(f"{type(error).__name__}: {error}")


def _end_with_parent() -> None:
    """Nobody writes to this process any more; where reading ends, the one that started it is gone."""
    sys.stdin.buffer.read()
    os._exit(1)
