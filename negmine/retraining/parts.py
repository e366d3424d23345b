"""All that rounds are made with, put together once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from negmine.detectors.base import Detector
from negmine.detectors.config import DetectorConfig
from negmine.retraining.config import RetrainConfig
from negmine.retraining.layout import Layout, Placed
from negmine.retraining.measuring import Yardstick
from negmine.retraining.selection import Measured
from negmine.training.base import Trainer

OnStep = Callable[[str], None]
OnProgress = Callable[[str, int, int], None]  # what, how many are done, of how many
OpenDetector = Callable[[DetectorConfig], Detector]


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """All that rounds are made with.

    Attributes:
        layout: where everything goes.
        config: the settings.
        start: the weights to begin with.
        bank: the bank's folder.
        detector: how to open a detector; its weights and score are set for each use.
        class_names: of the model, by class id.
        placed: the labelled images, as they are trained on.
        mined: backgrounds.
        hashes: perceptual hashes of pictures, by sha256.
        measured: what must not be trained on.
        yardstick: what rounds are measured on.
        trainer: trains.
        open_detector: opens detectors.
        on_step: told in words what begins now.
        on_progress: told how far it is.
        clock: seconds.
    """

    layout: Layout
    config: RetrainConfig
    start: Path
    bank: Path
    detector: DetectorConfig
    class_names: tuple[str, ...]
    placed: Placed
    mined: tuple[Path, ...]
    hashes: Mapping[str, int]
    measured: Measured
    yardstick: Yardstick
    trainer: Trainer
    open_detector: OpenDetector
    on_step: OnStep
    on_progress: OnProgress
    clock: Callable[[], float]

    def step(self, number: int, text: str) -> None:
        """Say what begins now."""
        self.on_step(f"round {number} of up to {self.config.rounds}: {text}" if number else f"the start: {text}")
