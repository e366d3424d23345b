"""The header of a JPEG: its segments up to the first scan, and how many scans there are."""

from __future__ import annotations

import math
import re
import struct

import numpy as np

from negmine.errors import ImageError
from negmine.images.exif import exif_orientation
from negmine.limits import MAX_PIXELS

MAX_SCANS = 64  # encoders write about ten, or twenty; the decoder goes over the whole image for each
_FEW_SCANS, _MOST_WORK = 16, 500_000_000  # scans of an image of any size; pixels of all scans, where there are more
_MAX_SEGMENTS = 10_000  # before the first scan; the profiles and previews of cameras are in a few dozens
_EXIF = b"Exif\0\0"
_SCAN, _END = b"\xff\xda", b"\xff\xd9"
_MARKER = re.compile(rb"\xff([^\xff])", re.DOTALL)  # after any number of 0xff
_NEXT_MARKER = re.compile(rb"\xff([^\xff\x00\x01\xd0-\xd8])", re.DOTALL)  # one with a body, or the end
_PIXELS_A_BYTE = 512  # at most: each block of 64 takes a bit, where bits are Huffman's; an arithmetic code takes less
_HUFFMAN, _ARITHMETIC_SAVES = range(0xC0, 0xC4), 8  # numbers of frames
_PROGRESSIVE = frozenset({0xC2, 0xCA})
_ALONE = frozenset({0x00, 0x01, *range(0xD0, 0xD9)})  # markers without a body, and what is no marker
_NO_FRAMES = frozenset({0xC4, 0xC8, 0xCC})  # among the numbers of frames: tables


def read_jpeg(data: bytes) -> tuple[tuple[int, int], int, bool]:
    """Width and height in pixels, as stored, the orientation by EXIF, 1 to 8, and whether it is progressive.

    Phones and cameras append more images (MPO), which do not count.

    Raises:
        ImageError: for more scans than any encoder writes.
        ValueError, struct.error: where it is cut short, or has no frame or two.
    """
    size_wh, scan, number, exif = _frame(data)
    pixels = math.prod(size_wh)
    most = _PIXELS_A_BYTE * (1 if number in _HUFFMAN else _ARITHMETIC_SAVES) * len(data)
    if most < pixels <= MAX_PIXELS:
        raise ValueError("so few bytes cannot hold the pixels")
    if data.rfind(_END, scan) < 0:  # what follows the scans need not end at the end marker, but must have one
        raise ValueError("no end")
    most = min(MAX_SCANS, max(_FEW_SCANS, _MOST_WORK // max(pixels, 1)))
    if _most_scans(data, scan) > most:
        _require_few_scans(data, scan, most)
    return size_wh, exif_orientation(exif), number in _PROGRESSIVE


def _frame(data: bytes) -> tuple[tuple[int, int], int, int, bytes]:
    """Width and height, where the first scan begins, the number of the kind of frame, and the block of EXIF."""
    size_wh, number, exif, at = None, 0, b"", 2
    for _ in range(_MAX_SEGMENTS):
        found = _MARKER.search(data, at)
        if found is None:
            break
        marker, at = found[1][0], found.end()
        if marker in _ALONE:
            continue
        if marker == _SCAN[1] and size_wh is not None:
            return size_wh, at - 2, number, exif
        (length,) = struct.unpack_from(">H", data, at)
        if marker in _SCAN + _END or length < 2 or at + length > len(data):
            break
        if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAMES:
            if size_wh is not None:
                break
            height, width = struct.unpack_from(">HH", data, at + 3)
            size_wh, number = (width, height), marker
        if marker == 0xE1 and not exif and data[at + 2 : at + 8] == _EXIF:
            exif = data[at + 8 : at + length]
        at += length
    raise ValueError("expected one frame and then a scan")


def _most_scans(data: bytes, at: int) -> int:
    """As many scans as there may be at most. In what is compressed, 0xff is never followed by the mark of a scan."""
    pairs = (np.frombuffer(data, "<u2", (len(data) - start) // 2, start) for start in (at, at + 1))
    return sum(int(np.count_nonzero(each == int.from_bytes(_SCAN, "little"))) for each in pairs)  # faster than `count`


def _require_few_scans(data: bytes, at: int, most: int) -> None:
    """Count the scans of the image itself: not those in tables, or in what is appended."""
    scans = 0
    while (found := _NEXT_MARKER.search(data, at)) is not None and found[1] != _END[1:]:
        scans += found[1] == _SCAN[1:]
        if scans > most:
            raise ImageError(f"it is a JPEG of over {most} scans, more than encoders write; save it again")
        at = found.end() + int.from_bytes(data[found.end() : found.end() + 2], "big")
