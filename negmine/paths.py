"""File names as printable text, and as bytes that sort the same everywhere."""

from __future__ import annotations

import os

EXPORT_MANIFEST = "negmine-export.json"  # written by an export into its folder; not a label file


def printable(path: str | os.PathLike[str]) -> str:
    """A path as one line of valid Unicode: control characters and bytes that are not UTF-8 become escapes."""
    text = os.fspath(path).encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def sortable(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a path: a sort key that depends on neither locale nor platform."""
    return os.fsencode(path)
