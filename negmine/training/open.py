"""Settings and weights in, a trainer out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from negmine.detectors.devices import open_device
from negmine.detectors.torchvision.builders import is_torchvision
from negmine.detectors.torchvision.checkpoints import read_checkpoint
from negmine.training import side_by_side
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
    """The trainer of the framework that weights belong to; of a soup, where `config` asks for one.

    Args:
        config: of the training. The defaults of what it leaves open are 16 images a batch and the loss `ohem`, and 2
            images and `stock` for Faster R-CNN.
        weights: the detector to train; None for one of Ultralytics.

    Raises:
        ConfigError: for a device that is not there, or settings that the framework does not have.
        WeightsError: for a checkpoint of torchvision that cannot be read.
    """
    members = open_members(config, weights, config.soup)
    return members[0] if len(members) == 1 else SoupTrainer(members)


def open_members(config: TrainConfig, weights: str | Path | None, count: int) -> tuple[CalibratingTrainer, ...]:
    """Several trainers that differ in their seeds alone, the first with that of `config`.

    Args:
        config: of each training; see `open_trainer`.
        weights: the detector to train; None for one of Ultralytics.
        count: how many, 1 or more.

    Raises:
        ConfigError: for a device that is not there, or settings that the framework does not have.
        WeightsError: for a checkpoint of torchvision that cannot be read.
    """
    family = Family.ULTRALYTICS if weights is None else family_of(weights)
    train, config = _framework(family), replace(config, batch=_batch(config, family))
    config = replace(config, loss=config.loss or default_loss(family))
    seeds = [(config.seed + number * _SEEDS_APART) % (MAX_SEED + 1) for number in range(count)]
    return tuple(train(replace(config, seed=seed)) for seed in seeds)


def fit_at_once(config: TrainConfig, weights: str | Path, trainings: int, *, imgsz: int) -> int:
    """How many of several trainings best run at the same time: one on a GPU; else see `side_by_side.fit_at_once`.

    Args:
        config: of each training; see `open_trainer`.
        weights: the detector to train.
        trainings: how many there are.
        imgsz: side of its input, pixels.
    """
    if open_device(config.device).type != "cpu":
        return 1
    return side_by_side.fit_at_once(trainings, Path(weights), imgsz=imgsz, batch=_batch(config, family_of(weights)))


def _batch(config: TrainConfig, family: Family) -> int:
    """Images of a step: as many as are asked for, else what the family takes and the ratio needs."""
    if config.batch is not None:
        return config.batch
    needed = 1 + max(config.ratio, 1 / config.ratio) if config.ratio else 1
    return max(_REGIONS_BATCH if family is Family.FASTER_RCNN else _BATCH, math.ceil(needed))


def _framework(family: Family) -> Callable[[TrainConfig], CalibratingTrainer]:
    """The trainer of a family."""
    if family is Family.ULTRALYTICS:
        from negmine.training.ultralytics.trainer import UltralyticsTrainer

        return UltralyticsTrainer
    from negmine.training.torchvision.trainer import TorchvisionTrainer

    return TorchvisionTrainer
