"""The IoU thresholds of the matcher and of places. Imports no NumPy, so that `--help` can read the defaults."""

from __future__ import annotations

from dataclasses import dataclass

from negmine.errors import ConfigError

PLACE_IOU = 0.7  # of two boxes, from which they are at one place if they also look alike


@dataclass(frozen=True, slots=True)
class MatchConfig:
    """The IoU thresholds of the matcher.

    Raises:
        ConfigError: unless 0 < background_iou <= match_iou <= 1.
    """

    match_iou: float = 0.5  # IoU from which a detection finds an object of its class
    background_iou: float = 0.1  # IoU under which a detection has nothing to do with an object

    def __post_init__(self) -> None:
        if not 0 < self.background_iou <= self.match_iou <= 1:
            raise ConfigError(
                "expected 0 < background IoU <= match IoU <= 1, found "
                f"background IoU {self.background_iou} and match IoU {self.match_iou}"
            )
