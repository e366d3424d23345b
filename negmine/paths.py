"""File names as printable text, as bytes that sort the same everywhere, and without links; the user's cache folder."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import platformdirs

from negmine.words import one_line

EXPORT_MANIFEST = "negmine-export.json"  # written by an export into its folder; not a label file


def printable(path: str | os.PathLike[str]) -> str:
    """A path as `one_line`."""
    return one_line(os.fspath(path))


def sortable(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a path: a sort key that depends on neither locale nor platform."""
    return os.fsencode(path)


def first_few(paths: Mapping[Path, str] | Iterable[Path], *, most: int = 5) -> str:
    """The first few of many paths for a message, each with its reason where there is one."""
    reasons = paths if isinstance(paths, Mapping) else dict.fromkeys(paths, "")
    first = list(reasons.items())[:most]
    shown = ", ".join(printable(path) + (f" ({printable(reason)})" if reason else "") for path, reason in first)
    return shown + (f" and {len(reasons) - most} more" if len(reasons) > most else "")


def real_path(path: str | os.PathLike[str]) -> Path:
    """A path without links; unlike `Path.resolve` it never raises, not even for links in a circle."""
    return Path(os.path.realpath(path))


class RealPaths:
    """Resolves links; unlike `Path.resolve` it never raises, not even for links in a circle.

    Each folder is resolved once, since a hundred thousand images may lie in a few.
    """

    def __init__(self) -> None:
        self._folders: dict[str, str] = {}

    def __call__(self, path: str | Path) -> str:
        """The path without links."""
        folder, name = os.path.split(path)
        if name in ("", os.curdir, os.pardir) or os.path.islink(path):  # noqa: PTH114  (raises for no path, however odd)
            return os.path.realpath(path)
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        return os.path.join(self._folders[folder], name)  # noqa: PTH118  (the paths are text)


def cache_folder() -> Path | None:
    """`negmine` in the user's cache folder, wherever the system keeps it; None where the user has no home."""
    try:
        folder = platformdirs.user_cache_path("negmine", appauthor=False)
    except RuntimeError:
        return None
    return folder if folder.is_absolute() else None
