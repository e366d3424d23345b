"""Settings and weights in, a trainer out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from negmine.detectors.torchvision.builders import is_torchvision
from negmine.detectors.torchvision.checkpoints import read_checkpoint
from negmine.training.base import CalibratingTrainer
from negmine.training.config import MAX_SEED, TrainConfig
from negmine.training.losses import Family, default_loss, family_of_builder
from negmine.training.soup import SoupTrainer

_SEEDS_APART = 100_003  # of the members of a soup, so that neighbouring seeds share no member
_BATCH, _REGIONS_BATCH = 16, 2


def family_of(weights: str | Path) -> Family:
    """The family of a detector, by the name of its weights or by what a checkpoint of torchvision says.

    Raises:
        WeightsError: for a checkpoint of torchvision that cannot be read.
    """
    if not is_torchvision(str(weights)):
        return Family.ULTRALYTICS
    return family_of_builder(read_checkpoint(Path(weights)).builder)


def open_trainer(config: TrainConfig, weights: str | Path | None = None) -> CalibratingTrainer:
    """The trainer of the framework that weights belong to.

    Args:
        config: of the training. The defaults of what it leaves open are 16 images a batch and the loss `ohem`, and 2
            images and `stock` for Faster R-CNN.
        weights: the detector to train; None for one of Ultralytics.

    Raises:
        ConfigError: for a device that is not there, or settings that the framework does not have.
        WeightsError: for a checkpoint of torchvision that cannot be read.
    """
    family = Family.ULTRALYTICS if weights is None else family_of(weights)
    train, average = _framework(family)
    if config.batch is None:
        needed = 1 + max(config.ratio, 1 / config.ratio) if config.ratio else 1
        batch = _REGIONS_BATCH if family is Family.FASTER_RCNN else _BATCH
        config = replace(config, batch=max(batch, math.ceil(needed)))
    config = replace(config, loss=config.loss or default_loss(family))
    seeds = [(config.seed + number * _SEEDS_APART) % (MAX_SEED + 1) for number in range(config.soup)]
    members = [train(replace(config, seed=seed)) for seed in seeds]
    return members[0] if len(members) == 1 else SoupTrainer(members, average)


def _framework(
    family: Family,
) -> tuple[Callable[[TrainConfig], CalibratingTrainer], Callable[[Sequence[Path], Path], None]]:
    """The trainer of a family, and what averages its checkpoints."""
    if family is Family.ULTRALYTICS:
        from negmine.training.ultralytics.trainer import UltralyticsTrainer, average_ultralytics

        return UltralyticsTrainer, average_ultralytics
    from negmine.training.torchvision.trainer import TorchvisionTrainer, average_torchvision

    return TorchvisionTrainer, average_torchvision
