"""How long a camera is looked at, and how patiently."""

from __future__ import annotations

from dataclasses import dataclass

from negmine.errors import ConfigError


@dataclass(frozen=True, slots=True)
class CameraConfig:
    """The patience with cameras.

    Raises:
        ConfigError: where a value is out of its range.
    """

    for_ms: int | None = None  # all cameras together; until Ctrl-C where None
    timeout_s: float = 10.0  # without an answer, or without a picture
    pause_s: float = 1.0  # before the first try to connect again; twice as long before each further one
    longest_pause_s: float = 30.0

    def __post_init__(self) -> None:
        if self.for_ms is not None and self.for_ms < 1:
            raise ConfigError(f"expected cameras to be looked at for 1 ms or more, found {self.for_ms}")
        if not 0 < self.timeout_s <= 3600:
            raise ConfigError(f"expected a timeout over 0 and up to 3600 seconds, found {self.timeout_s}")
        if not 0 < self.pause_s <= self.longest_pause_s:
            raise ConfigError(f"expected a pause over 0 seconds and no longer than the longest, found {self.pause_s}")
