"""Reading and hashing label files."""

from __future__ import annotations

import hashlib
from pathlib import Path

from negmine.errors import LabelError

_LARGEST = 64 << 20  # bytes of one image's labels; more is no label file


def hash_of(data: bytes) -> str:
    """Hex SHA-256."""
    return hashlib.sha256(data).hexdigest()


def read_label(path: Path) -> bytes | LabelError:
    """The bytes of a label file, or what is wrong with it, to be raised when its image is read."""
    try:
        if path.stat().st_size > _LARGEST:
            return LabelError(f"it has over {_LARGEST >> 20} MiB, which is no label file")
        return path.read_bytes()
    except OSError as error:
        return LabelError(f"it cannot be read: {error.strerror}")
