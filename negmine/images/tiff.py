"""The header of a TIFF: the directories of its pages."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Protocol

from negmine.errors import ImageError

_WIDTH, _HEIGHT, _SUBFILE_TYPE, _TILE_WIDTH, _TILE_HEIGHT = 256, 257, 254, 322, 323
_ORIENTATION = 274
_WANTED = frozenset({_WIDTH, _HEIGHT, _SUBFILE_TYPE, _TILE_WIDTH, _TILE_HEIGHT})
_REDUCED = 1  # bit of the subfile type: a smaller copy of another page, such as a thumbnail or a map's overview
_VALUE_FORMATS = {3: "H", 4: "I", 16: "Q"}  # by type: SHORT, LONG, LONG8
_MAX_PAGES = 1000
_MAX_ENTRIES = 65_536  # of all directories together; one has about twenty
_TILE = 1 << 24  # pixels of a tile that may be larger than its image


class View(Protocol):
    """Bytes, or a file of which any part can be read."""

    def __len__(self) -> int: ...
    def __getitem__(self, part: slice, /) -> bytes: ...


@dataclass(slots=True)
class _Reader:
    """Reads directories of one file.

    Attributes:
        data: the file.
        order: of the bytes, as `struct` has it.
        is_big: whether offsets have eight bytes.
        taken: where directories begin and end.
        entries: how many have been read.
    """

    data: View
    order: str
    is_big: bool
    taken: list[tuple[int, int]] = field(default_factory=list)
    entries: int = 0

    def numbers(self, form: str, at: int) -> tuple[int, ...]:
        """The numbers at an offset."""
        form = self.order + form
        return struct.unpack(form, self.data[at : at + struct.calcsize(form)])

    def directory(self, at: int) -> tuple[dict[int, int], int]:
        """The tags that are wanted, and the offset of the next directory (0 after the last)."""
        count_format, entry_format, next_format, width = (
            ("Q", "HHQQ", "Q", 20) if self.is_big else ("H", "HHII", "I", 12)
        )
        value_at = 12 if self.is_big else 8
        (count,) = self.numbers(count_format, at)
        begin = at + struct.calcsize(self.order + count_format)
        self._take(at, begin + count * width, count)
        block = self.data[begin : begin + count * width]
        tags: dict[int, int] = {}
        for index, (tag, kind, number, _) in enumerate(struct.iter_unpack(self.order + entry_format, block)):
            if tag in _WANTED and kind in _VALUE_FORMATS:
                if tag in tags or number != 1:
                    raise ValueError("a size that is there twice, or has several numbers")
                (tags[tag],) = struct.unpack_from(self.order + _VALUE_FORMATS[kind], block, index * width + value_at)
        return tags, self.numbers(next_format, begin + count * width)[0]

    def _take(self, begin: int, end: int, count: int) -> None:
        """Refuse directories that overlap, and more entries than there can be of use."""
        self.entries += count
        if any(begin < other_end and other_begin < end for other_begin, other_end in self.taken):
            raise ImageError("it is a TIFF whose directories overlap, as no program writes them; save it again")
        if self.entries > _MAX_ENTRIES or len(self.taken) >= _MAX_PAGES:
            raise ImageError(
                f"it is a TIFF of over {_MAX_PAGES} pages, or {_MAX_ENTRIES} entries; save pages one by one"
            )
        if end > len(self.data):
            raise ValueError("it ends early")
        self.taken.append((begin, end))


def read_tiff(data: View) -> tuple[tuple[int, int], int]:
    """Width and height of the first page in pixels, and the number of pages, smaller copies of pages not counted.

    Raises:
        ImageError: where directories overlap, or are too many.
        ValueError, struct.error, LookupError: where it is cut short, the first page has no size or two, or a tile is
            far larger than its page.
    """
    is_big = 43 in data[2:4]
    reader = _Reader(data, "<" if data[:1] == b"I" else ">", is_big)
    (offset,) = reader.numbers("Q" if is_big else "I", 8 if is_big else 4)
    pages: list[dict[int, int]] = []
    seen: set[int] = set()
    while offset and offset not in seen:
        seen.add(offset)
        tags, offset = reader.directory(offset)
        pages.append(tags)
    own = sum(not tags.get(_SUBFILE_TYPE, 0) & _REDUCED for tags in pages)
    width, height = pages[0][_WIDTH], pages[0][_HEIGHT]
    if pages[0].get(_TILE_WIDTH, 1) * pages[0].get(_TILE_HEIGHT, 1) > max(_TILE, 2 * width * height):
        raise ValueError("a tile is far larger than its page")
    return (width, height), max(own, 1)


def tiff_orientation(data: View) -> int:
    """The orientation of the first page, 1 to 8.

    Raises:
        ValueError, struct.error: where it is cut short.
    """
    is_big = 43 in data[2:4]
    reader = _Reader(data, "<" if data[:1] == b"I" else ">", is_big)
    (offset,) = reader.numbers("Q" if is_big else "I", 8 if is_big else 4)
    (count,) = reader.numbers("Q" if is_big else "H", offset)
    first, width, value_at = (offset + 8, 20, 12) if is_big else (offset + 2, 12, 8)
    for entry in range(first, first + min(count, _MAX_ENTRIES) * width, width):
        if reader.numbers("H", entry)[0] == _ORIENTATION:
            (found,) = reader.numbers("H", entry + value_at)
            return found if found in range(1, 9) else 1
    return 1
