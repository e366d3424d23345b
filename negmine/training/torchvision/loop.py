"""The training loop for torchvision's detectors: settings, optimizer, learning rate, one pass."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from negmine.errors import ConfigError, TrainingError
from negmine.paths import printable

_NAMED = 8  # images of a bad batch that a message names


@dataclass(frozen=True, slots=True)
class Settings:
    """What `--set KEY=VALUE` sets; the defaults are for fine-tuning.

    Attributes:
        optimizer: `adamw` or `sgd`.
        lr0: learning rate at its highest.
        lrf: the last rate, as a share of `lr0`; from one to the other along a cosine.
        momentum: of SGD, and the first beta of AdamW.
        weight_decay: of all weights, but not of biases and normalisations.
        warmup: steps in which the rate rises from 0, at most a tenth of all.
        clip: largest norm of the gradient.
        frozen_norm: batch normalisation keeps its statistics; a batch of two images has none of its own.

    Raises:
        ConfigError: where a value is out of its range.
    """

    optimizer: str = "adamw"
    lr0: float = 0.0001
    lrf: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 0.0005
    warmup: int = 50
    clip: float = 10.0
    frozen_norm: bool = True

    def __post_init__(self) -> None:
        if self.optimizer not in ("adamw", "sgd"):
            raise ConfigError(f"expected optimizer=adamw or sgd in --set, found {self.optimizer!r}")
        for name in ("lr0", "lrf", "clip"):
            if not (_is_number(getattr(self, name)) and getattr(self, name) > 0):
                raise ConfigError(f"expected {name} over 0 in --set, found {getattr(self, name)!r}")
        for name in ("weight_decay", "warmup"):
            if not (_is_number(getattr(self, name)) and getattr(self, name) >= 0):
                raise ConfigError(f"expected {name} of 0 or more in --set, found {getattr(self, name)!r}")
        if not (_is_number(self.momentum) and 0 <= self.momentum < 1):
            raise ConfigError(f"expected momentum from 0 and under 1 in --set, found {self.momentum!r}")
        if not isinstance(self.frozen_norm, bool):
            raise ConfigError(f"expected frozen_norm=true or false in --set, found {self.frozen_norm!r}")

    @classmethod
    def of(cls, given: Any) -> Settings:
        """From a mapping of names to values.

        Raises:
            ConfigError: for an unknown name.
        """
        names = [field.name for field in fields(cls)]
        unknown = sorted(set(given) - set(names))
        if unknown:
            raise ConfigError(
                f"the training of torchvision's detectors has no setting {', '.join(unknown)}; there are "
                f"{', '.join(names)}"
            )
        return cls(**given)


def make_optimizer(model: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """An optimizer of all weights that require a gradient."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [each for each in parameters if each.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [each for each in parameters if each.ndim <= 1], "weight_decay": 0.0},
    ]
    if settings.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=settings.lr0, momentum=settings.momentum, nesterov=settings.momentum > 0)
    return torch.optim.AdamW(groups, lr=settings.lr0, betas=(settings.momentum, 0.999))


def rate_at(step: int, steps: int, warmup: int, settings: Settings) -> float:
    """The learning rate of a step, counted from 0."""
    cosine = (1 + math.cos(math.pi * step / max(steps, 1))) / 2
    rate = settings.lr0 * (settings.lrf + (1 - settings.lrf) * cosine)
    return rate * min((step + 1) / warmup, 1.0) if warmup else rate


def freeze_batch_norm(model: nn.Module) -> None:
    """Have batch normalisation use its running statistics and not update them."""
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()


def train_one_pass(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: Any,
    names: Sequence[Sequence[Path]],
    *,
    device: torch.device,
    rates: Sequence[float],
    settings: Settings,
    scaler: torch.amp.GradScaler,
    on_batch: Callable[[int, Mapping[str, float]], None] | None = None,
) -> dict[str, float]:
    """Train on every batch once.

    Args:
        model: gives a dictionary of losses in training.
        optimizer: of its weights.
        batches: of images and targets, as torchvision takes them.
        names: the images of each batch, for messages.
        device: where the model is.
        rates: the learning rate of each step.
        settings: clipping and normalisation.
        scaler: of the gradients in mixed precision; switched off on a CPU.
        on_batch: told how many batches are done, and the mean of each part of the loss so far.

    Returns:
        The mean of each part of the loss.

    Raises:
        TrainingError: where a loss is NaN or infinite, with the images of that batch.
    """
    model.train()
    if settings.frozen_norm:
        freeze_batch_norm(model)
    sums: dict[str, Tensor] = {}
    means: dict[str, float] = {}
    for done, ((images, targets), paths, rate) in enumerate(zip(batches, names, rates, strict=True), start=1):
        for group in optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast(device.type, enabled=scaler.is_enabled()):
            losses = model(
                [image.to(device, non_blocking=True) for image in images],
                [{name: value.to(device, non_blocking=True) for name, value in target.items()} for target in targets],
            )
            loss = torch.stack(list(losses.values())).sum()
        if not bool(torch.isfinite(loss)):
            raise TrainingError(_not_finite(paths))
        optimizer.zero_grad()
        scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
        scaler.step(optimizer)
        scaler.update()
        for name, value in losses.items():
            sums[name] = sums.get(name, torch.zeros((), device=device)) + value.detach().float()
        means = {name: float(value) / done for name, value in sums.items()}
        if on_batch is not None:
            on_batch(done, means)
    return means


def _not_finite(paths: Sequence[Path]) -> str:
    images = ", ".join(printable(path.name) for path in paths[:_NAMED])
    more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
    return (
        f"the loss is NaN or infinite on the batch of {images}{more}; look at these images, or train with a lower "
        "rate (--set lr0=0.00001)"
    )


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
