"""The settings of a training, their units and their ranges. Imports nothing heavy, so that `--help` can read them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from negmine.errors import ConfigError
from negmine.tracking.config import LogTarget
from negmine.training.losses import LOSSES

MAX_SEED = 2**32 - 2  # NumPy takes one more, and Ultralytics adds one
# What negmine decides itself: a value for it would be ignored, point the training at other files, or work against the
# batches that hold every image with objects and the negatives at a ratio.
_OURS = frozenset(
    "batch cfg classes data device epochs exist_ok fraction imgsz mode model name pretrained project rect resume "
    "save_dir seed single_cls split task time".split()
)


_LOWEST = {
    "steps": 1, "epochs": 1, "imgsz": 32, "batch": 2, "min_neg": 1, "soup": 1, "ohem_batch": 1, "workers": 0, "seed": 0,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """How a detector is trained further; the defaults are for fine-tuning, and were chosen by `benchmarks/retrain.py`.

    Attributes:
        loss: how the classification loss treats negatives, a name of `negmine.training.losses.LOSSES`; `stock` is the
            framework's own. None for `ohem`, and `stock` for Faster R-CNN.
        steps: optimizer steps of a training; None for the rule of `negmine.training.schedule.default_steps`.
        epochs: how often a training shows every image with objects; replaces `steps`.
        imgsz: longer side that images are resized to, pixels; None for what the weights were trained at.
        batch: images of one step; None for 16, and 2 for a Faster R-CNN.
        ratio: images without objects for each with objects, in every batch.
        neg_per_pos: hardest negative anchors for each positive one (`ohem`, `hard-negative`).
        min_neg: negative anchors kept at least in an image without objects (`ohem`, `hard-negative`).
        ohem_batch: regions of all images of a step together that a Faster R-CNN learns from (`ohem`, `heuristic`,
            `random`).
        ohem_nms: overlap above which only the harder of two of its regions can be chosen, 0 to 1; None for no
            suppression (`ohem`).
        bg_lo: overlap with an object from which a region without one may be drawn, 0 to 0.5 (`heuristic`).
        nms_iou: overlap above which only the harder of two negative anchors can be chosen, 0 to 1; None for no
            suppression (`ohem`).
        soup: trainings, each with another seed, whose weights are averaged (Wortsman et al., "Model soups", ICML 2022).
        device: `auto`, or what the framework takes: `cpu`, `0`, `cuda:1`, `mps`, ...
        seed: of the order of the images and of their augmentation.
        workers: processes that load images on a GPU; a CPU has none.
        trust_weights: open a pickle without checking what it would run.
        log: trackers that Ultralytics reports a training to; torchvision's trainings report to none.
        settings: any further arguments of the framework's training, over negmine's own choice.

    Raises:
        ConfigError: where a value is out of its range, or a setting is one that negmine decides.
    """

    loss: str | None = None
    steps: int | None = None
    epochs: int | None = None
    imgsz: int | None = None
    batch: int | None = None
    ratio: float = 1.0
    neg_per_pos: float = 3.0
    min_neg: int = 64
    ohem_batch: int = 128
    ohem_nms: float | None = 0.7
    bg_lo: float = 0.1
    nms_iou: float | None = None
    soup: int = 1
    device: str = "auto"
    seed: int = 0
    workers: int = 8
    trust_weights: bool = False
    log: tuple[LogTarget, ...] = ()
    settings: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.loss is not None and self.loss not in LOSSES:
            raise ConfigError(f"expected a loss of {', '.join(LOSSES)}, found {self.loss!r}")
        self._check_lowest()
        if self.seed > MAX_SEED:
            raise ConfigError(f"expected seed up to {MAX_SEED}, found {self.seed}")
        for name in ("ratio", "neg_per_pos"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ConfigError(f"expected {name} to be a number of 0 or more, found {value}")
        for name in ("nms_iou", "ohem_nms"):
            value = getattr(self, name)
            if value is not None and not 0 < value <= 1:
                raise ConfigError(f"expected {name} over 0 and up to 1, found {value}")
        if not 0 <= self.bg_lo <= 0.5:
            raise ConfigError(f"expected bg_lo from 0 to 0.5, found {self.bg_lo}")
        for name in self.settings:
            if name in _OURS:
                raise ConfigError(f"{name} cannot be set with --set: negmine decides it, or has an option for it")

    def _check_lowest(self) -> None:
        for name, low in _LOWEST.items():
            value = getattr(self, name)
            if value is not None and value < low:
                raise ConfigError(f"expected {name} of {low} or more, found {value}")
