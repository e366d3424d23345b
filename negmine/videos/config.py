"""Which frames of a video are looked at."""

from __future__ import annotations

import math
import re
from contextlib import suppress
from dataclasses import dataclass

from negmine.errors import ConfigError

_TIME = re.compile(r"(?:(?:(\d{1,5}):)?(\d{1,5}):)?(\d{1,9}(?:\.\d{1,9})?)|(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h)", re.ASCII)
_UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}
_MOST = 1_000_000_000  # frames between two


def parse_time_ms(text: str) -> int:
    """Milliseconds of a time or duration: `90`, `1.5s`, `250ms`, `10m`, `2h`, `1:30` or `1:02:03.5`.

    Raises:
        ConfigError: for anything else.
    """
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise ConfigError(f"expected a time such as 90, 1.5s, 10m, 2h or 1:02:30, found {text!r}")
    hours, minutes, seconds, number, unit = match.groups()
    if number is not None:
        return math.floor(float(number) * _UNIT_MS[unit] + 0.5)
    return math.floor((int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds)) * 1000 + 0.5)


@dataclass(frozen=True, slots=True)
class Every:
    """How far apart the frames are that are looked at: by time, or by number.

    Raises:
        ConfigError: where it is neither, both, or nothing at all.
    """

    ms: int | None = None
    frames: int | None = None

    def __post_init__(self) -> None:
        if (self.ms is None) == (self.frames is None) or (self.ms or self.frames or 0) < 1:
            raise ConfigError(f"expected a frame every 1 ms or more, or every 1 frame or more, found {self}")

    @classmethod
    def parse(cls, text: str) -> Every:
        """Read `1s` and the like, which is a time, or `5`, which is a number of frames.

        Raises:
            ConfigError: for anything else.
        """
        if text.isascii() and text.isdigit() and 1 <= int(text) <= _MOST:
            return cls(frames=int(text))
        if not re.fullmatch(r"[\d.:]+", text):
            with suppress(ConfigError):
                return cls(ms=parse_time_ms(text))
        raise ConfigError(f"expected every to be a time (1s, 0.5s, 2m) or a number of frames (5), found {text!r}")

    def __str__(self) -> str:
        return f"{self.frames}" if self.frames is not None else f"{(self.ms or 0) / 1000:g}s"


@dataclass(frozen=True, slots=True)
class VideoConfig:
    """Which frames of a video are looked at.

    Attributes:
        every: how far apart they are.
        start_ms: the first may be at this time, from the first frame of the video.
        end_ms: all are before this time; None for the end of the video.
        keyframes: only those that are stored whole, which are fast to decode.

    Raises:
        ConfigError: where nothing is between start and end.
    """

    every: Every = Every(ms=1000)
    start_ms: int = 0
    end_ms: int | None = None
    keyframes: bool = False

    def __post_init__(self) -> None:
        if self.start_ms < 0 or (self.end_ms is not None and self.end_ms <= self.start_ms):
            raise ConfigError(
                f"expected a start before the end, found {self.start_ms / 1000:g} s and {(self.end_ms or 0) / 1000:g} s"
            )
