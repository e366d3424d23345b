"""The headers of WebP, GIF, JPEG 2000, PNM, PAM and Radiance HDR, in a bounded number of steps."""

from __future__ import annotations

import re
import struct

_TEXT = 1 << 16  # bytes that a header of text may have
_BLANK = rb"(?:[ \t\n\v\f\r]|#[^\n\r]*+[\n\r])"  # a comment ends with its line
_PNM = re.compile(rb"P[1-6]%(b)s++(\d{1,10})%(b)s++(\d{1,10})[ \t\n\v\f\r]" % {b"b": _BLANK})
_MAX_BLOCKS = 250_000  # of a GIF, of 255 bytes at most: 64 MB
_MAX_CHUNKS = 10_000
_ANIMATION = 2  # bit of WebP's flags
_MAX_COMPONENTS = 4  # as OpenCV


def read_webp(data: bytes) -> tuple[tuple[int, int], int]:
    """Width and height in pixels, and the number of frames.

    Raises:
        ValueError, struct.error: where it is cut short or damaged.
    """
    name, (length,) = data[12:16], struct.unpack_from("<I", data, 4)
    if length + 8 > len(data):
        raise ValueError("it ends early")
    if name == b"VP8 ":
        if data[23:26] != b"\x9d\x01\x2a":
            raise ValueError("no key frame")
        width, height = struct.unpack_from("<HH", data, 26)
        return (width & 0x3FFF, height & 0x3FFF), 1
    if name == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1), 1
    if name != b"VP8X":
        raise ValueError("no image")
    sides = data[24:30].ljust(6, b"\0")
    size_wh = int.from_bytes(sides[:3], "little") + 1, int.from_bytes(sides[3:], "little") + 1
    return size_wh, max(_webp_frames(data), 1) if data[20] & _ANIMATION else 1


def _webp_frames(data: bytes) -> int:
    frames, at = 0, 12
    for _ in range(_MAX_CHUNKS):
        if at + 8 > len(data):
            break
        frames += data[at : at + 4] == b"ANMF"
        (length,) = struct.unpack_from("<I", data, at + 4)
        at += 8 + length + length % 2
    return frames


def read_gif(data: bytes) -> tuple[tuple[int, int], int]:
    """Width and height in pixels, and the number of frames.

    Raises:
        ValueError, struct.error, IndexError: where it is cut short or damaged.
    """
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at, frames, left = 13 + _colours(flags), 0, _MAX_BLOCKS
    while (kind := data[at]) != 0x3B:  # the end
        if kind == 0x2C:
            frames += 1
            at += 11 + _colours(data[at + 9])
        elif kind == 0x21:
            at += 2
        else:
            raise ValueError("no block")
        while data[at]:
            at, left = at + 1 + data[at], left - 1
            if not left:
                raise ValueError("more blocks than any encoder writes")
        at, left = at + 1, left - 1
    if not frames:
        raise ValueError("no image")
    return (width, height), frames


def _colours(flags: int) -> int:
    """Bytes of a table of colours."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def read_jpeg_2000(data: bytes) -> tuple[int, int]:
    """Width and height in pixels, of the code stream.

    Raises:
        ValueError, struct.error: where there is none, or it has more components than are read.
    """
    at = 0
    if data[:4] != b"\xff\x4f\xff\x51":
        for _ in range(_MAX_CHUNKS):
            length, name = struct.unpack_from(">I4s", data, at)
            head = 8
            if length == 1:
                (length,), head = struct.unpack_from(">Q", data, at + 8), 16
            if name == b"jp2c":
                at += head
                break
            if length < head:
                raise ValueError("no code stream")
            at += length
    mark, _, _, right, low, left, top = struct.unpack_from(">4sHHIIII", data, at)
    (components,) = struct.unpack_from(">H", data, at + 40)
    if mark != b"\xff\x4f\xff\x51" or not 1 <= components <= _MAX_COMPONENTS or right <= left or low <= top:
        raise ValueError("no size, or too many components")
    return right - left, low - top


def read_pnm_size(data: bytes) -> tuple[int, int]:
    """Width and height in pixels.

    Raises:
        ValueError: where they are not in the first 64 KiB. Signs in a number are refused: readers disagree about them.
    """
    found = _PNM.match(data[:_TEXT])
    if found is None:
        raise ValueError("no size")
    return int(found[1]), int(found[2])


def read_pam_size(data: bytes) -> tuple[int, int]:
    """As `read_pnm_size`; of several sizes, as in a comment, the largest counts."""
    text = _until(b"\nENDHDR", data)
    return _largest(rb"\sWIDTH\s+(\d{1,10})\s", text), _largest(rb"\sHEIGHT\s+(\d{1,10})\s", text)


def read_hdr_size(data: bytes) -> tuple[int, int]:
    """As `read_pam_size`."""
    end = re.compile(rb"\n-Y +\d{1,10} +\+X +\d{1,10}\n").search(data[:_TEXT])
    if end is None:
        raise ValueError("no size")
    text = data[: end.end()]
    return _largest(rb"\+X +(\d{1,10})\n", text), _largest(rb"-Y +(\d{1,10})", text)


def _until(mark: bytes, data: bytes) -> bytes:
    end = data[:_TEXT].find(mark)
    if end < 0:
        raise ValueError("no end of the header")
    return data[: end + 1]


def _largest(pattern: bytes, text: bytes) -> int:
    return max(map(int, re.findall(pattern, text)))
