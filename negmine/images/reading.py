"""Reading the bytes of an image file, of a size that its pixels account for."""

from __future__ import annotations

import os
from io import BufferedReader
from pathlib import Path

from negmine.errors import ImageError
from negmine.files import open_regular
from negmine.images.header import stated_size
from negmine.limits import MAX_PIXELS

_SMALL = 64 << 20  # bytes that any image file may have
_COMPRESSED = 256 << 20  # bytes that one of a compressing format may have
_PIXEL = 8  # bytes of the largest pixel, of four samples of 16 bits


class FileParts:
    """A file of which parts are read."""

    def __init__(self, file: BufferedReader, size: int) -> None:
        self._file = file
        self._size = size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, part: slice, /) -> bytes:
        begin, end, _ = part.indices(self._size)
        self._file.seek(begin)
        return self._file.read(max(end - begin, 0))


def read_image(path: Path) -> bytes:
    """The bytes of an image file.

    Raises:
        ImageError: for a file that is far larger than an image of its pixels, such as a sparse one.
        OSError: where it cannot be read, or is no regular file.
        ValueError: for a NUL in the path.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > _SMALL:
            _require_proportion(FileParts(file, size))
            file.seek(0)
        return file.read(size)


def _require_proportion(data: FileParts) -> None:
    size_wh = stated_size(data)
    pixels = None if size_wh is None else size_wh[0] * size_wh[1]
    most = _COMPRESSED if pixels is None else _SMALL + _PIXEL * min(pixels, MAX_PIXELS)
    if len(data) > most:
        what = "is not expected of any image" if pixels is None else f"is too much for {pixels} pixels"
        raise ImageError(f"the file has {len(data) >> 20} MiB, which {what}; save it again")
