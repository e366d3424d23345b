"""All that the rounds of a retraining are made with, put together once by `prepare`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from negmine.detectors.base import Detector
from negmine.detectors.config import DetectorConfig
from negmine.evaluating.data import EvalImages
from negmine.images.contents import OnCount
from negmine.retraining.config import RetrainConfig
from negmine.retraining.folder import RetrainFolder
from negmine.retraining.training_set import PlacedImages
from negmine.trainable import KnownImages
from negmine.training.base import Trainer

OnStep = Callable[[str], None]
OnProgress = Callable[[str, int, int], None]  # what, how many are done, of how many
OpenDetector = Callable[[DetectorConfig], Detector]


@dataclass(frozen=True, slots=True, eq=False)
class Ports:
    """What a caller may replace: who trains, what opens weights as a detector, and a clock in seconds."""

    trainer: Trainer
    open_detector: OpenDetector
    clock: Callable[[], float]


@dataclass(frozen=True, slots=True, eq=False)
class Listener:
    """Who is told what begins now, in words, and how far it is."""

    on_step: OnStep
    on_progress: OnProgress

    def counts(self, what: str) -> OnCount:
        """A function that is told how many are done, of how many."""
        return lambda done, total: self.on_progress(what, done, total)


@dataclass(frozen=True, slots=True, eq=False)
class RunData:
    """The images of a retraining.

    Attributes:
        class_names: of the model, by class id.
        channels: of the images that the model sees, 3 or 1.
        images: the labelled images, as they are trained on.
        mined: backgrounds that are scanned for negatives.
        known: what is held out, and what the labels say: no negative may contradict it.
        hashes: perceptual hashes of all images that were read, by sha256.
        measured: what every round is measured on.
        groups: the group of each of those images, by sha256: images that belong together.
    """

    class_names: tuple[str, ...]
    channels: int
    images: PlacedImages
    mined: tuple[Path, ...]
    known: KnownImages
    hashes: Mapping[str, int]
    measured: EvalImages
    groups: Mapping[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A retraining.

    Attributes:
        folder: where everything goes.
        config: the settings.
        bank: the bank's folder.
        detector: the start weights and how they are opened; weights and score are replaced for each use.
        data: the images.
        ports: the trainer and the like.
        listener: who is told how far it is.
    """

    folder: RetrainFolder
    config: RetrainConfig
    bank: Path
    detector: DetectorConfig
    data: RunData
    ports: Ports
    listener: Listener

    def step(self, number: int, text: str) -> None:
        """Say what begins now in a round; round 0 is the start."""
        self.listener.on_step(
            f"round {number} of up to {self.config.rounds}: {text}" if number else f"the start: {text}"
        )
