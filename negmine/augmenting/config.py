"""The settings of an augmentation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from negmine.datasets.config import LabelConfig
from negmine.errors import ConfigError
from negmine.ratios.target import MAX_PER_NEGATIVE, Ratio

Recipe = Literal["classic", "field"]
OpName = Literal["blur", "sharpen", "contrast", "smooth", "light", "haze", "rain", "motion", "noise", "jpeg", "paste"]
_MOST = 10**9
OP_NAMES: tuple[OpName, ...] = get_args(OpName)
MILD_OPS = OP_NAMES[:4]  # what is drawn from where nothing else is asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentConfig:
    """How many variants, of which kinds. Exactly one of `count`, `per_negative`, `ratio` and the classic
    recipe is given; the recipe `field` goes with a number or a ratio.

    Attributes:
        count: variants of all negatives together.
        per_negative: variants of each negative.
        ratio: positive to negative images; needs `positives`.
        positives: data sets with the positive images: VOC, YOLO or COCO.
        split: of `positives`; all where None.
        labels: how those of `positives` are understood.
        recipe: `classic` makes the full grid of 600 for each negative; `field` draws one or two of light, haze, rain,
            motion, noise, jpeg and paste for each variant.
        ops: the operations to draw from; a recipe has its own.
        hardest: how many of the hardest negatives get variants; all where None.
        max_per_negative: most variants of one negative that `ratio` may ask for.
        seed: of the draws.
        quality: of the JPEG files, 1 to 100.
        workers: threads; one per core where None.

    Raises:
        ConfigError: where the settings contradict each other or are out of range.
    """

    count: int | None = None
    per_negative: int | None = None
    ratio: str | None = None
    positives: tuple[Path, ...] = ()
    split: str | None = None
    labels: LabelConfig = field(default_factory=LabelConfig)
    recipe: Recipe | None = None
    ops: tuple[OpName, ...] = MILD_OPS
    hardest: int | None = None
    max_per_negative: int = MAX_PER_NEGATIVE
    seed: int = 0
    quality: int = 95
    workers: int | None = None

    def __post_init__(self) -> None:
        if self.recipe not in (None, *get_args(Recipe)):
            raise ConfigError(f"expected the recipe classic or field, found {self.recipe!r}")
        self._check_amount()
        wrong = [name for name in self.ops if name not in OP_NAMES]
        if wrong or not self.ops:
            found = f"found {wrong[0]!r}" if wrong else "found none"
            raise ConfigError(f"expected operations among {', '.join(OP_NAMES)}, {found}")
        if not 1 <= self.quality <= 100:
            raise ConfigError(f"expected a quality from 1 to 100, found {self.quality}")

    def _check_amount(self) -> None:
        amounts: Mapping[str, object] = {
            "--count": self.count,
            "--per-negative": self.per_negative,
            "--ratio": self.ratio,
            "--recipe classic": self.recipe if self.recipe == "classic" else None,
        }
        given = [name for name, value in amounts.items() if value is not None]
        if len(given) != 1:
            found = " and ".join(given) or f"none{'' if self.recipe is None else f' beside --recipe {self.recipe}'}"
            raise ConfigError(f"expected just one of {', '.join(amounts)}, found {found}")
        for name, number in (
            *((name, value) for name, value in amounts.items() if isinstance(value, int)),
            *(("--hardest", self.hardest), ("--max-per-negative", self.max_per_negative), ("--workers", self.workers)),
        ):
            if isinstance(number, int) and not 1 <= number <= _MOST:
                raise ConfigError(f"expected {name} to be 1 or more, up to {_MOST}, found {number}")
        if (self.ratio is None) != (not self.positives):
            raise ConfigError("--ratio and --data belong together: name the labelled data set that holds the targets")
        if self.split is not None and not self.positives:
            raise ConfigError("--split is of --data; leave it out, or name the data set")
        if self.labels != LabelConfig() and not self.positives:
            raise ConfigError(f"{self.labels.options} need --data; leave them out, or name the data set")
        if self.ratio is not None:
            Ratio.parse(self.ratio)
        if self.recipe is not None and self.ops != MILD_OPS:
            raise ConfigError("a recipe has operations of its own; leave --ops or --recipe out")
