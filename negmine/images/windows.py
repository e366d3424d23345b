"""Image files that are too large to be decoded as a whole, and of which parts are read: TIFF and JPEG 2000.

GDAL reads them, through rasterio: it reads parts of both formats, in blocks, and its wheels bring all that it needs. It
is kept to these two formats and to the file itself: it follows no name in it, and looks for no file beside it.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from negmine.errors import ImageError
from negmine.files import open_regular
from negmine.images.containers import read_jpeg_2000
from negmine.images.header import DAMAGED, HEAD, JPEG_2000_MEMORY, Header, read_header
from negmine.images.reading import FileParts, read_image
from negmine.images.tiff import read_tiff, tiff_orientation
from negmine.limits import MAX_DECODING, MAX_PIXELS
from negmine.structures import FileStamp, Image

MEMORY = 256 << 20  # bytes that an open file takes: blocks that GDAL keeps, and one that it decodes
_CACHE = 128 << 20  # bytes of blocks that GDAL keeps, of all files
_BLOCK = 128 << 20  # bytes of the largest block
_DRIVERS = {"TIFF": "GTiff", "JPEG 2000": "JP2OpenJPEG"}
_MOST = {"TIFF": MAX_PIXELS, "JPEG 2000": MAX_DECODING // JPEG_2000_MEMORY}  # pixels that are decoded as a whole
_OPTIONS = {
    "GDAL_CACHEMAX": _CACHE,
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_NUM_THREADS": "1",
    "GDAL_PAM_ENABLED": "NO",
}
_TIFF = (b"II*\0", b"II+\0", b"MM\0*", b"MM\0+")
_JPEG_2000 = (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51")
_COLOUR = (("red", "green", "blue"), ("undefined",) * 3)
_GREY = ("gray", "palette")
_INSTALL = "reading parts of it needs rasterio: pip install 'negmine[large]', or cut it into files"


@dataclass(frozen=True, slots=True)
class LargeFile:
    """An image file that is too large to be decoded as a whole.

    Attributes:
        format: `TIFF` or `JPEG 2000`.
        size_wh: pixels.
        stamp: of the file.
    """

    format: str
    size_wh: tuple[int, int]
    stamp: FileStamp


def large_file(path: Path) -> LargeFile | None:
    """Tell a TIFF or JPEG 2000 of too many pixels from all other files, by its header.

    Raises:
        ImageError: for one of several pages, or turned by its orientation.
        OSError, ValueError: where it cannot be opened.
    """
    with open_regular(path) as file:
        stat = os.fstat(file.fileno())
        header = _header(FileParts(file, stat.st_size))
    if header is None or header.size_wh[0] * header.size_wh[1] <= _MOST[header.format]:
        return None
    if header.frames > 1:
        raise ImageError(f"it is a TIFF of {header.frames} pages; save each as an image of its own")
    if header.orientation != 1:
        raise ImageError("it is a TIFF that is too large to be turned upright by its orientation; save it upright")
    return LargeFile(header.format, header.size_wh, FileStamp(stat.st_size, stat.st_mtime_ns))


def upright_size(path: Path) -> tuple[int, int]:
    """Width and height of an image, pixels, as its header states them.

    Raises:
        ImageError: where it is none.
        OSError, ValueError: where it cannot be opened.
    """
    large = large_file(path)
    if large is not None:
        return large.size_wh
    header = read_header(read_image(path))
    return header.size_wh if header.orientation < 5 else header.size_wh[::-1]


def _header(data: FileParts) -> Header | None:
    """The header of a TIFF or JPEG 2000; None for any other file, and where it is damaged: decoding says how."""
    head = data[:HEAD]
    try:
        if head.startswith(_TIFF):
            size_wh, pages = read_tiff(data)
            return Header("TIFF", size_wh, pages, tiff_orientation(data))
        return Header("JPEG 2000", read_jpeg_2000(head)) if head.startswith(_JPEG_2000) else None
    except (*DAMAGED, ImageError):
        return None


class WindowedImage:
    """An image file of which parts are read, for any thread. `image[y1:y2, x1:x2]` is [H, W, 3] uint8 BGR.

    Args:
        path: of the file.
        large: what its header says.

    Raises:
        ImageError: where it cannot be read in parts, or was changed since its header was read.
    """

    def __init__(self, path: Path, large: LargeFile) -> None:
        stat = path.stat()
        if FileStamp(stat.st_size, stat.st_mtime_ns) != large.stamp:
            raise ImageError("it changed while it was scanned")
        self.shape = (large.size_wh[1], large.size_wh[0], 3)
        self.nbytes = MEMORY
        self._lock = threading.Lock()
        self._file = _opened(path, _DRIVERS[large.format])
        self._require_known(large)

    def __getitem__(self, part: tuple[slice, slice], /) -> Image:
        rows, columns = (each.indices(length) for each, length in zip(part, self.shape, strict=False))
        return self._read(((rows[0], rows[1]), (columns[0], columns[1])))

    def reduced(self, part_xyxy: Sequence[int], size_wh: tuple[int, int]) -> Image:
        """A part made smaller as it is read, block by block: it is nowhere in memory as it is.

        Each pixel is the mean of those that it stands for; with a palette, one of them. Where the file has the image in
        several sizes, the next larger one is read.

        Args:
            part_xyxy: in pixels, right and bottom exclusive.
            size_wh: width and height that the part gets, no larger than its own.

        Raises:
            ImageError: where it cannot be decoded.
        """
        x1, y1, x2, y2 = part_xyxy
        return self._read(((y1, y2), (x1, x2)), size_wh)

    def _read(self, window: tuple[tuple[int, int], tuple[int, int]], size_wh: tuple[int, int] | None = None) -> Image:
        import rasterio

        options: dict[str, object] = {}
        if size_wh is not None:
            method = rasterio.enums.Resampling.average if self._colours is None else rasterio.enums.Resampling.nearest
            options = {"out_shape": (len(self._bands), size_wh[1], size_wh[0]), "resampling": method}
        try:
            with self._lock, rasterio.Env(**_OPTIONS):
                bands = self._file.read(self._bands, window=window, **options)
        except (OSError, rasterio.errors.RasterioError) as error:
            raise ImageError(f"a part of it cannot be decoded ({error}); copy or download it again") from error
        return self._as_bgr(bands)

    @property
    def _bands(self) -> list[int]:
        return [1, 2, 3] if self._names[:3] in _COLOUR else [1]

    @property
    def _names(self) -> tuple[str, ...]:
        """What the bands are, as GDAL calls it."""
        return tuple(each.name for each in self._file.colorinterp)

    @cached_property
    def _colours(self) -> npt.NDArray[np.uint8] | None:
        """[256, 3] the colours of a palette, BGR; None where there is none."""
        if self._names[0] != "palette":
            return None
        table = self._file.colormap(1)
        return np.array([table.get(value, (0, 0, 0))[2::-1] for value in range(256)], dtype=np.uint8)

    def _as_bgr(self, bands: npt.NDArray[Any]) -> Image:
        if bands.dtype != np.uint8:
            bands = (bands >> 8).astype(np.uint8)
        if self._file.tags(ns="IMAGE_STRUCTURE").get("MINISWHITE") == "YES":
            bands = 255 - bands
        if self._colours is not None:
            return np.asarray(self._colours[bands[0]], dtype=np.uint8)
        return np.ascontiguousarray(np.broadcast_to(bands[::-1], (3, *bands.shape[1:])).transpose(1, 2, 0))

    def _require_known(self, large: LargeFile) -> None:
        """Refuse what is not grey, colour or a palette, or whose blocks are so large that a part takes too much."""
        file, names = self._file, self._names
        if (file.width, file.height) != large.size_wh:
            raise ImageError(f"its header states {large.size_wh[0]} x {large.size_wh[1]} pixels, and it holds others")
        known = names[:3] in _COLOUR or names[0] in _GREY or (names[0] == "undefined" and len(names) < 3)
        if not known or set(file.dtypes) - {"uint8", "uint16"}:
            raise ImageError(
                f"it is a {large.format} of {len(names)} bands ({', '.join(names[:4])}; {file.dtypes[0]}); expected "
                "grey or red, green and blue of 8 or 16 bits, to read parts of it"
            )
        block = (
            max(height * width for height, width in file.block_shapes) * len(names) * np.dtype(file.dtypes[0]).itemsize
        )
        if block > _BLOCK:
            raise ImageError(
                f"it is compressed in blocks of {block >> 20} MiB, which are decoded as a whole; save it with tiles of "
                "512 x 512 pixels"
            )


def _opened(path: Path, driver: str) -> Any:
    try:
        import rasterio
    except ImportError as error:
        raise ImageError(_INSTALL) from error
    name = str(path.absolute())
    if name.startswith("/vsi"):
        raise ImageError("its path begins like one of GDAL's own file systems; name it by another path")
    # What maps need, and photographs do not have; a filter of this class alone, and the same each time.
    warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
    try:
        with rasterio.Env(**_OPTIONS):
            return rasterio.open(name, driver=driver, sharing=False)
    except (OSError, rasterio.errors.RasterioError) as error:
        raise ImageError(f"parts of it cannot be read ({error}); save it again") from error
