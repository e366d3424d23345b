"""Names of files as text that any screen and any document can hold, and as bytes that sort alike everywhere."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

EXPORT_MANIFEST = "negmine-export.json"  # what an export leaves in its folder; it is no label of anything


def printable(path: str | os.PathLike[str]) -> str:
    """A path as one line of valid Unicode: bytes that are no UTF-8 and control characters become escapes."""
    text = os.fspath(path).encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def sortable(path: str | os.PathLike[str]) -> bytes:
    """The path's bytes: an order that depends on neither locale nor platform."""
    return os.fsencode(path)


def first_few(paths: Mapping[Path, str] | Iterable[Path], *, most: int = 5) -> str:
    """The first few of many paths for a message, each with its reason where there is one."""
    reasons = paths if isinstance(paths, Mapping) else dict.fromkeys(paths, "")
    first = list(reasons.items())[:most]
    shown = ", ".join(printable(path) + (f" ({printable(reason)})" if reason else "") for path, reason in first)
    return shown + (f" and {len(reasons) - most} more" if len(reasons) > most else "")
