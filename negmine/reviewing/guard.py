"""Who gets an answer: requests to this server's own address, from its own pages, that know its token.

Any web page that a person has open can send requests to 127.0.0.1. It can also have its own name stand for 127.0.0.1
(DNS rebinding), so that the browser takes the answer for its own. Three things stop both: `Host` and `Origin` are each
in a fixed list, and no page of another site knows the token. It comes in the address that is printed at the start, and
in a header with whatever changes something. A cookie opens the rest. The browser sends it to all servers of this
computer, since cookies do not tell ports apart, so it is not the token, nor does it lead to it.
"""

from __future__ import annotations

import hmac
import socket
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TOKEN_HEADER = "negmine-token"
_OPEN = "/static/"  # the script and the stylesheet, which are in every copy of negmine
_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
_SAFE = ("GET", "HEAD")
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
_STRANGER = "Open the address that `negmine review` printed when it started; it ends in the token.\n"


@dataclass(frozen=True, slots=True)
class Access:
    """What a request must say.

    Attributes:
        hosts: values of `Host`, one of which it must have.
        token: that it must know.
        cookie: the name of the cookie that is enough to read.
    """

    hosts: tuple[str, ...]
    token: str
    cookie: str

    @classmethod
    def at(cls, names: Iterable[str], port: int, token: str) -> Access:
        """That of a server at some names and one port."""
        hosts = [host for name in names for host in ((name, f"{name}:{port}") if port == 80 else (f"{name}:{port}",))]
        return cls(tuple(hosts), token, f"negmine-{port}")

    @property
    def cookie_value(self) -> str:
        """What the cookie holds: it follows from the token, but the token not from it."""
        return hmac.new(self.token.encode(), b"read", "sha256").hexdigest()

    def knows(self, given: str | None) -> bool:
        """Whether somebody gave the token."""
        return _is(given, self.token)

    def refusal(self, request: Request) -> tuple[int, str] | None:
        """The status and text for a request that gets no answer; None for one that does."""
        headers, changes = request.headers, request.method not in _SAFE
        if headers.getlist("host") not in [[host] for host in self.hosts]:
            return 403, f"Expected a request to {self.hosts[0]}.\n"
        origins = headers.getlist("origin")
        if (origins or changes) and origins not in [[f"http://{host}"] for host in self.hosts]:
            return 403, "Expected a request from a page of this server.\n"
        if request.url.path.startswith(_OPEN) and not changes:
            return None
        if changes:
            return None if self.knows(headers.get(TOKEN_HEADER)) else (403, _STRANGER)
        if request.url.path == "/" and self.knows(request.query_params.get("token")):
            return None
        return None if _is(request.cookies.get(self.cookie), self.cookie_value) else (403, _STRANGER)


class Guard:
    """Refuses what `Access` refuses, and adds the headers that keep a page from doing or telling more than it should.

    Args:
        app: answers the rest.
        access: what a request must say.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        refusal = self._access.refusal(Request(scope))
        answer = self._app if refusal is None else PlainTextResponse(refusal[1], refusal[0])
        await answer(scope, receive, send_guarded)


def names_of(host: str) -> Sequence[str]:
    """What a browser may call a server that listens at an address, as it writes it in `Host`; the best name first."""
    host = _as_browsers_write(host)
    if _bracketed(host) in _LOOPBACK_NAMES:
        return tuple(dict.fromkeys((_bracketed(host), *_LOOPBACK_NAMES)))
    if host not in ("0.0.0.0", "::"):
        return (_bracketed(host),)
    own = socket.gethostname()
    try:
        addresses = {str(address[0]) for *_, address in socket.getaddrinfo(own, None)}
    except OSError:
        addresses = set()
    names = [own.lower(), socket.getfqdn().lower(), *sorted(map(_bracketed, addresses)), *_LOOPBACK_NAMES]
    return tuple(dict.fromkeys(names))


def _as_browsers_write(host: str) -> str:
    """A name in small letters, or an address in its shortest form."""
    with suppress(OSError):
        return socket.inet_ntoa(socket.inet_aton(host))
    with suppress(ValueError):
        return str(ip_address(host))
    return host.lower()


def _is(given: str | None, secret: str) -> bool:
    return given is not None and hmac.compare_digest(given.encode(), secret.encode())


def _bracketed(name: str) -> str:
    return f"[{name}]" if ":" in name else name
