"""The header of an image file, read before anything is decoded: format, size, number of frames.

Decoders allocate memory before they check a size, follow a file wherever it points, and return the first frame of an
animation as if it were all. Only formats whose header is understood here are decoded, and in so few steps that no file
makes reading its header slow. Pillow reads those of AVIF, BMP and Sun raster; it reads others in steps without a bound,
or warns through Python's warnings, whose filters belong to the whole process and cannot be changed safely in a thread.
"""

from __future__ import annotations

import io
import math
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image as PillowImage
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.ImageFile import ImageFile
from PIL.SunImagePlugin import SunImageFile

from negmine.errors import ImageError
from negmine.images.containers import (
    read_gif,
    read_hdr_size,
    read_jpeg_2000,
    read_pam_size,
    read_pnm_size,
    read_webp,
)
from negmine.images.jpeg import read_jpeg
from negmine.images.png import read_png, read_png_size
from negmine.images.tiff import View, read_tiff

_EXIF_ORIENTATION = 0x0112
HEAD = 1 << 16  # bytes in which the size is, but for TIFF
JPEG_2000_MEMORY = 16  # bytes that decoding takes for each pixel
_ReadSize = Callable[[bytes], tuple[int, int]]
DAMAGED = (  # what readers raise for a header that is cut short or makes no sense
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
        orientation: EXIF's number, 1 to 8, where the decoder does not apply it itself; else 1.
        memory: bytes that decoding takes for each pixel, those of the result and the decoder's own.
    """

    format: str
    size_wh: tuple[int, int]
    frames: int = 1
    orientation: int = 1
    memory: int = 6


def read_header(data: bytes) -> Header:
    """Tell format, size and number of frames from the content.

    Raises:
        ImageError: for bytes that are not an image in a format that negmine reads, or are cut short.
    """
    for each in _FORMATS:
        if each.magic.match(data):
            try:
                return each.read(data)
            except DAMAGED as error:
                raise ImageError(cut_short(each.name, len(data))) from error
    raise ImageError(  # whose bytes are not told: it may be anybody's file
        f"it is not an image in a format that negmine reads ({len(data)} bytes); convert it to JPEG or PNG"
    )


def decoding_bytes(data: bytes) -> int:
    """What decoding an image takes in memory; 0 where its header cannot be read: decoding says what is wrong."""
    try:
        header = read_header(data)
        return header.memory * math.prod(header.size_wh)
    except ImageError:
        return 0


def cut_short(name: str, size: int) -> str:
    """The message for an incomplete file of so many bytes."""
    return f"it is a {name} that is cut short or damaged ({size} bytes); copy or download it again"


def stated_size(data: View) -> tuple[int, int] | None:
    """Width and height of a format in which an image may have gigabytes, pixels; None for any other.

    Args:
        data: the file, of which only a few parts are read.

    Raises:
        ImageError: where it does not state them.
    """
    head = data[:HEAD]
    each = next((each for each in _FORMATS if each.magic.match(head)), None)
    if each is None or each.read_size is None:
        return None
    try:
        return each.read_size(data)
    except DAMAGED as error:
        raise ImageError(cut_short(each.name, len(data))) from error


def _jpeg(data: bytes) -> Header:
    size_wh, orientation, progressive = read_jpeg(data)
    return Header("JPEG", size_wh, orientation=orientation, memory=9 if progressive else 3)


def _avif(data: bytes) -> Header:
    with AvifImageFile(io.BytesIO(data)) as header:
        orientation = header.getexif().get(_EXIF_ORIENTATION, 1)  # Pillow makes it of AVIF's own turns and mirrors
        return Header("AVIF", header.size, header.n_frames, orientation if orientation in range(1, 9) else 1)


def _by_pillow(plugin: type[ImageFile]) -> _ReadSize:
    def read(data: bytes) -> tuple[int, int]:
        with plugin(io.BytesIO(data)) as header:
            return header.size

    return read


@dataclass(frozen=True, slots=True)
class _Format:
    """A format that is recognised.

    Attributes:
        name: as people call it.
        magic: how its files begin.
        read: its header.
        read_size: only its size, from a few parts of the file, where an image may have gigabytes.
    """

    name: str
    magic: re.Pattern[bytes]
    read: Callable[[bytes], Header]
    read_size: Callable[[View], tuple[int, int]] | None = None


def _single(name: str, magic: bytes, read_size: _ReadSize, *, may_be_large: bool = False, memory: int = 6) -> _Format:
    """A format that holds one image."""
    early = (lambda data: read_size(data[:HEAD])) if may_be_large else None
    return _Format(name, re.compile(magic, re.DOTALL), lambda data: Header(name, read_size(data), memory=memory), early)


def _several(
    name: str,
    magic: bytes,
    read: Callable[[bytes], tuple[tuple[int, int], int]],
    read_size: Callable[[View], tuple[int, int]] | None = None,
) -> _Format:
    """A format that may hold several frames or pages."""
    return _Format(name, re.compile(magic, re.DOTALL), lambda data: Header(name, *read(data)), read_size)


def _refused(name: str, magic: bytes, why: str) -> _Format:
    def refuse(_: bytes) -> Header:
        raise ImageError(why)

    return _Format(name, re.compile(magic, re.DOTALL), refuse)


_HEIC = "it is a HEIC image, which OpenCV does not read; convert it to JPEG or PNG"
_PFM = "it is a PFM of floating-point samples, whose range nobody knows; save it with 8 or 16 bits a sample"
_FORMATS = (
    _Format("JPEG", re.compile(rb"\xff\xd8\xff"), _jpeg),
    _several("PNG", rb"\x89PNG\r\n\x1a\n", read_png, lambda data: read_png_size(data[:HEAD])),
    _several("TIFF", rb"II[*+]\0|MM\0[*+]", read_tiff, lambda data: read_tiff(data)[0]),
    _several("WebP", rb"RIFF.{4}WEBP", read_webp),
    _several("GIF", rb"GIF8[79]a", read_gif),
    _single("BMP", rb"BM", _by_pillow(BmpImageFile), may_be_large=True),
    _Format("AVIF", re.compile(rb".{4}ftyp(.{4}){0,15}?avi[fs]", re.DOTALL), _avif),
    _refused("HEIC", rb".{4}ftyp(hei[cmsx]|hev[cmsx]|mif1|msf1)", _HEIC),
    _single("JPEG 2000", rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51", read_jpeg_2000, memory=JPEG_2000_MEMORY),
    _single("PNM", rb"P[1-6][\s#]", read_pnm_size, may_be_large=True),
    _single("PAM", rb"P7\s", read_pam_size, may_be_large=True),
    _refused("PFM", rb"P[Ff]\s", _PFM),
    _single("Radiance HDR", rb"#\?R(ADIANCE|GBE)", read_hdr_size, memory=15),
    _single("Sun raster", rb"\x59\xa6\x6a\x95", _by_pillow(SunImageFile), may_be_large=True),
)
