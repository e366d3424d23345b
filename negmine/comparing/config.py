"""The settings of a comparison, their units and their ranges."""

from __future__ import annotations

from dataclasses import dataclass, field

from negmine.datasets.config import LabelConfig
from negmine.errors import ConfigError
from negmine.thresholds import PLACE_IOU


@dataclass(frozen=True, slots=True)
class CompareConfig:
    """How negatives are compared.

    Attributes:
        imgsz: input size of the detector, pixels; None for the size that the weights were trained at.
        device: where the detector runs: `auto`, or as Ultralytics names it.
        trust_weights: open a pickle as it is, which may run code.
        likeness: cosine of two vectors from which two negatives look alike, 0 to 1.
        place_iou: IoU from which two boxes in images of one folder are at one place, if they also look alike; 0.5 to 1.
        max_labelled: labelled images that are looked at, at most; of more, so many are taken, evenly spread.
        labels: how the labels of the data are understood.
        workers: threads that read images; one per core where None.

    Raises:
        ConfigError: where a value is out of its range.
    """

    imgsz: int | None = None
    device: str = "auto"
    trust_weights: bool = False
    likeness: float = 0.96
    place_iou: float = PLACE_IOU
    max_labelled: int = 2000
    labels: LabelConfig = field(default_factory=LabelConfig)
    workers: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.likeness <= 1:
            raise ConfigError(f"expected likeness above 0 and up to 1, found {self.likeness}")
        if not 0.5 <= self.place_iou <= 1:
            raise ConfigError(f"expected place_iou from 0.5 to 1, found {self.place_iou}")
        if self.max_labelled < 1:
            raise ConfigError(f"expected max_labelled of 1 or more, found {self.max_labelled}")
        if self.workers is not None and self.workers < 1:
            raise ConfigError(f"expected workers of 1 or more, found {self.workers}")
