"""The server of a review: where it listens, and how it ends."""

from __future__ import annotations

import errno
import secrets
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import uvicorn

from negmine.errors import ConfigError
from negmine.paths import cache_folder
from negmine.reviewing.app import make_app
from negmine.reviewing.config import ReviewConfig
from negmine.reviewing.guard import Access, names_of
from negmine.reviewing.reviewed_bank import ReviewedBank
from negmine.reviewing.thumbnails import Thumbnails

_WAITING = 128  # connections
_PATIENCE = 3  # seconds that answers have when the server ends


@dataclass(frozen=True, slots=True)
class Serving:
    """A server that is about to answer.

    Attributes:
        url: of the page, with the token.
        read_only: why nothing can be decided; None where it can.
    """

    url: str
    read_only: str | None


def serve(config: ReviewConfig, *, on_ready: Callable[[Serving], object]) -> None:
    """Answer requests until Ctrl-C.

    Args:
        config: what to serve, and where.
        on_ready: called when the address is open.

    Raises:
        BankError: where the bank cannot be opened.
        ConfigError: where the address cannot be opened, such as for a port that is in use.
    """
    bank = ReviewedBank(config.bank)
    try:
        with _listening(config) as listening:
            port = int(listening.getsockname()[1])
            token = config.token or secrets.token_urlsafe(24)
            names = names_of(config.host)
            app = make_app(bank, Access.at(names, port, token), _thumbnails())
            settings = uvicorn.Config(
                app, log_config=None, access_log=False, server_header=False, lifespan="on", ws="none",
                timeout_graceful_shutdown=_PATIENCE,
            )  # fmt: skip
            on_ready(Serving(f"http://{names[0]}:{port}/?token={token}", bank.read_only))
            with suppress(KeyboardInterrupt):
                uvicorn.Server(settings).run(sockets=[listening])
    finally:
        bank.close()


def _thumbnails() -> Thumbnails:
    folder = cache_folder()
    return Thumbnails(None if folder is None else folder / "thumbnails")


def _listening(config: ReviewConfig) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            config.host, config.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise ConfigError(f"expected --host with an address of this computer, found {config.host!r}") from error
    opened = socket.socket(family, kind, protocol)  # asyncio sends at once only where it is told that this is TCP
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        opened.listen(_WAITING)
    except OSError as error:
        opened.close()
        raise ConfigError(_why(error, config)) from error
    return opened


def _why(error: OSError, config: ReviewConfig) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {config.port} is in use, perhaps by another review; end that, or name another port with --port"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"expected --host with an address of this computer, found {config.host!r}"
    return f"cannot listen on port {config.port} of {config.host}: {error.strerror}; name another port with --port"
