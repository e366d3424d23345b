"""Writing what a training keeps, so that a kill, a power cut or a full disk never leaves half of it."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch


def save(document: Mapping[str, Any], path: Path) -> None:
    """Write a checkpoint, whole and on the disk, or not at all.

    Raises:
        OSError: where it cannot be written; torch's own errors do not say why.
    """
    buffer = io.BytesIO()
    torch.save(dict(document), buffer)
    part = path.with_suffix(".part")
    try:
        with part.open("wb") as file:
            file.write(buffer.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
