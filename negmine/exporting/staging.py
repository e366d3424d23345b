"""Staging the files of an export: each is copied, linked or written beside its name, checked, then renamed."""

from __future__ import annotations

import errno
import hashlib
import io
import os
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from negmine.engines.threads import ThreadEngine
from negmine.errors import BankError, ExportError
from negmine.exporting.config import CopyMethod
from negmine.files import (
    PART,
    can_flush_file_system,
    flush,
    flush_file_system,
    open_regular,
    reason_of,
    sha256_of,
)
from negmine.labels.plan import Content, Plan, StoredFile, StreamedFile
from negmine.paths import printable, real_path

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_TOGETHER = 1000  # files that are flushed at once
_BLOCK = 1 << 20  # bytes that are copied at a time
_LARGEST = 2 << 30  # bytes of a file that is copied: an image may have 200 megapixels of 8 bytes
_MENDING = "`negmine verify` lists all damage, and `negmine bank prune` mends it"


def content_sha256(content: Content | StreamedFile) -> str:
    """Hex SHA-256 that a file will have; a streamed one is written to nowhere for it.

    Raises:
        OSError, BankError, ExportError: as `read_content`, for what a streamed file holds.
    """
    if isinstance(content, StreamedFile):
        sink = _Sha256Sink()
        content.write(cast(BinaryIO, sink), read_content)
        return sink.digest.hexdigest()
    return content.sha256 if isinstance(content, StoredFile) else sha256_of(content)


def place_files(files: Plan, folder: Path, method: CopyMethod, workers: int | None = None) -> None:
    """Put files in place, so many at once; of those, where one cannot be written, none.

    Args:
        files: their content, by name relative to the folder.
        folder: an existing one.
        method: how stored files get there.
        workers: threads; one per core where None.

    Raises:
        OSError, BankError, ExportError: as `StagedFiles.stage`.
    """
    names = list(files)
    for start in range(0, len(names), _TOGETHER):
        _place_together({name: files[name] for name in names[start : start + _TOGETHER]}, folder, method, workers)


def _place_together(files: Plan, folder: Path, method: CopyMethod, workers: int | None) -> None:
    staged = StagedFiles(folder, method)
    try:
        with ThreadEngine(workers, name="negmine-export") as engine:  # nothing is being staged once it is closed
            for _ in engine.map(lambda name: staged.stage(name, files[name]), list(files)):
                pass
        staged.place()
    except BaseException:
        staged.drop()
        raise


class StagedFiles:
    """Files that get their names together: all are first written beside their names, and flushed to disk.

    Where the system can flush them all at once, that takes a fraction of the time of flushing each.

    Args:
        folder: an existing folder, which they are in or below.
        method: how stored files get there.
    """

    def __init__(self, folder: Path, method: CopyMethod) -> None:
        self._folder = folder
        self._method = method
        self._staged: list[str] = []

    def stage(self, name: str, content: Content | StreamedFile) -> None:
        """Write a file beside its name; threads may stage different files at the same time.

        Raises:
            OSError: where it cannot be written.
            BankError: where a file of the bank is missing or damaged.
            ExportError: where a file of the data set is gone, or has changed since it was read.
        """
        part = self._part(name)
        part.parent.mkdir(parents=True, exist_ok=True)
        self._staged.append(name)
        part.unlink(missing_ok=True)
        if isinstance(content, bytes):
            part.write_bytes(content)
            self._flush_if_alone(part)
        elif isinstance(content, StreamedFile):
            with part.open("wb") as file:
                content.write(file, read_content)
            self._flush_if_alone(part)
        elif self._method == "copy" or not content.may_be_linked:
            _copy(content, part)
            self._flush_if_alone(part)
        elif self._method == "hardlink":
            os.link(real_path(checked(content)), part)  # a hard link to a symbolic link would be a symbolic link
        else:
            part.symlink_to(os.path.relpath(real_path(checked(content)), real_path(part.parent)))

    def place(self) -> None:
        """Rename all staged files, once they are safely on disk.

        Raises:
            OSError: where that fails.
        """
        flush_file_system(self._folder)
        for name in self._staged:
            part = self._part(name)
            part.replace(self._folder / name)
            part.unlink(missing_ok=True)  # renaming one link of a file to another of its links leaves both
        self._staged.clear()

    def drop(self) -> None:
        """Remove the staged files that were not renamed."""
        for name in self._staged:
            self._part(name).unlink(missing_ok=True)
        self._staged.clear()

    @staticmethod
    def _flush_if_alone(part: Path) -> None:
        if not can_flush_file_system():
            flush(part)

    def _part(self, name: str) -> Path:
        target = self._folder / name
        return target.with_name(target.name + PART)


def _copy(stored: StoredFile, part: Path) -> None:
    """Copy a file, and check its hash on the way."""
    digest = hashlib.sha256()
    with _opened(stored) as source, part.open("wb") as file:
        for block in _blocks(source, stored):
            digest.update(block)
            file.write(block)
    _require_hash(stored, digest.hexdigest())


def checked(stored: StoredFile) -> Path:
    """The file's path, after checking that its bytes are unchanged.

    Raises:
        OSError: where it cannot be read.
        BankError: where a file of the bank is missing or damaged.
        ExportError: where a file of the data set is gone, or has changed since it was read.
    """
    digest = hashlib.sha256()
    with _opened(stored) as source:
        for block in _blocks(source, stored):
            digest.update(block)
    _require_hash(stored, digest.hexdigest())
    return stored.path


def read_content(content: Content) -> bytes:
    """The bytes of a file, after checking that they are unchanged.

    Raises:
        OSError, BankError, ExportError: as `checked`.
    """
    if isinstance(content, bytes):
        return content
    with _opened(content) as source:
        data = b"".join(_blocks(source, content))
    _require_hash(content, sha256_of(data))
    return data


class _Sha256Sink(io.RawIOBase):
    """A file that keeps nothing but the hash of what is written to it."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        self.digest.update(data)
        return memoryview(data).nbytes


def _opened(stored: StoredFile) -> BufferedReader:
    """A file of a data set, or a plain file of the bank, which may be somebody else's."""
    where = printable(stored.path)
    try:
        return open_regular(stored.path, follow=not stored.in_bank)
    except FileNotFoundError as error:
        if stored.in_bank:
            raise BankError(f"{where} is gone from the bank; {_MENDING}") from error
        raise ExportError(f"{where} is gone since it was read; run the same command again") from error
    except OSError as error:
        if stored.in_bank and error.errno == errno.EINVAL:
            raise BankError(f"{where} is damaged: {reason_of(error)}; {_MENDING}") from error
        raise


def _blocks(file: BufferedReader, stored: StoredFile) -> Iterator[bytes]:
    """The bytes that a file has by its size: what goes on beyond it, as some files of /proc do, has no end."""
    left = os.fstat(file.fileno()).st_size
    if left > _LARGEST:
        kind = BankError if stored.in_bank else ExportError
        raise kind(f"{printable(stored.path)} has {left >> 20} MiB, which is not expected of such a file; {_MENDING}")
    while block := file.read(min(left, _BLOCK)):
        left -= len(block)
        yield block


def _require_hash(stored: StoredFile, sha256: str) -> None:
    if sha256 == stored.sha256:
        return
    where = printable(stored.path)
    if stored.in_bank:
        raise BankError(f"{where} is damaged: its content does not have the hash in its name; {_MENDING}")
    raise ExportError(f"{where} has changed since it was read; run the same command again")
