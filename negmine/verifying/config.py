"""The settings of training a verifier, their units and ranges. Imports nothing heavy, for `--help`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from negmine.datasets.config import LabelConfig
from negmine.errors import ConfigError

DEFAULT_OUT = "verifier.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierConfig:
    """How a verifier is trained.

    Attributes:
        conf: the score threshold of the deployed detector, over 0 and under 1; recall is kept there.
        min_score: false positives and found objects that score less are not trained on, over 0 and under 1.
        max_recall_loss: share of the objects at `conf` that may fall below it: of those that score just that. Surer
            ones have room.
        jitters: shifted copies of each labelled box, which teach what imprecise boxes look like.
        folds: parts of the images for cross-validation.
        min_examples: objects, and false positives, that a class needs; another class keeps its scores.
        penalties: of the squared coefficients; cross-validation chooses among them.
        holdout: share of the labelled images that is held out where the data has no split to validate on, over 0 and
            under 1; as in `negmine retrain`, so that the same images are held out.
        seed: of the split, the jitters and the folds.
        imgsz: input size of the detector, pixels; None for the size that it was trained at.
        device: as Ultralytics names them; `auto` for a GPU where there is one.
        labels: how the labels of the data are understood.
        workers: threads that read images; one per core where None.
        trust_weights: open a pickle without checking what it would run.

    Raises:
        ConfigError: where a value is out of its range.
    """

    conf: float = 0.25
    min_score: float = 0.02
    max_recall_loss: float = 0.05
    jitters: int = 4
    folds: int = 5
    min_examples: int = 10
    penalties: tuple[float, ...] = (0.03, 0.1, 0.3, 1.0)
    holdout: float = 0.2
    seed: int = 0
    imgsz: int | None = None
    device: str = "auto"
    labels: LabelConfig = field(default_factory=LabelConfig)
    workers: int | None = None
    trust_weights: bool = False

    def __post_init__(self) -> None:
        for name in ("conf", "min_score", "holdout"):
            value = getattr(self, name)
            if not (math.isfinite(value) and 0 < value < 1):
                raise ConfigError(f"expected {name} over 0 and under 1, found {value}")
        if not 0 <= self.max_recall_loss < 1:
            raise ConfigError(f"expected max_recall_loss of 0 or more and under 1, found {self.max_recall_loss}")
        for name, low in (("jitters", 0), ("folds", 2), ("min_examples", 2), ("workers", 1)):
            number = getattr(self, name)
            if number is not None and number < low:
                raise ConfigError(f"expected {name} of {low} or more, found {number}")
        if not self.penalties or not all(math.isfinite(each) and each > 0 for each in self.penalties):
            raise ConfigError(f"expected penalties over 0, found {self.penalties}")

    def settings(self) -> Mapping[str, object]:
        """What the result depends on, as JSON values."""
        names = ("min_score", "max_recall_loss", "jitters", "folds", "min_examples", "holdout", "seed")
        return {name: getattr(self, name) for name in names} | dict(self.labels.settings())
