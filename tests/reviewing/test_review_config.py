"""The settings of a review."""

from __future__ import annotations

from pathlib import Path

import pytest

from negmine.errors import ConfigError
from negmine.reviewing.config import ReviewConfig

BANK = Path("negmine-bank")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_this_computer_needs_no_token(host: str) -> None:
    assert ReviewConfig(BANK, host=host).is_local


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "box", "localhost.example"])
def test_others_need_a_token(host: str) -> None:
    with pytest.raises(ConfigError, match=f"expected --token with --host {host}: whoever reaches .* can see"):
        ReviewConfig(BANK, host=host)
    assert not ReviewConfig(BANK, host=host, token="0123456789abcdef").is_local


@pytest.mark.parametrize("token", ["", "short", "0123456789abcde", "0123456789 abcdef", "x" * 201, "0123456789abcdé!"])
def test_a_token_is_long_and_plain(token: str) -> None:
    with pytest.raises(ConfigError, match="expected --token of 16 to 200 letters"):
        ReviewConfig(BANK, token=token)


@pytest.mark.parametrize("port", [-1, 65536])
def test_ports(port: int) -> None:
    with pytest.raises(ConfigError, match=f"expected --port from 0 to 65535, found {port}"):
        ReviewConfig(BANK, port=port)
