"""The header of an image file, read before anything is decoded: format, size, number of frames.

Decoders allocate memory before they check a size, and return the first frame of an animation as if it were all. Only
formats whose header is understood here are decoded. Pillow reads the headers, except for JPEG, PNG and TIFF: there it
warns through Python's warnings, whose filters belong to the whole process and cannot be changed safely in a thread.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image as PillowImage
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile
from PIL.PpmImagePlugin import PpmImageFile
from PIL.SunImagePlugin import SunImageFile
from PIL.WebPImagePlugin import WebPImageFile

from negmine.errors import ImageError

_EXIF_ORIENTATION = 0x0112
_DAMAGED = (  # what readers raise for a header that is cut short or makes no sense
    *(OSError, SyntaxError, EOFError, ValueError, LookupError, TypeError, OverflowError, RuntimeError, struct.error),
    *(PillowImage.DecompressionBombError, Warning),  # Pillow's own limit; a warning, where the user made them errors
)


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of its image.

    Attributes:
        format: as people call it, such as `JPEG`.
        size_wh: width and height in pixels, as stored.
        frames: frames or pages; 1 for a photograph with embedded previews.
        orientation: EXIF's number, 1 to 8, where OpenCV does not apply it itself; else 1.
    """

    format: str
    size_wh: tuple[int, int]
    frames: int = 1
    orientation: int = 1


def read_header(data: bytes) -> Header:
    """Tell format, size and number of frames from the content.

    Raises:
        ImageError: for bytes that are not an image in a format that negmine reads, or are cut short.
    """
    for name, magic, read in _FORMATS:
        if magic.match(data):
            try:
                return read(data)
            except _DAMAGED as error:
                raise ImageError(cut_short(name, data)) from error
    raise ImageError(
        f"it is not an image in a format that negmine reads: {len(data)} bytes that begin with {data[:12]!r}"
    )


def cut_short(name: str, data: bytes) -> str:
    """The message for an incomplete file."""
    return f"it is a {name} that is cut short or damaged ({len(data)} bytes); copy or download it again"


def _jpeg(data: bytes) -> Header:
    """Walk the segments up to the scan. Phones and cameras append more images (MPO), which are not counted."""
    size_wh, at = None, 2
    while True:
        at = data.index(b"\xff", at)
        marker = data[at + 1]
        if marker == 0xFF:  # padding
            at += 1
        elif marker in (0x00, 0x01) or 0xD0 <= marker <= 0xD8:  # they have no body
            at += 2
        elif marker == 0xDA:  # the scan; what follows need not end at its end marker, but must have one
            if size_wh is None or data.rfind(b"\xff\xd9", at) < 0:
                raise ValueError
            return Header("JPEG", size_wh)
        else:
            length, _, height, width = struct.unpack_from(">HBHH", data, at + 2)
            if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # start of frame
                size_wh = (width, height)
            at += 2 + length


def _png(data: bytes) -> Header:
    """Walk the chunks up to the pixels, past an `acTL` where it is an animation."""
    size_wh, frames, at = struct.unpack_from(">II", data, 16), 1, 8
    while (name := data[at + 4 : at + 8]) != b"IDAT":
        if name == b"acTL":
            frames = max(struct.unpack_from(">I", data, at + 8)[0], 1)
        at += 12 + int(struct.unpack_from(">I", data, at)[0])
    if data.rfind(b"IEND", at) < 0:
        raise ValueError
    return Header("PNG", size_wh, frames)


def _tiff(data: bytes) -> Header:
    return Header("TIFF", *read_tiff_header(data))


def _avif(data: bytes) -> Header:
    with AvifImageFile(io.BytesIO(data)) as header:
        orientation = header.getexif().get(_EXIF_ORIENTATION, 1)  # Pillow makes it of AVIF's own turns and mirrors
        return Header("AVIF", header.size, header.n_frames, orientation if orientation in range(1, 9) else 1)


def _by_pillow(name: str, plugin: type[ImageFile]) -> Callable[[bytes], Header]:
    def read(data: bytes) -> Header:
        with plugin(io.BytesIO(data)) as header:
            return Header(name, header.size, int(getattr(header, "n_frames", 1)))

    return read


def _by_pattern(name: str, width: bytes, height: bytes) -> Callable[[bytes], Header]:
    """A reader for headers of plain text; of several sizes in them, as in a comment, the largest counts."""

    def read(data: bytes) -> Header:
        text = data[:65536]
        return Header(name, (max(map(int, re.findall(width, text))), max(map(int, re.findall(height, text)))))

    return read


def _refused(message: str) -> Callable[[bytes], Header]:
    def read(_: bytes) -> Header:
        raise ImageError(message)

    return read


_HEIC = "it is a HEIC image, which OpenCV does not read; convert it to JPEG or PNG"
_PFM = "it is a PFM of floating-point samples, whose range nobody knows; save it with 8 or 16 bits a sample"
_FORMATS: tuple[tuple[str, re.Pattern[bytes], Callable[[bytes], Header]], ...] = tuple(
    (name, re.compile(magic, re.DOTALL), read)
    for name, magic, read in (
        ("JPEG", rb"\xff\xd8\xff", _jpeg),
        ("PNG", rb"\x89PNG\r\n\x1a\n", _png),
        ("TIFF", rb"II[*+]\0|MM\0[*+]", _tiff),
        ("WebP", rb"RIFF.{4}WEBP", _by_pillow("WebP", WebPImageFile)),
        ("GIF", rb"GIF8[79]a", _by_pillow("GIF", GifImageFile)),
        ("BMP", rb"BM", _by_pillow("BMP", BmpImageFile)),
        ("AVIF", rb".{4}ftyp(.{4}){0,15}?avi[fs]", _avif),
        ("HEIC", rb".{4}ftyp(hei[cmsx]|hev[cmsx]|mif1|msf1)", _refused(_HEIC)),
        ("JPEG 2000", rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51", _by_pillow("JPEG 2000", Jpeg2KImageFile)),
        ("PNM", rb"P[1-6][\s#]", _by_pillow("PNM", PpmImageFile)),
        ("PAM", rb"P7\s", _by_pattern("PAM", rb"\sWIDTH\s+(\d+)", rb"\sHEIGHT\s+(\d+)")),
        ("PFM", rb"P[Ff]\s", _refused(_PFM)),
        ("Radiance HDR", rb"#\?R(ADIANCE|GBE)", _by_pattern("Radiance HDR", rb"\+X (\d+)\n", rb"\n-Y (\d+)")),
        ("Sun raster", rb"\x59\xa6\x6a\x95", _by_pillow("Sun raster", SunImageFile)),
    )
)


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
