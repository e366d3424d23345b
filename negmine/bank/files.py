"""Files named by the hash of their bytes: written under a temporary name, flushed, renamed; never seen half."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

NEGATIVES = "negatives"
VARIANTS = "variants"
TEMPORARY = "tmp"


def sha256_of(data: bytes) -> str:
    """Hex SHA-256."""
    return hashlib.sha256(data).hexdigest()


def content_name(kind: str, sha256: str) -> str:
    """The name of a file in the bank, relative to it: `negatives/ab/abcd....jpg`."""
    return f"{kind}/{sha256[:2]}/{sha256}.jpg"


def is_half_written(path: Path) -> bool:
    """Whether a file among the temporary ones has a name that a writer gives."""
    return path.is_file() and re.fullmatch(r"[0-9a-f]{64}\.jpg", path.name) is not None


class ContentFiles:
    """The files of one bank, for its writer."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._temporary = folder / TEMPORARY

    def put(self, name: str, data: bytes) -> bool:
        """Put a file where `name` says, safely on disk when this returns; tell whether it was not there before.

        Raises:
            OSError: where it cannot be written; nothing is left of it then.
        """
        target = self._folder / name
        existed = target.exists()
        self._temporary.mkdir(exist_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._temporary / target.name
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(target.parent)
        return not existed

    def remove(self, names: Iterable[str]) -> None:
        """Remove files, and the folders that they leave empty; a file that is already gone is no error."""
        for name in names:
            path = self._folder / name
            path.unlink(missing_ok=True)
            for parent in (path.parent, path.parent.parent):
                if parent.is_dir() and not any(parent.iterdir()):
                    parent.rmdir()

    def clear_temporary(self) -> None:
        """Remove what killed writers left half-written, and nothing else that is there."""
        if not self._temporary.is_dir():
            return
        for path in self._temporary.iterdir():
            if is_half_written(path):
                path.unlink()
        if not any(self._temporary.iterdir()):
            self._temporary.rmdir()


def sync_folder(folder: Path) -> None:
    """Flush a folder, so that a name in it survives a power cut. Windows has no such call and needs none."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
