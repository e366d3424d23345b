"""Writing checkpoints, so that a kill, a power cut or a full disk never leaves half of one."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from negmine.files import write_file


def save(document: Mapping[str, Any], path: Path) -> None:
    """Write a checkpoint, whole and on the disk, or not at all.

    Raises:
        OSError: where it cannot be written; torch's own errors do not say why.
    """
    buffer = io.BytesIO()
    torch.save(dict(document), buffer)
    write_file(path, buffer.getbuffer(), durable=True)
