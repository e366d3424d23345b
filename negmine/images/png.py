"""The header of a PNG, and its chunks: each lies in the file, so that no decoder makes room for more."""

from __future__ import annotations

import struct

from negmine.errors import ImageError
from negmine.limits import MAX_PIXELS

_FIRST = b"\0\0\0\rIHDR"
_MAX_CHUNKS = 250_000  # of 8 KiB, as encoders write them: 2 GiB
_RATIO = 1032  # bytes that one compressed byte gives at most (zlib, "Maximum Compression Factor")
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
_LEAD = 8  # bytes of the signature


def read_png_size(data: bytes) -> tuple[int, int]:
    """Width and height that the first chunk states, pixels.

    Raises:
        ValueError, struct.error: where that is no header.
    """
    if data[_LEAD : _LEAD + 8] != _FIRST:
        raise ValueError("expected the header first")
    width, height = struct.unpack_from(">II", data, _LEAD + 8)
    return width, height


def read_png(data: bytes) -> tuple[tuple[int, int], int]:
    """Width and height in pixels, and the number of frames of an animation, else 1.

    Raises:
        ImageError: where a chunk ends beyond the file.
        ValueError, struct.error: where it is cut short, or too short for the pixels that it states.
    """
    size_wh, frames, compressed, at = read_png_size(data), 1, 0, _LEAD
    for index in range(_MAX_CHUNKS):
        (length,), name = struct.unpack_from(">I", data, at), data[at + 4 : at + 8]
        if name == b"IEND":
            break
        if at + 12 + length > len(data):
            raise ImageError(
                f"it is a PNG that is cut short ({len(data)} bytes): a chunk ends beyond the file; copy it again"
            )
        if index and name == b"IHDR":
            raise ValueError("two headers")
        if name == b"IDAT":
            compressed += length
        elif name == b"acTL":
            frames = max(int(struct.unpack_from(">I", data, at + 8)[0]), 1)
        at += 12 + length
    else:
        raise ValueError("more chunks than any encoder writes")
    if compressed * _RATIO < _raw_bytes(data, size_wh) and size_wh[0] * size_wh[1] <= MAX_PIXELS:
        raise ValueError("so few bytes cannot hold the pixels")
    return size_wh, frames


def _raw_bytes(data: bytes, size_wh: tuple[int, int]) -> int:
    """What its pixels take before they are compressed, without the byte of each row that names its filter."""
    bits, colour = data[_LEAD + 16], data[_LEAD + 17]
    return size_wh[0] * size_wh[1] * _SAMPLES.get(colour, 1) * bits // 8
