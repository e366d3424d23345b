"""What to open a detector with. Imports nothing heavy, so that `--help` can read the defaults."""

from __future__ import annotations

import math
from dataclasses import dataclass

from negmine.errors import ConfigError


@dataclass(frozen=True, slots=True)
class DetectorConfig:
    """How to open weights and what to keep of what they find; the defaults are those of the framework.

    Attributes:
        weights: a file or export folder that Ultralytics opens, or the name of official weights that it downloads; a
            checkpoint of torchvision, or `torchvision:NAME` for the weights that it publishes.
        conf: detections that score below are dropped, 0 to 1.
        iou: overlap above which the non-maximum suppression drops the lower score, 0 to 1; None for the framework's own
            (0.7 of Ultralytics, 0.5 of torchvision).
        imgsz: longer side that an image is resized to, pixels; None for the size that the weights were trained at, 640
            where they do not say, and torchvision's own rule for its models.
        batch: images that run at once; None means one on a CPU and 16 on anything else.
        device: `auto`, or as Ultralytics names them: `cpu`, `0`, `cuda:1`, `mps`, ...
        classes: names of the classes to keep; empty means all.
        trust_weights: open a pickle without looking at what it would run.

    Raises:
        ConfigError: where a value is out of its range.
    """

    weights: str
    conf: float = 0.25
    iou: float | None = None
    imgsz: int | None = None
    batch: int | None = None
    device: str = "auto"
    classes: tuple[str, ...] = ()
    trust_weights: bool = False

    def __post_init__(self) -> None:
        for name, value in (("conf", self.conf), ("iou", self.iou)):
            if value is not None and not (math.isfinite(value) and 0 <= value <= 1):
                raise ConfigError(f"expected {name} from 0 to 1, found {value}")
        if self.imgsz is not None and self.imgsz < 32:
            raise ConfigError(f"expected imgsz of 32 pixels or more, found {self.imgsz}")
        if self.batch is not None and self.batch < 1:
            raise ConfigError(f"expected batch of 1 or more, found {self.batch}; leave it out to have it chosen")
        if not self.device.strip():
            raise ConfigError("expected a device such as auto, cpu or 0, found an empty text")
        if len(set(self.classes)) != len(self.classes):
            raise ConfigError(f"expected every class once, found {', '.join(self.classes)}")
