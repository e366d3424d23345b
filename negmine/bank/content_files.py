"""Files named by the hash of their bytes: written under a temporary name, flushed, renamed; never seen half."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from negmine.files import can_flush_file_system, flush, flush_file_system, sha256_of

NEGATIVES = "negatives"
VARIANTS = "variants"
TEMPORARY = "tmp"


def content_name(kind: str, sha256: str) -> str:
    """The name of a file in the bank, relative to it: `negatives/ab/abcd....jpg`."""
    return f"{kind}/{sha256[:2]}/{sha256}.jpg"


def is_half_written(path: Path) -> bool:
    """Whether a file among the temporary ones has a name that a writer gives."""
    return path.is_file() and re.fullmatch(r"[0-9a-f]{64}-\d+\.part", path.name) is not None


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A file that is whole, under a temporary name."""

    path: Path
    sha256: str


class ContentFiles:
    """The files of one bank, for its writer."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._temporary = folder / TEMPORARY
        self._numbers = itertools.count()
        self._unflushed: set[Path] = set()

    def stage(self, data: bytes, sha256: str | None = None) -> StagedFile:
        """Write a file under a temporary name; threads may do so at the same time.

        Args:
            data: its bytes.
            sha256: of them, where the caller knows it.

        Raises:
            OSError: where it cannot be written; nothing is left of it then.
        """
        sha256 = sha256 or sha256_of(data)
        path = self._temporary / f"{sha256}-{next(self._numbers)}.part"
        try:
            with _opened(path) as file:
                file.write(data)
            if not can_flush_file_system():
                flush(path)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return StagedFile(path, sha256)

    def place(self, name: str, staged: StagedFile) -> None:
        """Give a staged file its name; both survive a power cut once `flush` returned.

        Raises:
            OSError: where it cannot be renamed; nothing is left of it then.
        """
        target = self._folder / name
        try:
            if not target.parent.is_dir():
                target.parent.mkdir(parents=True, exist_ok=True)
            staged.path.replace(target)
        except BaseException:
            staged.path.unlink(missing_ok=True)
            raise
        self._unflushed.update((target.parent, target.parent.parent))

    def flush(self) -> None:
        """Bring all placed files safely to disk, names and bytes."""
        if self._unflushed and not flush_file_system(self._folder):
            for folder in sorted(self._unflushed):
                flush(folder)
        self._unflushed.clear()

    def remove(self, names: Iterable[str]) -> None:
        """Remove files, and the folders that they leave empty; a file that is already gone is no error."""
        for name in names:
            path = self._folder / name
            path.unlink(missing_ok=True)
            for parent in (path.parent, path.parent.parent):
                with suppress(OSError):  # it is not empty, or somebody's link to a folder elsewhere
                    parent.rmdir()
                    self._unflushed.discard(parent)

    def clear_temporary(self) -> None:
        """Remove what killed writers left half-written, and nothing else that is there."""
        if not self._temporary.is_dir():
            return
        for path in self._temporary.iterdir():
            if is_half_written(path):
                path.unlink()
        if not any(self._temporary.iterdir()):
            self._temporary.rmdir()


def _opened(path: Path) -> BinaryIO:
    """A new file, in a folder that is made where it is not there yet."""
    try:
        return path.open("wb")
    except FileNotFoundError:
        path.parent.mkdir(exist_ok=True)
        return path.open("wb")
