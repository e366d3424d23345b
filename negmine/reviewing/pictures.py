"""Pictures for the page: small crops, whole crops and source images, decoded and encoded anew.

What is shown is found by its hash, and only where the bytes still have that hash; no request names a file.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from negmine.bank.negative_files import read_negative
from negmine.boxes import Rect
from negmine.engines.budget import Budget
from negmine.errors import ImageError
from negmine.files import reason_of, sha256_of
from negmine.images import encode_jpeg
from negmine.images.thumbnails import shrunk
from negmine.paths import printable
from negmine.reviewing.thumbnails import Thumbnails
from negmine.videos.reading import SourceImage, read_source

_THUMBNAIL_SIDE = 256  # pixels of the longer side
_THUMBNAIL_QUALITY = 82
_PART_SIDE = 512  # it is shown large too
_SHOWN_SIDE = 1600
_SHOWN_QUALITY = 90
_DECODING_BYTES = 1 << 30  # that decoding may take at the same time; one image always may be decoded


class Pictures:
    """The pictures of one bank; threads may share it.

    Args:
        bank: its folder.
        thumbnails: those that were made before.
    """

    def __init__(self, bank: Path, thumbnails: Thumbnails) -> None:
        self._bank = bank
        self._thumbnails = thumbnails
        self._budget = Budget(_DECODING_BYTES)

    def thumbnail(self, sha256: str) -> bytes:
        """A small JPEG of a negative, made once.

        Args:
            sha256: of the negative's file, 64 hex digits.

        Raises:
            ImageError: where the file is gone, has changed, or cannot be decoded.
        """
        kept = self._thumbnails.read(sha256)
        if kept is not None:
            return kept
        made = self._of_bytes(read_negative(self._bank, sha256), _THUMBNAIL_SIDE, _THUMBNAIL_QUALITY)
        self._thumbnails.write(sha256, made)
        return made

    def crop(self, sha256: str) -> bytes:
        """A JPEG of a negative; see `thumbnail`."""
        return self._of_bytes(read_negative(self._bank, sha256), _SHOWN_SIDE, _SHOWN_QUALITY)

    def part(self, path: Path, source_sha256: str, rect: Rect, sha256: str) -> bytes:
        """A JPEG of a part of a source image, made once.

        Args:
            path: where the image was found.
            source_sha256: that it had then.
            rect: the part.
            sha256: what names the part.

        Raises:
            ImageError: where the image is gone, has changed since, or cannot be decoded.
        """
        kept = self._thumbnails.read(sha256)
        if kept is not None:
            return kept
        image = _unchanged(path, source_sha256)
        with self._budget.hold(image.nbytes):
            pixels = image.decode()[rect.y1 : rect.y2, rect.x1 : rect.x2]
            made = encode_jpeg(shrunk(np.ascontiguousarray(pixels), _PART_SIDE), quality=_SHOWN_QUALITY)
        self._thumbnails.write(sha256, made)
        return made

    def source(self, path: Path, sha256: str) -> bytes:
        """A JPEG of an image that was scanned.

        Args:
            path: where it was found.
            sha256: that its file had then.

        Raises:
            ImageError: where the file is gone, has changed since, or cannot be decoded.
        """
        return self._encode(_unchanged(path, sha256), _SHOWN_SIDE, _SHOWN_QUALITY)

    def _of_bytes(self, data: bytes, side: int, quality: int) -> bytes:
        return self._encode(SourceImage(sha256_of(data), data), side, quality)

    def _encode(self, image: SourceImage, side: int, quality: int) -> bytes:
        with self._budget.hold(image.nbytes):
            return encode_jpeg(shrunk(image.decode(), side), quality=quality)


def _unchanged(path: Path, sha256: str) -> SourceImage:
    try:
        source = read_source(path)
    except FileNotFoundError as error:
        raise ImageError(f"the source image is gone: {printable(path)}") from error
    except (OSError, ValueError) as error:
        raise ImageError(f"the source image cannot be read: {reason_of(error)} ({printable(path)})") from error
    if source.sha256 != sha256:
        raise ImageError(f"the source image has changed since it was scanned: {printable(path)}")
    return source
