"""Folders that somebody else may have made: nothing outside of one is read as its own, written or removed.

A bank, an export or a retraining is data, and so are the names in it and the links that an archive may have brought. A
name leads to a file inside its folder, through real folders alone, and only a plain file is opened: a link could stand
for any file of the user, and a pipe or a device could keep the reader waiting for ever.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from io import BufferedReader
from pathlib import Path, PurePosixPath

from negmine.files import open_regular, read_regular, require_size

_NO_FOLDER = "expected a folder, found a link or a file; put the folder itself there"
_NO_FILE = "expected a plain file, found a link, a folder, a pipe or a device; remove it"
_LEADS_OUT = "expected the name of a file in this folder, found one that leads out of it; correct what names it"
_LARGEST = 1 << 30  # bytes of a file that is read whole; the scores of ten million images


def inside(folder: Path, name: str) -> Path:
    """The path of a name in a folder.

    Args:
        folder: trusted, as the user named it; it may be a link itself.
        name: relative to it, with `/` between folders. What it names need not exist.

    Raises:
        OSError: where the name leads out of the folder, by `..`, a drive or a link.
    """
    parts = PurePosixPath(name).parts
    if not is_below(name):
        raise OSError(errno.EINVAL, _LEADS_OUT, str(folder))
    path = folder
    for part in parts[:-1]:
        path = path / part
        if not _is(stat.S_ISDIR, path, missing=True):
            raise OSError(errno.ENOTDIR, _NO_FOLDER, str(path))
    return folder / name


def is_below(name: str) -> bool:
    """Whether a relative name, with `/` between folders, stays below the folder that it is in."""
    parts = PurePosixPath(name).parts
    plain = bool(parts) and not {"/", "//", os.pardir} & set(parts) and "\0" not in name
    return plain and (os.sep == "/" or not ({"\\", ":"} & set(name)))


def is_real_folder(path: Path) -> bool:
    """Whether a folder is there, and no link to one.

    Raises:
        OSError: where that cannot be told.
    """
    return _is(stat.S_ISDIR, path, missing=False)


def require_plain(path: Path) -> None:
    """Refuse anything but a plain file; nothing at all may be there.

    Raises:
        OSError: for a link, a folder, a pipe or a device.
    """
    if not _is(stat.S_ISREG, path, missing=True):
        raise OSError(errno.EINVAL, _NO_FILE, str(path))


def open_plain(path: Path) -> BufferedReader:
    """Open a plain file for reading; a link is not followed, and a pipe not waited for.

    Raises:
        OSError: for anything else, and where it cannot be read.
    """
    return open_regular(path, follow=False)


def read_plain(path: Path) -> bytes:
    """The bytes of a plain file; see `open_plain`.

    Raises:
        OSError: as `open_plain`, and where it is larger than anything that negmine writes and reads whole.
    """
    return read_regular(path, most=_LARGEST, follow=False)


def hash_plain(path: Path) -> str:
    """The hex SHA-256 of a plain file.

    Raises:
        OSError: as `read_plain`; a sparse file of terabytes takes hours to read.
    """
    with open_plain(path) as file:
        require_size(file, _LARGEST)
        return hashlib.file_digest(file, "sha256").hexdigest()


def links_and_others(folder: Path, *, may_link: Callable[[str], bool] = lambda _: False) -> Iterator[Path]:
    """What is neither a folder nor a plain file, in a folder and below; links to folders are not followed.

    Args:
        folder: where to look.
        may_link: whether a link may stand for a file in a folder below it, by its name with `/` between folders.

    Raises:
        OSError: where a folder cannot be searched.
    """
    folders = [(folder, "")]
    while folders:
        here, name = folders.pop()
        with os.scandir(here) as entries:
            for entry in sorted(entries, key=lambda each: os.fsencode(each.name)):
                below = f"{name}/{entry.name}" if name else entry.name
                if entry.is_dir(follow_symlinks=False):
                    folders.append((here / entry.name, below))
                elif not entry.is_file(follow_symlinks=False) and not (may_link(name) and _is_link_to_file(entry)):
                    yield here / entry.name


def _is_link_to_file(entry: os.DirEntry[str]) -> bool:
    """Whether it is a link to a file, or to nothing."""
    return entry.is_symlink() and (entry.is_file() or not os.path.exists(entry.path))  # noqa: PTH110  (links may go round)


def _is(kind: object, path: Path, *, missing: bool) -> bool:
    """Whether what is there is of a kind, links not followed; `missing` where nothing is."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return missing
    return bool(kind(mode))  # type: ignore[operator]
