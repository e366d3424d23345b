"""The settings of tiles and image pyramids. Imports nothing heavy, so that `--help` can read the defaults."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from negmine.errors import ConfigError

AUTO = "auto"
MIN_TILE, MAX_TILE = 32, 16_384  # pixels of a side; a network sees nothing in less, and is fed no more
MAX_OVERLAP = 0.9  # share of a tile
_MIN_SCALE, _MAX_SCALE, _MOST_SCALES = 0.05, 20.0, 10
_TILE = re.compile(r"([1-9]\d{0,5})(?:x([1-9]\d{0,5}))?")
_OVERLAP = 0.2


@dataclass(frozen=True, slots=True)
class TileConfig:
    """How a detector is run on parts of an image, and on the image at several scales.

    Attributes:
        size_wh: width and height of a tile, pixels; None for tiles of the image's own size, so that only scales over 1
            cut it; `AUTO` for a size that suits the labelled objects.
        overlap: of two neighbouring tiles, share of their side; 0.2 is SAHI's.
        full_pass: whether the detector is run on the whole image too, so that objects that no tile holds are found.
        scales: that the image is resized by before it is cut; each is a pass of its own.

    Raises:
        ConfigError: where a value is out of its range.
    """

    size_wh: tuple[int, int] | str | None = None
    overlap: float = _OVERLAP
    full_pass: bool = True
    scales: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        if isinstance(self.size_wh, str) and self.size_wh != AUTO:
            raise ConfigError(f"expected a tile of N, WxH (pixels) or {AUTO}, found {self.size_wh!r}")
        if isinstance(self.size_wh, tuple) and not MIN_TILE <= min(self.size_wh) <= max(self.size_wh) <= MAX_TILE:
            raise ConfigError(
                f"expected a tile of {MIN_TILE} to {MAX_TILE} pixels a side, found {self.size_wh[0]}x{self.size_wh[1]}"
            )
        if not (math.isfinite(self.overlap) and 0 <= self.overlap <= MAX_OVERLAP):
            raise ConfigError(
                f"expected an overlap from 0 to {MAX_OVERLAP} of a tile, found {self.overlap}; at 1 tiles would not "
                "move on"
            )
        if not 1 <= len(self.scales) <= _MOST_SCALES or len(set(self.scales)) != len(self.scales):
            raise ConfigError(f"expected 1 to {_MOST_SCALES} different scales, found {_listed(self.scales)}")
        for scale in self.scales:
            if not (math.isfinite(scale) and _MIN_SCALE <= scale <= _MAX_SCALE):
                raise ConfigError(f"expected scales from {_MIN_SCALE:g} to {_MAX_SCALE:g}, found {scale:g}")

    @classmethod
    def parse(
        cls, tile: str | None, *, scales: str | None = None, overlap: float = _OVERLAP, full_pass: bool = True
    ) -> Self | None:
        """Read what the command line says; None where it asks for neither tiles nor scales.

        Args:
            tile: `N`, `WxH` or `auto`.
            scales: numbers with commas between them.
            overlap, full_pass: as the attributes.

        Raises:
            ConfigError: for anything else.
        """
        if tile is None and scales is None:
            if overlap != _OVERLAP or not full_pass:
                raise ConfigError("overlap and full-pass are of tiles, found none; give --tile, or leave them out")
            return None
        return cls(_size(tile), overlap, full_pass, (1.0,) if scales is None else _scales(scales))

    @property
    def options(self) -> tuple[str, ...]:
        """What `parse` reads, as it is typed; nothing for whole images alone."""
        if self.size_wh is None and self.scales == (1.0,):
            return ()
        size = "x".join(map(str, self.size_wh)) if isinstance(self.size_wh, tuple) else self.size_wh
        return (
            *(() if size is None else ("--tile", size)),
            *("--overlap", f"{self.overlap:g}"),
            *(() if self.full_pass else ("--no-full-pass",)),
            *(() if self.scales == (1.0,) else ("--scales", _listed(self.scales))),
        )

    def settings(self) -> Mapping[str, object]:
        """What decides on the detections, as JSON values by name of the option."""
        return {
            "tile": list(self.size_wh) if isinstance(self.size_wh, tuple) else self.size_wh,
            "overlap": self.overlap,
            "full_pass": self.full_pass,
            "scales": list(self.scales),
        }


def _size(text: str | None) -> tuple[int, int] | str | None:
    if text is None or text == AUTO:
        return text
    match = _TILE.fullmatch(text)
    if match is None:
        raise ConfigError(f"expected a tile of N, WxH (640 or 640x480, in pixels) or {AUTO}, found {text!r}")
    return int(match[1]), int(match[2] or match[1])


def _scales(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(each) for each in text.split(","))
    except ValueError as error:
        raise ConfigError(f"expected scales such as 0.5,1,2, found {text!r}") from error


def _listed(scales: tuple[float, ...]) -> str:
    return ",".join(f"{scale:g}" for scale in scales) or "none"
