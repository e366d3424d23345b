"""Opening files of tensors, in the format safetensors, so that one costs no more than it holds."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from negmine.files import open_regular, require_dense

_MOST_HEADER = 8 << 20  # bytes; that of a network of ten thousand tensors has one


@contextmanager
def open_tensors(path: Path, framework: Literal["pt", "numpy"]) -> Iterator[Any]:
    """Open a file as `safetensors.safe_open` does.

    Args:
        path: of the file.
        framework: that its tensors are for.

    Raises:
        OSError: where it cannot be read, is nearly all holes, or its header is larger than that of any network.
        SafetensorError: where it is something else, or damaged.
    """
    from safetensors import safe_open

    require_dense(path)
    require_header(path)
    with safe_open(path, framework=framework) as file:
        yield file


def require_header(path: Path) -> None:
    """Refuse a file whose header is larger than that of any network.

    Raises:
        OSError: where it is, or cannot be read.
    """
    with open_regular(path) as file:
        size = int.from_bytes(file.read(8), "little")
    if size > _MOST_HEADER:
        raise OSError(errno.EFBIG, f"its header has over {_MOST_HEADER >> 20} MiB, or it is no such file", str(path))
