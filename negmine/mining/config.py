"""The settings of a scan, their units and their ranges."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal, get_args

from negmine.cameras.config import CameraConfig
from negmine.datasets.config import LabelConfig
from negmine.errors import ConfigError
from negmine.limits import MAX_PIXELS, MAX_SIDE
from negmine.mining.flicker.config import MOST_APART_MS, FlickerConfig
from negmine.thresholds import MatchConfig
from negmine.videos.config import VideoConfig

CropPolicy = Literal["context", "region", "image"]
PER_PLACE = 1  # negatives of what looks alike at one place
DEFAULT_BANK = "negmine-bank"
_MAX_CONTEXT = 10_000  # far more than any image has in sides of a box of a few pixels
_SIZE = re.compile(r"([1-9]\d{0,4})(?:x([1-9]\d{0,4}))?")


@dataclass(frozen=True, slots=True)
class OutputSize:
    """What size a negative gets: that of its source image, its own (no resizing), or a fixed one.

    Attributes:
        mode: `original`, `none` or `fixed`.
        size_wh: width and height in pixels where fixed.

    Raises:
        ConfigError: for a size that no JPEG has, or that is larger than any image that is read.
    """

    mode: Literal["original", "none", "fixed"] = "original"
    size_wh: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if (self.mode == "fixed") != (self.size_wh is not None):
            raise ConfigError(f"expected width and height with a fixed size alone, found {self.mode}, {self.size_wh}")
        width, height = self.size_wh or (1, 1)
        if not (1 <= min(width, height) and max(width, height) <= MAX_SIDE and width * height <= MAX_PIXELS):
            raise ConfigError(
                f"expected a size of up to {MAX_SIDE} pixels a side and {MAX_PIXELS // 10**6} megapixels, found "
                f"{width}x{height}"
            )

    @classmethod
    def parse(cls, text: str) -> OutputSize:
        """Read `original`, `none`, `N` or `WxH`.

        Raises:
            ConfigError: for anything else.
        """
        if text == "original":
            return cls("original")
        if text == "none":
            return cls("none")
        match = _SIZE.fullmatch(text)
        if match is None:
            raise ConfigError(
                f"expected a size of original, none, N or WxH (640 or 640x480, in pixels), found {text!r}"
            )
        return cls("fixed", (int(match[1]), int(match[2] or match[1])))

    def resolve(self, source_wh: tuple[int, int]) -> tuple[int, int] | None:
        """The output's width and height for a source image of `source_wh`; None where crops keep their own size."""
        return source_wh if self.mode == "original" else self.size_wh

    def __str__(self) -> str:
        return f"{self.size_wh[0]}x{self.size_wh[1]}" if self.size_wh else self.mode


@dataclass(frozen=True, slots=True)
class CropConfig:
    """How much of the image around a false positive becomes a negative.

    Raises:
        ConfigError: where a value is out of its range.
    """

    crop: CropPolicy = "context"
    context: float = 3.0  # side of a `context` crop, in longer sides of the false positive's box
    size: OutputSize = field(default_factory=OutputSize)
    min_side_px: int = 32  # a smaller rectangle is skipped: some trainers drop such images silently

    def __post_init__(self) -> None:
        if self.crop not in get_args(CropPolicy):
            raise ConfigError(f"expected a crop of {', '.join(get_args(CropPolicy))}, found {self.crop!r}")
        if not 1 <= self.context <= _MAX_CONTEXT:
            raise ConfigError(f"expected a context of 1 to {_MAX_CONTEXT} (times the box), found {self.context}")
        if not 1 <= self.min_side_px <= MAX_SIDE:
            raise ConfigError(f"expected a minimum side of 1 to {MAX_SIDE} pixels, found {self.min_side_px}")


@dataclass(frozen=True, slots=True)
class ScanConfig:
    """All that decides which negatives a scan stores, apart from the detector and the images.

    `workers` changes the speed only, `labels` which labels an image is taken to have, and `video` which images there
    are: none of them is part of the settings that the bank files a run under.

    Raises:
        ConfigError: where a value is out of its range.
    """

    match: MatchConfig = field(default_factory=MatchConfig)
    crop: CropConfig = field(default_factory=CropConfig)
    confirm: bool = False  # keep only crops on which the detector still fires
    max_per_image: int | None = None  # the hardest so many negatives of one image
    per_place: int | None = PER_PLACE  # of look-alikes at one place of a video, an hour apart; None for all
    classes: tuple[
        str, ...
    ] = ()  # of the detector, to mine; crops keep clear of what it finds of the others. () for all
    labels: LabelConfig = field(default_factory=LabelConfig)  # how labels are understood
    video: VideoConfig = field(default_factory=VideoConfig)  # which frames of videos are scanned
    flicker: FlickerConfig | None = None  # look for what is alone in time, in videos that may hold targets
    camera: CameraConfig = field(default_factory=CameraConfig)  # the patience with cameras
    workers: int | None = None  # threads that read and decode; None for one per core
    quality: int = 95  # JPEG quality of the negatives

    def __post_init__(self) -> None:
        if self.max_per_image is not None and self.max_per_image < 1:
            raise ConfigError(f"expected at least 1 negative per image, found {self.max_per_image}")
        if self.per_place is not None and self.per_place < 1:
            raise ConfigError(f"expected at least 1 negative per place, found {self.per_place}")
        if self.workers is not None and self.workers < 1:
            raise ConfigError(f"expected at least 1 worker, found {self.workers}")
        if not 1 <= self.quality <= 100:
            raise ConfigError(f"expected a JPEG quality of 1 to 100, found {self.quality}")
        if self.flicker is not None and (self.video.keyframes or (self.video.every.ms or 0) > MOST_APART_MS):
            found = "keyframes" if self.video.keyframes else f"{self.video.every}"
            raise ConfigError(
                "flicker compares frames that follow each other: expected frames at most "
                f"{MOST_APART_MS} ms apart and no keyframes alone, found {found}"
            )

    def settings(self) -> Mapping[str, object]:
        """What the result depends on, as JSON values: part of the key that the bank files a run under."""
        return (
            asdict(self.match)
            | asdict(self.crop)
            | {"size": str(self.crop.size)}
            | {"confirm": self.confirm, "max_per_image": self.max_per_image, "quality": self.quality}
            | ({"per_place": self.per_place} if self.per_place != PER_PLACE else {})
            | ({"classes": sorted(self.classes)} if self.classes else {})
            | self._flicker_settings()
        )

    def _flicker_settings(self) -> dict[str, object]:
        """With those of the frames: what is said of one depends on the others."""
        if self.flicker is None:
            return {}
        video = self.video
        return {
            "flicker": asdict(self.flicker),
            "every": str(video.every),
            "start_ms": video.start_ms,
            "end_ms": video.end_ms,
        }
