"""The settings by which detections of a video are taken for flickers, and gaps between them for misses."""

from __future__ import annotations

from dataclasses import dataclass

from negmine.errors import ConfigError

MOST_APART_MS = 500  # between two frames: what moves is elsewhere after that
_MOST_FRAMES = 60  # of a window, a gap or a track: so many are kept in memory


@dataclass(frozen=True, slots=True)
class FlickerConfig:
    """When a detection is alone, and when a track has a gap.

    Raises:
        ConfigError: where a value is out of its range.
    """

    window: int = 5  # frames on each side in which a detection that is no flicker has a partner
    link_iou: float = 0.2  # least IoU of two detections of one thing, at the place where it moved to
    similarity: float = 0.7  # least normalised cross correlation, -1 to 1, of a thing that is followed
    reach: float = 1.0  # how far a thing moves from one frame to the next, in sides of its box
    max_gap: int = 3  # frames of a gap that is taken for a miss
    min_track: int = 5  # consecutive frames with a detection on each side of a gap

    def __post_init__(self) -> None:
        for name, value in (("window", self.window), ("gap", self.max_gap), ("track", self.min_track)):
            if not 1 <= value <= _MOST_FRAMES:
                raise ConfigError(f"expected a {name} of 1 to {_MOST_FRAMES} frames, found {value}")
        if not 0 < self.link_iou <= 1:
            raise ConfigError(f"expected an IoU over 0 and up to 1 between two frames, found {self.link_iou}")
        if not -1 <= self.similarity <= 1:
            raise ConfigError(f"expected a similarity of -1 to 1, found {self.similarity}")
        if not 0 <= self.reach <= 10:
            raise ConfigError(f"expected a reach of 0 to 10 sides of a box, found {self.reach}")

    @property
    def memory(self) -> int:
        """How many frames on each side of one decide what is said of it."""
        return max(self.window, self.max_gap + self.min_track)
