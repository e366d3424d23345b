"""Names of files as text that any screen and any document can hold, and as bytes that sort alike everywhere."""

from __future__ import annotations

import os

EXPORT_MANIFEST = "negmine-export.json"  # what an export leaves in its folder; it is no label of anything


def printable(path: str | os.PathLike[str]) -> str:
    """A path as one line of valid Unicode: bytes that are no UTF-8 and control characters become escapes."""
    text = os.fspath(path).encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def sortable(path: str | os.PathLike[str]) -> bytes:
    """The path's bytes: an order that depends on neither locale nor platform."""
    return os.fsencode(path)
