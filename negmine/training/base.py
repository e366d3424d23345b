"""The port that every framework that trains is behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """What a detector is trained on. Every image is at `.../images/...` with a YOLO label file at `.../labels/...`.

    Attributes:
        positives: images with objects; each is shown once an epoch.
        negatives: images without objects, hardest first; shown in turn at the ratio that the training has.
        val: images to validate on, with or without objects.
        class_names: by class id.
    """

    positives: tuple[Path, ...]
    negatives: tuple[Path, ...]
    val: tuple[Path, ...]
    class_names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EpochEnd:
    """How far a training is.

    Attributes:
        epoch: the one that ended, from 1.
        epochs: of the whole training.
        losses: mean of each part of the loss over the epoch.
    """

    epoch: int
    epochs: int
    losses: Mapping[str, float]


OnEpoch = Callable[[EpochEnd], None]


@runtime_checkable
class Trainer(Protocol):
    """Trains a detector further."""

    def check(self, weights: Path, class_names: Sequence[str]) -> None:
        """Say whether weights can be trained, before anything else is done.

        Args:
            weights: the detector.
            class_names: of the data, by class id.

        Raises:
            WeightsError: for weights that cannot be trained, or not with this loss.
            ConfigError: for settings that the framework refuses.
        """

    def train(self, weights: Path, data: TrainingSet, out: Path, *, on_epoch: OnEpoch | None = None) -> Path:
        """Train, in a folder of its own; what a killed training left there is gone on with.

        Args:
            weights: where to start; left as they are.
            data: what to train on.
            out: the folder.
            on_epoch: told after each epoch.

        Returns:
            The weights, a file in `out`.

        Raises:
            TrainingError: where the loss is no number, memory or disk is full, or the images cannot be used.
        """
