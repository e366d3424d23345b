"""Files named by the hash of their bytes: written under a temporary name, flushed, renamed; never seen half.

Only names that a bank gives its files are ever touched, and none that a link leads out of the bank.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from negmine.files import can_flush_file_system, flush, flush_file_system, sha256_of
from negmine.inside import inside, is_real_folder

NEGATIVES = "negatives"
VARIANTS = "variants"
FRAMES = "frames"  # of cameras
CONTENTS = (NEGATIVES, VARIANTS, FRAMES)
TEMPORARY = "tmp"
_CONTENT = re.compile(r"(?P<kind>negatives|variants|frames)/([0-9a-f]{2})/(\2[0-9a-f]{62})\.jpg")
_HALF_WRITTEN = re.compile(r"[0-9a-f]{64}-\d+\.part")


def content_name(kind: str, sha256: str) -> str:
    """The name of a file in the bank, relative to it: `negatives/ab/abcd....jpg`."""
    return f"{kind}/{sha256[:2]}/{sha256}.jpg"


def is_content_name(name: str, kind: str) -> bool:
    """Whether a name, relative to the bank, is one that `content_name` gives to a kind of file."""
    match = _CONTENT.fullmatch(name)
    return match is not None and match["kind"] == kind


def is_half_written(name: str) -> bool:
    """Whether a name, relative to the bank, is one that a writer gives to a file that is not whole yet."""
    folder, _, file = name.partition("/")
    return folder == TEMPORARY and _HALF_WRITTEN.fullmatch(file) is not None


def source_path(folder: Path, key: bytes) -> Path:
    """Where the image that a key names is: a key that is no absolute path is relative to the bank."""
    return Path(folder, os.fsdecode(key))


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

    def check(self) -> None:
        """Refuse links in the place of the folders, before anything is written.

        Raises:
            OSError: naming it.
        """
        for kind in (NEGATIVES, VARIANTS, FRAMES, TEMPORARY):
            inside(self._folder, f"{kind}/any")

    def stage(self, data: bytes, sha256: str | None = None) -> StagedFile:
        """Write a file under a temporary name; threads may do so at the same time.

        Args:
            data: its bytes.
            sha256: of them, where the caller knows it.

        Raises:
            OSError: where it cannot be written; nothing is left of it then.
        """
        sha256 = sha256 or sha256_of(data)
        path = inside(self._folder, f"{TEMPORARY}/{sha256}-{next(self._numbers)}.part")
        try:
            with _opened(path) as file:
                file.write(data)
            if not can_flush_file_system():
                flush(path)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return StagedFile(path, sha256)

    def settle(self) -> None:
        """Bring what is staged to disk; `flush` has little to wait for then."""
        flush_file_system(self._folder)

    def place(self, name: str, staged: StagedFile) -> None:
        """Give a staged file its name; both survive a power cut once `flush` returned.

        Raises:
            OSError: where it cannot be renamed; nothing is left of it then.
        """
        try:
            target = inside(self._folder, name)
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
        """Remove files, and the folders that they leave empty; a file that is already gone is no error.

        Args:
            names: that negmine gives to files of a bank; others are passed over.

        Raises:
            OSError: where a link leads out of the bank.
        """
        for name in names:
            if not (is_half_written(name) or any(is_content_name(name, kind) for kind in CONTENTS)):
                continue
            path = inside(self._folder, name)
            path.unlink(missing_ok=True)
            for parent in path.relative_to(self._folder).parents[:-1]:
                with suppress(OSError):  # it is not empty
                    (self._folder / parent).rmdir()
                    self._unflushed.discard(self._folder / parent)

    def clear_temporary(self) -> None:
        """Remove what killed writers left half-written, and nothing else that is there."""
        if not is_real_folder(self._temporary):
            return
        files = [path for path in self._temporary.iterdir() if path.is_symlink() or not path.is_dir()]
        self.remove([name for path in files if is_half_written(name := f"{TEMPORARY}/{path.name}")])
        with suppress(OSError):  # it is not empty
            self._temporary.rmdir()


def _opened(path: Path) -> BinaryIO:
    """A new file, in a folder that is made where it is not there yet; a link in its place is not followed."""
    try:
        return path.open("xb")
    except FileNotFoundError:
        path.parent.mkdir(exist_ok=True)
        return path.open("xb")
