"""The port that every framework's trainer implements, and the training set that it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from negmine.errors import TrainingError
from negmine.files import write_file
from negmine.paths import printable
from negmine.plain_yaml import yaml_of
from negmine.training.calibration import Calibration


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """What a detector is trained on. Every image is at `.../images/...` with a YOLO label file at `.../labels/...`.

    Attributes:
        positives: images with objects.
        negatives: images without objects, hardest first; shown in turn at the ratio that the training has.
        val: images to validate on, with or without objects.
        class_names: by class id.
    """

    positives: tuple[Path, ...]
    negatives: tuple[Path, ...]
    val: tuple[Path, ...]
    class_names: tuple[str, ...]

    def write_lists(self, out: Path, *, channels: int = 3) -> Path:
        """Write a data.yaml, and lists of the images beside it; absolute, since Ultralytics resolves others elsewhere.

        Args:
            out: the folder.
            channels: of the images that the detector sees.

        Raises:
            TrainingError: for a path that a list cannot hold.
        """
        validated = self.val or self.positives  # Ultralytics insists on some
        for name, paths in (("train", (*self.positives, *self.negatives)), ("val", validated)):
            lines = [str(path.absolute()) for path in paths]
            broken = next((line for line in lines if len(line.splitlines()) != 1 or line != line.strip()), None)
            if broken is not None:
                raise TrainingError(f"{printable(broken)} cannot stand in a list of files; rename it")
            write_file(out / f"{name}.txt", "".join(f"{line}\n" for line in lines).encode(), durable=False)
        names = list(self.class_names)
        document: dict[str, object] = {
            "path": str(out.absolute()),
            "train": "train.txt",
            "val": "val.txt",
            "names": names,
        }
        document |= channels_entry(channels)
        data_yaml = out / "data.yaml"
        text = yaml_of(document)
        write_file(data_yaml, text.encode(), durable=False)  # not through a link that somebody left
        return data_yaml.absolute()


def channels_entry(channels: int) -> dict[str, int]:
    """What a data.yaml says of the channels of its images: nothing where they have three, as Ultralytics expects."""
    return {} if channels == 3 else {"channels": channels}


@dataclass(frozen=True, slots=True)
class TrainProgress:
    """The progress of a training.

    Attributes:
        step: optimizer steps that are done.
        steps: of the whole training.
        losses: mean of each part of the loss in the present pass over the images.
    """

    step: int
    steps: int
    losses: Mapping[str, float]


OnSteps = Callable[[TrainProgress], None]


@runtime_checkable
class Trainer(Protocol):
    """Fine-tunes a detector."""

    def check(self, weights: Path, class_names: Sequence[str]) -> None:
        """Say whether weights can be trained, before anything else is done.

        Args:
            weights: the detector.
            class_names: of the data, by class id.

        Raises:
            WeightsError: for weights that cannot be trained, or not with this loss.
            ConfigError: for settings that the framework refuses.
        """

    @property
    def trainings(self) -> int:
        """How many trainings `train` makes, one after the other."""

    def steps_of(self, data: TrainingSet) -> int:
        """The optimizer steps that `train` takes on some data, over all its trainings."""

    def train(
        self,
        weights: Path,
        data: TrainingSet,
        out: Path,
        *,
        steps: int | None = None,
        on_steps: OnSteps | None = None,
    ) -> Path:
        """Train in a folder of its own; resumes what a killed training left there.

        Args:
            weights: where to start; unchanged.
            data: what to train on.
            out: the folder.
            steps: optimizer steps of each training; None for those of its settings.
            on_steps: told after every step.

        Returns:
            The weights, a file in `out`.

        Raises:
            TrainingError: where the loss is NaN or infinite, memory or disk is full, or the images cannot be used.
        """

    def average(self, checkpoints: Sequence[Path], averaged: Path, *, shares: Sequence[float] | None = None) -> None:
        """Write the average of the weights of several checkpoints that were trained from the same start.

        Args:
            checkpoints: the first as `train` returns it; the others too, or what it was started from.
            averaged: where it is written, whole or not at all.
            shares: of each checkpoint in the average, 1 in all; None for equal ones.

        Raises:
            TrainingError: where it cannot be written.
        """


@runtime_checkable
class CalibratingTrainer(Trainer, Protocol):
    """A trainer that can also shift the class logits of weights; those of any other trainer keep their scores."""

    def calibrate(self, weights: Path, calibration: Calibration, calibrated: Path) -> None:
        """Write weights whose scores are moved.

        Within a class, detections stay in order. A detection that scored `calibration.score_before` of its class scores
        `calibration.conf`; where a head lets scores be moved exactly, each is moved by the shift of its class.

        Args:
            weights: a detector that `train` returned; unchanged.
            calibration: the shifts, by class id.
            calibrated: the file to write, whole or not at all; the same input gives the same bytes.

        Raises:
            WeightsError: where a head is not among those that are known.
            TrainingError: where the file cannot be written.
        """
