"""Addresses of cameras, as a user types them. Nobody else's are opened: no list, playlist or data.yaml names one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from negmine.errors import SourceError
from negmine.words import one_line

CameraKind: TypeAlias = Literal["rtsp", "http", "device"]
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_LOGIN = re.compile(r"(?<=[A-Za-z]{2}:/)(/?)\S*@")  # a password may hold a slash, and a path has only one of the two
_QUERY = re.compile(r"(?<=[A-Za-z]{2}:/)(/?[^\s?#]*)[?#]\S*")
_PASSWORD = re.compile(r"(?i)(pass|passwd|password|pwd)=[^&_/]*")  # as some cameras take it in the path
_DEVICE = re.compile(r"/dev/video\d{1,3}")
_KINDS: dict[str, CameraKind] = {"rtsp": "rtsp", "rtsps": "rtsp", "http": "http", "https": "http"}
_EXPECTED = "expected rtsp://HOST/..., http(s)://HOST/... or /dev/videoN"


@dataclass(frozen=True, slots=True)
class CameraAddress:
    """Where a camera is.

    Attributes:
        url: as it was typed, user and password included; in no message and in no bank.
        shown: without user, password, query and fragment, for people.
        kind: how it is opened.
    """

    url: str = field(repr=False)
    shown: str
    kind: CameraKind

    @classmethod
    def parse(cls, text: str) -> CameraAddress | None:
        """Read an address; None for what is a file, a folder or a pattern.

        Raises:
            SourceError: for an address of another kind, or one without a host. The message holds no password.
        """
        if _DEVICE.fullmatch(text):
            return cls(text, text, "device")
        match = _URL.match(text)
        if match is None:
            return None
        scheme = match[1].lower()
        if scheme not in _KINDS:
            raise SourceError(f"source {one_line(scheme)}://... is of a kind that is not read; {_EXPECTED}")
        try:
            parts = urlsplit(text)
            host, port = parts.hostname, parts.port
        except ValueError:
            host = port = None
        if not host or any(ord(letter) <= 32 for letter in text):
            raise SourceError(f"source {scheme}://... is no address: {_EXPECTED}")
        if "@" in parts.path:
            raise SourceError(f"source {scheme}://... has an @ behind the host; write a / in a password as %2F")
        where = f"[{host}]" if ":" in host else host
        path = _PASSWORD.sub(r"\1=...", one_line(parts.path))
        return cls(text, f"{scheme}://{where}{'' if port is None else f':{port}'}{path}", _KINDS[scheme])


def numbered(addresses: Iterable[CameraAddress]) -> list[CameraAddress]:
    """Tell addresses apart that are shown alike, such as two channels of one recorder that differ in their query."""
    found: list[CameraAddress] = []
    for address in addresses:
        alike = sum(each.shown == address.shown or each.shown.startswith(f"{address.shown} (") for each in found)
        found.append(replace(address, shown=f"{address.shown} ({alike + 1})") if alike else address)
    return found


def without_login(text: str) -> str:
    """A line that somebody wrote, without login and query where it is an address: it is named, and never opened."""
    return _QUERY.sub(r"\1", _LOGIN.sub(r"\1", text))
