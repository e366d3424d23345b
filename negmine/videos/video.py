"""A video file: its index and hash, which are found out once, and its frames."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from threading import Lock

import numpy as np

from negmine.cores import usable_cores
from negmine.errors import ImageError, VideoError
from negmine.files import open_regular, reason_of, sha256_of
from negmine.structures import FileStamp, Image, IntArray
from negmine.videos.config import VideoConfig
from negmine.videos.decoding import FrameDecoder
from negmine.videos.index import FrameIndex, read_index
from negmine.videos.names import FrameName

_OPEN = 4  # videos that are kept open
_MOST_DECODERS = 8  # groups of frames of one video that are decoded at the same time


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A picture that is no file of its own, such as a frame of a video.

    Attributes:
        sha256: what it is known by, hex: not of any bytes, but of where it is from. Equal ones have equal pixels.
        nbytes: what decoding it will take.
        decode: returns its pixels [H, W, 3], 8-bit BGR, upright; raises an ImageError where they cannot be.
    """

    sha256: str
    nbytes: int
    decode: Callable[[], Image]


class Video:
    """A video file; any thread may ask it.

    Args:
        path: the file.

    Raises:
        VideoError: where it is no video, has no pictures or no frames, is encrypted, or has too large ones.
        OSError: where it cannot be read.
        ValueError: for a NUL in the path.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stamp = stamp_of(path)
        self.index: FrameIndex = read_index(path)
        self._decoders = [FrameDecoder(path, self.index) for _ in range(min(usable_cores(), _MOST_DECODERS))]
        self._hashing = Lock()

    @property
    def sha256(self) -> str:
        """Of the bytes of the file, hex; computed once.

        Raises:
            OSError: where it cannot be read.
        """
        with self._hashing:
            return self._sha256

    @cached_property
    def _sha256(self) -> str:
        with open_regular(self.path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def chosen(self, config: VideoConfig) -> list[tuple[FrameName, bool]]:
        """The frames that a configuration names, each with whether it is the last of its group among them.

        Raises:
            VideoError: where there are none.
        """
        index = self.index
        numbers: IntArray = index.chosen(config)
        if not len(numbers):
            last_ms = index.time_ms[index.shown[-1]]
            raise VideoError(f"no frame is between start and end: the last is at {last_ms / 1000:.3f} s")
        frames = index.shown[numbers].tolist()
        keys = [index.key_before(at) for at in frames]
        return [
            (FrameName(self.path, int(index.time_ms[at]), number), key != after)
            for number, at, key, after in zip(numbers.tolist(), frames, keys, [*keys[1:], None], strict=True)
        ]

    def frame(self, name: FrameName, *, alone: bool = True) -> Frame:
        """A frame, which is not decoded yet.

        Args:
            name: of the frame.
            alone: see `FrameDecoder.read`.

        Raises:
            ImageError: where the video has no such frame.
            OSError: where it cannot be read.
        """
        index = self.index
        at = index.at_number(name.number)
        if at is None or index.time_ms[at] != name.time_ms:
            raise ImageError(f"the video has no frame {name.number} at {name.time_ms / 1000:.3f} s; it has changed")
        sha256 = sha256_of(f"{self.sha256} {name.time_ms} {name.number}".encode())
        width, height = index.size_wh
        return Frame(sha256, 6 * width * height, lambda: self._read(at, alone))

    def _read(self, at: int, alone: bool) -> Image:
        try:
            if stamp_of(self.path) != self.stamp:
                raise ImageError("the video has changed since it was opened")
        except OSError as error:
            raise ImageError(reason_of(error)) from error
        group = int(np.searchsorted(self.index.keys, at, side="right"))
        return self._decoders[group % len(self._decoders)].read(at, alone=alone)


def stamp_of(path: Path) -> FileStamp:
    """Size and time of change of a file.

    Raises:
        OSError: where they cannot be told.
        ValueError: for a NUL in the path.
    """
    stat = path.stat()
    return FileStamp(stat.st_size, stat.st_mtime_ns)


def open_video(path: Path) -> Video:
    """A video; the last few that were asked for are kept, as long as the files stay what they are.

    Raises:
        VideoError, OSError, ValueError: as `Video`.
    """
    return _kept(path, stamp_of(path))


@lru_cache(maxsize=_OPEN)
def _kept(path: Path, stamp: FileStamp) -> Video:
    return Video(path)
