"""Settings and weights in, a trainer out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from negmine.detectors.torchvision.builders import is_torchvision
from negmine.detectors.torchvision.checkpoints import is_regions
from negmine.training.base import Trainer
from negmine.training.config import MAX_SEED, TrainConfig
from negmine.training.soup import SoupTrainer

_SEEDS_APART = 100_003  # of the members of a soup, so that those of neighbouring seeds are others
_BATCH, _REGIONS_BATCH = 16, 2


def open_trainer(config: TrainConfig, weights: str | Path | None = None) -> Trainer:
    """The trainer of the framework that weights are of.

    Args:
        config: of the training. What it leaves open is 16 images a batch and the loss `ohem`, and 2 images and `stock`
            for a Faster R-CNN.
        weights: what is to be trained; their name, or what a checkpoint of torchvision says that it is, decides. Where
            None, Ultralytics.

    Raises:
        ConfigError: for a device that is not there, or settings that the framework does not have.
        WeightsError: for a checkpoint of torchvision that cannot be read.
    """
    train: Callable[[TrainConfig], Trainer]
    average: Callable[[Sequence[Path], Path], None]
    regions = False
    if weights is not None and is_torchvision(str(weights)):
        from negmine.training.torchvision.trainer import TorchvisionTrainer, average_torchvision

        train, average, regions = TorchvisionTrainer, average_torchvision, is_regions(Path(weights))
    else:
        from negmine.training.ultralytics.trainer import UltralyticsTrainer, average_ultralytics

        train, average = UltralyticsTrainer, average_ultralytics
    if config.batch is None:
        needed = 1 + max(config.ratio, 1 / config.ratio) if config.ratio else 1
        config = replace(config, batch=max(_REGIONS_BATCH if regions else _BATCH, math.ceil(needed)))
    if config.loss is None:
        config = replace(config, loss="stock" if regions else "ohem")
    seeds = [(config.seed + number * _SEEDS_APART) % (MAX_SEED + 1) for number in range(config.soup)]
    members = [train(replace(config, seed=seed)) for seed in seeds]
    return members[0] if len(members) == 1 else SoupTrainer(members, average)
