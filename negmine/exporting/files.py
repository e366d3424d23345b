"""Putting the files of an export in place: copied, linked or written; never seen half, and only if they are whole."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from negmine.errors import BankError, ExportError
from negmine.exporting.config import CopyMethod
from negmine.exporting.plan import Content, StoredFile
from negmine.paths import printable

PART = ".negmine-part"  # suffix of a file that is being written
_BLOCK = 1 << 20  # bytes that are copied at a time


def file_sha256(path: Path) -> str:
    """Hex SHA-256 of a file of any size."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def content_sha256(content: Content) -> str:
    """Hex SHA-256 of what a file is going to be."""
    return content.sha256 if isinstance(content, StoredFile) else hashlib.sha256(content).hexdigest()


def write_file(target: Path, content: Content, method: CopyMethod) -> None:
    """Write a file, or replace it; threads may do so with different files at the same time.

    Raises:
        OSError: where it cannot be written.
        BankError: where a file of the bank is missing or damaged.
        ExportError: where a file of the data set is gone, or is another than it was when it was read.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        replace(target, lambda part: _flushed(part, content))
    elif method == "hardlink":
        replace(target, lambda part: os.link(_whole(content).resolve(), part))  # a link to a link would be none
    elif method == "symlink":
        link = os.path.relpath(_whole(content).resolve(), target.parent.resolve())
        replace(target, lambda part: part.symlink_to(link))
    else:
        replace(target, lambda part: _copy(content, part))


def replace(target: Path, make: Callable[[Path], object]) -> None:
    """Make a file under another name and rename it, so that nobody ever sees half of it."""
    part = target.with_name(target.name + PART)
    part.unlink(missing_ok=True)
    try:
        make(part)
        part.replace(target)
        part.unlink(missing_ok=True)  # renaming one link of a file to another of its links leaves both
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def replace_bytes(target: Path, data: bytes) -> None:
    """The same for a file of these bytes."""
    replace(target, lambda part: _flushed(part, data))


def _flushed(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _copy(stored: StoredFile, part: Path) -> None:
    """Copy, and hash what is copied."""
    _require_there(stored)
    digest = hashlib.sha256()
    with stored.path.open("rb") as source, part.open("wb") as file:
        while block := source.read(_BLOCK):
            digest.update(block)
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    _require_same(stored, digest.hexdigest())


def _whole(stored: StoredFile) -> Path:
    """The file's path, once its bytes are known to be what they were."""
    _require_there(stored)
    _require_same(stored, file_sha256(stored.path))
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
