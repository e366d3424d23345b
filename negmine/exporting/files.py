"""Putting the files of an export in place: copied, linked or written; never seen half, and only if they are whole."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from negmine.errors import BankError, ExportError
from negmine.exporting.config import CopyMethod
from negmine.exporting.plan import Content, StoredFile
from negmine.files import PART, can_flush_file_system, flush, flush_file_system, sha256_of, sha256_of_file
from negmine.paths import printable

_BLOCK = 1 << 20  # bytes that are copied at a time


def content_sha256(content: Content) -> str:
    """Hex SHA-256 of what a file is going to be."""
    return content.sha256 if isinstance(content, StoredFile) else sha256_of(content)


class Placed:
    """Files that are put in place together: first all of them beside their names, then, safely on disk, under these.

    Where the system can flush all at once, that takes a fraction of the time of flushing each.

    Args:
        folder: that they are in, or below; there already.
        method: how stored files get there.
    """

    def __init__(self, folder: Path, method: CopyMethod) -> None:
        self._folder = folder
        self._method = method
        self._parts: list[str] = []

    def stage(self, name: str, content: Content) -> None:
        """Make a file beside its name; threads may do so with different files at the same time.

        Raises:
            OSError: where it cannot be written.
            BankError: where a file of the bank is missing or damaged.
            ExportError: where a file of the data set is gone, or is another than it was when it was read.
        """
        part = self._part(name)
        part.parent.mkdir(parents=True, exist_ok=True)
        self._parts.append(name)
        part.unlink(missing_ok=True)
        if isinstance(content, bytes):
            part.write_bytes(content)
            self._flush_if_alone(part)
        elif self._method == "hardlink":
            os.link(_whole(content).resolve(), part)  # a link to a link would be none
        elif self._method == "symlink":
            part.symlink_to(os.path.relpath(_whole(content).resolve(), part.parent.resolve()))
        else:
            _copy(content, part)
            self._flush_if_alone(part)

    def place(self) -> None:
        """Give all that is staged its name, once it is safely on disk.

        Raises:
            OSError: where that fails.
        """
        flush_file_system(self._folder)
        for name in self._parts:
            part = self._part(name)
            part.replace(self._folder / name)
            part.unlink(missing_ok=True)  # renaming one link of a file to another of its links leaves both
        self._parts.clear()

    def drop(self) -> None:
        """Remove what is staged and not in place."""
        for name in self._parts:
            self._part(name).unlink(missing_ok=True)
        self._parts.clear()

    @staticmethod
    def _flush_if_alone(part: Path) -> None:
        if not can_flush_file_system():
            flush(part)

    def _part(self, name: str) -> Path:
        target = self._folder / name
        return target.with_name(target.name + PART)


def _copy(stored: StoredFile, part: Path) -> None:
    """Copy, and hash what is copied."""
    _require_there(stored)
    digest = hashlib.sha256()
    with stored.path.open("rb") as source, part.open("wb") as file:
        while block := source.read(_BLOCK):
            digest.update(block)
            file.write(block)
    _require_same(stored, digest.hexdigest())


def _whole(stored: StoredFile) -> Path:
    """The file's path, once its bytes are known to be what they were."""
    _require_there(stored)
    _require_same(stored, sha256_of_file(stored.path))
    return stored.path


def _require_there(stored: StoredFile) -> None:
    if stored.path.is_file():
        return
    where = printable(stored.path)
    if stored.in_bank:
        raise BankError(f"{where} is gone from the bank; `negmine verify` lists all that is wrong with the bank")
    raise ExportError(f"{where} is gone since it was read; run the same command again")


def _require_same(stored: StoredFile, sha256: str) -> None:
    if sha256 == stored.sha256:
        return
    where = printable(stored.path)
    if stored.in_bank:
        raise BankError(
            f"{where} is damaged: it does not have the hash that is its name; `negmine verify` lists all that is wrong "
            "with the bank"
        )
    raise ExportError(f"{where} was changed since it was read; run the same command again")
