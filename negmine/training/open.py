"""Settings in, a trainer out."""

from __future__ import annotations

from negmine.training.base import Trainer
from negmine.training.config import TrainConfig


def open_trainer(config: TrainConfig) -> Trainer:
    """The trainer of the framework that the weights are of; at present that is always Ultralytics."""
    from negmine.training.ultralytics import UltralyticsTrainer

    return UltralyticsTrainer(config)
