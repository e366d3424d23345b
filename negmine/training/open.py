"""Settings in, a trainer out."""

from __future__ import annotations

from dataclasses import replace

from negmine.training.base import Trainer
from negmine.training.config import MAX_SEED, TrainConfig
from negmine.training.soup import SoupTrainer

_SEEDS_APART = 100_003  # of the members of a soup, so that those of neighbouring seeds are others


def open_trainer(config: TrainConfig) -> Trainer:
    """The trainer of the framework that the weights are of; at present that is always Ultralytics."""
    from negmine.training.ultralytics import UltralyticsTrainer, average

    seeds = [(config.seed + number * _SEEDS_APART) % (MAX_SEED + 1) for number in range(config.soup)]
    members = [UltralyticsTrainer(replace(config, seed=seed)) for seed in seeds]
    return members[0] if len(members) == 1 else SoupTrainer(members, average)
