"""The settings of a retraining, their units and ranges. Imports nothing heavy, so that `--help` can read them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal, get_args

from negmine.datasets.config import LabelConfig
from negmine.detectors.tiling.config import TileConfig
from negmine.errors import ConfigError
from negmine.evaluating.config import EvalConfig
from negmine.grouping import NEAR_DUPLICATE, GroupBy
from negmine.mining.config import CropConfig
from negmine.ratios.target import Ratio
from negmine.tracking.config import LogTarget
from negmine.training.config import TrainConfig

VariantRecipe = Literal["mild", "field"]
DEFAULT_OUT = "negmine-retrain"
DEFAULT_HOLDOUT = 0.2
_MAY_CHANGE = ("device", "workers", "trust_weights", "log")  # when a run is resumed
START_SHARES = (0.25, 0.5)  # of the start in the blends
_MIN_VISIBLE = 0.3  # of an object in a tile
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0}  # of a budget
_DERIVED = ("ratio",)  # of the training; the retraining's own replaces it


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainConfig:
    """How a detector is retrained on its own false positives.

    Attributes:
        rounds: of scanning, choosing, training and measuring; fewer where they stop helping. None for 2, or 1 with
            folds, where a round is several trainings.
        budget: seconds that all rounds and blends may take; decides on the steps of each training. None for the
            training's own.
        ratio: positive to negative images of each batch.
        negatives: different negatives that a training draws from, where the bank has them and the ratio asks for fewer.
        conf: the score from which a detection counts: the recall that it gives the start is the one to keep.
        mine_conf: the score from which a detection on a mined background makes a negative, where `conf` is not lower.
            Low, because a detector that must find more targets is used at a lower score, and because a retrained one
            has little left above `conf` to learn from.
        holdout: share of the backgrounds to hold out, over 0 and under 1; where the data has no split to validate on,
            also the share of its labelled images. None for `DEFAULT_HOLDOUT`.
        folds: parts that the backgrounds are divided into, and the labelled images where the data has no split to
            validate on. With two or more, a round trains a member for each, on all others, measures each on the part
            that it never saw, and averages their weights; nothing else is held out, and `train.soup` does not apply.
            None for 3 where under 200 images with objects are trained on, and neither a share nor an image to hold out
            is asked for, nor a soup; else 1.
        group_by: what belongs together and is never split between training and measuring, besides near-duplicates; see
            `GroupBy`.
        max_recall_loss: how much recall may be lost, of 1.
        min_gain: share by which a round must lower the false positives: it is the last where the evidence says that it
            does not.
        blend: also measure averages of the start's weights and those of the best round, once all rounds are made.
        calibrate: shift the scores of trained weights so that they find at `conf` what the start finds there, less
            `max_recall_loss`; a trainer that cannot do that is asked for nothing.
        stop_early: whether a round that is shown to be worse or to gain too little is the last, and the second in a row
            without an improvement; the best round is the result either way.
        max_per_source: most negatives of one source image in a training.
        near_bits: negatives whose perceptual hashes differ in so many bits or fewer are near-duplicates; the hardest
            of them is trained on first, and others where places are left, no more of them than differ.
        accept_flicker: train on flickers of the bank about which nobody decided, too.
        variants: make variants where there are too few negatives.
        max_variants: most variants of one negative.
        variant_recipe: what they are drawn from: `mild` blurs, sharpens, smooths and changes the contrast; `field` is
            the recipe of `negmine augment`.
        labels: how the labels of the data are understood.
        crop: what is cut out around a false positive.
        train: settings of each training. The split and the variants use its seed too; its ratio is ignored.
        workers: threads that read images; one per core where None.
        log: where figures of rounds and trainings are logged to.
        tiles: scan, measure and train on tiles of the images too; None for whole images alone.
        min_visible: share of an object that must be inside a tile for its part to be trained on, over 0, up to 1. What
            shows less of an object is not trained on.

    Raises:
        ConfigError: where a value is out of its range.
    """

    rounds: int | None = None
    budget: float | None = None
    ratio: str = "1:1"
    negatives: int = 200
    conf: float = 0.25
    mine_conf: float = 0.05
    holdout: float | None = None
    folds: int | None = None
    group_by: str = NEAR_DUPLICATE
    max_recall_loss: float = 0.01
    min_gain: float = 0.05
    blend: bool = True
    calibrate: bool = True
    stop_early: bool = True
    max_per_source: int = 3
    near_bits: int = 4
    accept_flicker: bool = False
    variants: bool = True
    max_variants: int = 4
    variant_recipe: VariantRecipe = "mild"
    labels: LabelConfig = field(default_factory=LabelConfig)
    crop: CropConfig = field(default_factory=lambda: CropConfig(crop="image"))
    train: TrainConfig = field(default_factory=TrainConfig)
    workers: int | None = None
    log: tuple[LogTarget, ...] = ()
    tiles: TileConfig | None = None
    min_visible: float = _MIN_VISIBLE

    def __post_init__(self) -> None:
        ratio, batch = float(Ratio.parse(self.ratio).per_positive), self.train.batch
        needed = 1 + max(ratio, 1 / ratio)
        if batch is not None and needed > batch:
            raise ConfigError(
                f"a batch of {batch} cannot hold images with and without objects at {self.ratio}; expected a batch of "
                f"{math.ceil(needed)} or more, or another ratio"
            )
        EvalConfig(conf=self.conf)  # checks the range
        if not (math.isfinite(self.mine_conf) and 0 < self.mine_conf <= 1):
            raise ConfigError(f"expected a mine_conf over 0, up to 1, found {self.mine_conf}")
        if self.budget is not None:
            if not (math.isfinite(self.budget) and self.budget > 0):
                raise ConfigError(f"expected a budget over 0 seconds, found {self.budget}")
            if self.train.steps is not None or self.train.epochs is not None:
                raise ConfigError("expected a budget, or steps or epochs, not both: the budget decides on the steps")
        GroupBy(self.group_by)  # checks it
        for name in ("max_recall_loss", "min_gain"):
            value = getattr(self, name)
            if not (math.isfinite(value) and 0 <= value < 1):
                raise ConfigError(f"expected {name} of 0 or more and under 1, found {value}")
        if self.holdout is not None and not (math.isfinite(self.holdout) and 0 < self.holdout < 1):
            raise ConfigError(
                f"expected a holdout over 0 and under 1, found {self.holdout}; false positives are counted on "
                "backgrounds that are never trained on"
            )
        if self.holdout is not None and self.folds is not None and self.folds > 1:
            raise ConfigError(
                f"expected a holdout or folds, found both ({self.holdout:g} and {self.folds}): with folds every image "
                "is held out from one training; leave one of them out"
            )
        for name, low in (
            ("rounds", 1),
            ("folds", 1),
            ("negatives", 1),
            ("max_per_source", 1),
            ("max_variants", 1),
            ("workers", 1),
        ):
            number = getattr(self, name)
            if number is not None and number < low:
                raise ConfigError(f"expected {name} of {low} or more, found {number}")
        if self.variant_recipe not in get_args(VariantRecipe):
            raise ConfigError(f"expected the variant_recipe mild or field, found {self.variant_recipe!r}")
        if not 0 < self.min_visible <= 1:
            raise ConfigError(f"expected min_visible over 0, up to 1, found {self.min_visible}")
        if self.tiles is None and self.min_visible != _MIN_VISIBLE:
            raise ConfigError("min_visible is of tiles, found none; give --tile, or leave it out")
        if not 0 <= self.near_bits < 64:
            raise ConfigError(f"expected near_bits from 0 to 63, found {self.near_bits}")

    @property
    def share(self) -> float:
        """Of the images, where a share of them is held out."""
        return DEFAULT_HOLDOUT if self.holdout is None else self.holdout

    @property
    def seed(self) -> int:
        """The seed of the split, the variants and the training."""
        return self.train.seed

    def settings(self) -> Mapping[str, object]:
        """All that the result depends on but the folds, which images may decide; JSON values by name of the option."""
        apart = {"crop", "train", "labels", "folds", "tiles", "min_visible"}
        if not self.accept_flicker:
            apart.add("accept_flicker")
        if self.variant_recipe == "mild":  # as where there was no other
            apart.add("variant_recipe")
        own = {name: value for name, value in asdict(self).items() if name not in apart} | {"holdout": self.share}
        crop = {f"crop_{name}": value for name, value in asdict(self.crop).items() if name != "crop"}
        train = {name: value for name, value in asdict(self.train).items() if name not in _DERIVED}
        train["settings"] = {name: train["settings"][name] for name in sorted(train["settings"])}
        every = {
            **own,
            **({} if self.tiles is None else {**self.tiles.settings(), "min_visible": self.min_visible}),
            **self.labels.settings(),
            "crop": self.crop.crop,
            **crop,
            "crop_size": str(self.crop.size),
            **train,
        }
        return {name: value for name, value in every.items() if name not in _MAY_CHANGE}


def seconds_of(text: str) -> float:
    """Read a duration such as `90s`, `30m`, `2h` or `1h30m`.

    Raises:
        ConfigError: where it is none, or nothing.
    """
    parts = re.findall(r"(\d+(?:\.\d+)?)([hms])", text)
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if "".join(number + unit for number, unit in parts) != text or not seconds:
        raise ConfigError(f"expected a budget such as 30m, 2h or 1h30m, found {text!r}")
    return seconds
