"""The settings of a review, and their ranges."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path

from negmine.errors import ConfigError

LOOPBACK = "127.0.0.1"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,200}")


@dataclass(frozen=True, slots=True)
class ReviewConfig:
    """What is reviewed, and who may reach it.

    Attributes:
        bank: folder of the bank.
        port: 0 for any that is free.
        host: address that the server listens at.
        token: what a visitor must know; None for a new one, on this computer alone.

    Raises:
        ConfigError: where a value is out of its range, or others could reach the server without a token.
    """

    bank: Path
    port: int = 8765
    host: str = LOOPBACK
    token: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ConfigError(f"expected --port from 0 to 65535, found {self.port}")
        if self.token is not None and not _TOKEN.fullmatch(self.token):
            raise ConfigError(
                "expected --token of 16 to 200 letters, digits, - and _, found "
                f"{'other characters' if 16 <= len(self.token) <= 200 else f'one of {len(self.token)}'}"
            )
        if self.token is None and not self.is_local:
            raise ConfigError(
                f"expected --token with --host {self.host}: whoever reaches this computer's port {self.port} and knows "
                "the token can see every negative and its source image, and judge them; choose a token of 16 or more "
                "letters and digits"
            )

    @property
    def is_local(self) -> bool:
        """Whether only this computer can reach the server."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"
