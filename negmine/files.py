"""Opening, hashing and flushing files, and the one way to write them: whole under their name, or not there at all."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Callable
from functools import cache
from io import BufferedReader
from pathlib import Path

PART = ".negmine-part"  # suffix of a file that is being written


def open_regular(path: Path, *, follow: bool = True) -> BufferedReader:
    """Open a file for reading, in binary: of what a list or folder names, only regular files.

    A pipe would wait for ever, and a device may do anything.

    Args:
        path: the file.
        follow: whether it may be a link to one.

    Raises:
        OSError: where it cannot be opened, or is something else; `strerror` says so.
        ValueError: for a NUL in the path.
    """
    _require_regular(path, path.stat(follow_symlinks=follow).st_mode)  # opening alone does something to some devices
    no_link = 0 if follow else getattr(os, "O_NOFOLLOW", 0)
    file = os.fdopen(os.open(path, os.O_RDONLY | _AT_ONCE | no_link), "rb")
    try:
        _require_regular(path, os.fstat(file.fileno()).st_mode)  # it may have been replaced meanwhile
    except OSError:
        file.close()
        raise
    return file


def read_regular(path: Path, *, most: int = 64 << 20, follow: bool = True) -> bytes:
    """The bytes of a regular file.

    Args:
        path: the file.
        most: bytes that it may have.
        follow: whether it may be a link.

    Raises:
        OSError: as `open_regular`, and where it is larger.
        ValueError: for a NUL in the path.
    """
    with open_regular(path, follow=follow) as file:
        return file.read(require_size(file, most))


def require_size(file: BufferedReader, most: int) -> int:
    """The bytes of an open file.

    Raises:
        OSError: where it has more than `most`.
    """
    size = os.fstat(file.fileno()).st_size
    if size > most:
        what = f"it has over {most >> 20} MiB, which is not expected of such a file"
        raise OSError(errno.EFBIG, what, str(file.name))
    return size


def require_dense(file: Path | BufferedReader) -> None:
    """Refuse a file that is nearly all holes: a few bytes on disk, and terabytes for whoever reads or hashes it.

    File systems that compress, or that do not tell what is on disk, are no reason.

    Args:
        file: its path, or it, opened.

    Raises:
        OSError: where its size cannot be told, or is far more than what is on disk.
    """
    stat = file.stat() if isinstance(file, Path) else os.fstat(file.fileno())
    on_disk = 512 * getattr(stat, "st_blocks", 0)
    if on_disk and stat.st_size > max(_MOST_HOLES * on_disk, _SMALL):
        what = f"it is nearly all holes: {stat.st_size >> 20} MiB, of which {on_disk >> 10} KiB are on disk"
        raise OSError(errno.EFBIG, what, str(file if isinstance(file, Path) else file.name))


_SMALL, _MOST_HOLES = 64 << 20, 16  # bytes, and times what is on disk
_AT_ONCE = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_KINDS = {stat.S_IFLNK: "a link", stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}


def _require_regular(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        found = _KINDS.get(stat.S_IFMT(mode), "a device")
        raise OSError(errno.EINVAL, f"it is {found}, not a file", str(path))


def reason_of(error: OSError | ValueError) -> str:
    """Why a file cannot be opened or read, without its name, for a message that has it."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def sha256_of(data: bytes | memoryview) -> str:
    """Hex SHA-256 of bytes."""
    return hashlib.sha256(data).hexdigest()


def sha256_of_file(path: Path) -> str:
    """Hex SHA-256 of a file of any size.

    Raises:
        OSError: where it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_file(path: Path, data: bytes | memoryview, *, durable: bool = True) -> None:
    """Write `data` to `path` atomically; see `replace_file`."""

    def write(part: Path) -> None:
        part.write_bytes(data)

    replace_file(path, write, durable=durable)


def copy_file(source: Path, target: Path, *, durable: bool = True) -> None:
    """Copy the content of a file atomically; see `replace_file`."""

    def copy(part: Path) -> None:
        shutil.copyfile(source, part)

    replace_file(target, copy, durable=durable)


def replace_file(
    path: Path, write: Callable[[Path], object], *, durable: bool = True, part: Path | None = None
) -> None:
    """Create or replace a file atomically: readers see the old file or the new one, never half of it.

    Args:
        path: the file; its folder is made where there is none.
        write: writes the content to the path that it is given.
        durable: flush the content and the name to disk, so that they survive a power cut.
        part: the temporary file, in the same folder; `path` with the suffix `PART` by default. Processes that may
            write the same file at the same time each need their own.

    Raises:
        OSError: where it cannot be written. The temporary file is removed, whatever happens.
    """
    part = part or path.with_name(path.name + PART)
    path.parent.mkdir(parents=True, exist_ok=True)
    part.unlink(missing_ok=True)  # what a killed process left, or a link of somebody's
    try:
        write(part)
        if durable:
            flush(part)
        part.replace(path)
        if durable:
            flush(path.parent)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def flush(path: Path) -> None:
    """Flush the content of a file, or the names in a folder, to disk.

    Raises:
        OSError: where that fails.
    """
    _with_descriptor(path, os.fsync)


def flush_file_system(path: Path) -> bool:
    """Flush all that was written to the file system of `path`, where the system can do that in one call.

    A hundred new files take about as long as a few that are flushed one by one.

    Returns:
        False where there is no such call: flush each file by itself.

    Raises:
        OSError: where it fails.
    """
    sync = _syncfs()
    if sync is not None:
        _with_descriptor(path, sync)
    return sync is not None


def can_flush_file_system() -> bool:
    """Whether `flush_file_system` does anything here."""
    return _syncfs() is not None


def _with_descriptor(path: Path, work: Callable[[int], object]) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        work(number)
    finally:
        os.close(number)


@cache
def _syncfs() -> Callable[[int], None] | None:
    """Linux' syncfs, of a descriptor of any file or folder there; None on other systems."""
    try:
        library = ctypes.CDLL(None, use_errno=True)
        call = library.syncfs
    except (AttributeError, OSError, TypeError):
        return None

    def sync(descriptor: int) -> None:
        if call(descriptor):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    return sync
