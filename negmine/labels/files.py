"""Reading and hashing label files."""

from __future__ import annotations

import hashlib
from pathlib import Path

from negmine.errors import LabelError
from negmine.paths import printable

_LARGEST = 64 << 20  # bytes of one image's labels; more is no label file


def hash_of(data: bytes) -> str:
    """Hex SHA-256."""
    return hashlib.sha256(data).hexdigest()


def read_label(path: Path) -> bytes:
    """The bytes of a label file.

    Raises:
        LabelError: where it cannot be read, is no plain file, or is too large for one.
    """
    try:
        if not path.is_file():  # a pipe would be waited for
            raise LabelError(f"{printable(path)}: expected a label file, found something else; remove it")
        if path.stat().st_size > _LARGEST:
            raise LabelError(f"{printable(path)}: it has over {_LARGEST >> 20} MiB, which is no label file; remove it")
        return path.read_bytes()
    except OSError as error:
        raise LabelError(f"{printable(path)}: it cannot be read: {error.strerror or error}") from error
