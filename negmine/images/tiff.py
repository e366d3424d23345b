"""The header of a TIFF: a chain of directories, one a page, each a table of tags (TIFF 6.0; BigTIFF)."""

from __future__ import annotations

import struct

_WIDTH, _HEIGHT, _SUBFILE_TYPE = 256, 257, 254
_REDUCED = 1  # bit of the subfile type: a smaller copy of another page, such as a thumbnail or a map's overview
_VALUE_FORMATS = {3: "H", 4: "I", 16: "Q"}  # by type: SHORT, LONG, LONG8


def read_tiff_header(data: bytes) -> tuple[tuple[int, int], int]:
    """Size (width, height) of the first page in pixels, and the number of pages, smaller copies of pages not counted.

    Raises:
        struct.error, LookupError: where it is cut short, or the first page has no size.
    """
    order = "<" if data[:1] == b"I" else ">"
    is_big = 43 in data[2:4]
    (offset,) = struct.unpack_from(order + ("Q" if is_big else "I"), data, 8 if is_big else 4)
    pages: list[dict[int, int]] = []
    seen: set[int] = set()
    while offset and offset not in seen:
        seen.add(offset)
        tags, offset = _directory(data, offset, order, is_big)
        pages.append(tags)
    own = sum(not tags.get(_SUBFILE_TYPE, 0) & _REDUCED for tags in pages)
    return (pages[0][_WIDTH], pages[0][_HEIGHT]), max(own, 1)


def _directory(data: bytes, offset: int, order: str, is_big: bool) -> tuple[dict[int, int], int]:
    """The tags that are needed, and the offset of the next directory (0 after the last)."""
    count_format, entry_format, next_format = ("Q", "HHQ", "Q") if is_big else ("H", "HHI", "I")
    (count,) = struct.unpack_from(order + count_format, data, offset)
    entries = offset + struct.calcsize("<" + count_format)
    head, width = struct.calcsize("<" + entry_format), 20 if is_big else 12
    (following,) = struct.unpack_from(order + next_format, data, entries + count * width)  # first: bounds `count`
    tags: dict[int, int] = {}
    for at in range(entries, entries + count * width, width):
        tag, kind, _ = struct.unpack_from(order + entry_format, data, at)
        if tag in (_WIDTH, _HEIGHT, _SUBFILE_TYPE) and kind in _VALUE_FORMATS:
            (tags[tag],) = struct.unpack_from(order + _VALUE_FORMATS[kind], data, at + head)
    return tags, following
