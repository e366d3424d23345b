"""Decoding the frames of a video: forward where that is shorter, else from the frame before them that is stored whole.

A frame is the same wherever decoding began, and whoever else decodes. What depends on damaged data is no frame: from
the first packet of a group that cannot be decoded, up to the next frame that is stored whole, none is returned.
FFmpeg's own threads would make the frames near damage differ from time to time, so each group is decoded by one thread,
and several groups at the same time.
"""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from negmine.errors import ImageError
from negmine.files import reason_of
from negmine.structures import Image
from negmine.videos.index import FrameIndex
from negmine.videos.passes import DecodingPass

if TYPE_CHECKING:
    from av import VideoFrame

_MOST_OPEN = 32
_DAMAGED = "the video is damaged here: the frame, or one that it is made from, cannot be decoded"
_MISSING = "the video is damaged or cut short here: nothing is shown at {:.3f} s"


class _OpenDecoders:
    """The decoders that have a file open, of which there are only a few: a folder may hold thousands of videos."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._all: list[FrameDecoder] = []  # the one that was used last comes last

    def use(self, decoder: FrameDecoder) -> None:
        """Note that a decoder is going to be used, and close those that are used least, but for any that is busy."""
        with self._lock:
            self._all = [each for each in self._all if each is not decoder] + [decoder]
            closed = [each for each in self._all[:-_MOST_OPEN] if each.close_if_idle()]
            self._all = [each for each in self._all if each not in closed]


_OPEN_DECODERS = _OpenDecoders()


class FrameDecoder:
    """Decodes frames of one file; any thread may ask. Frames that several threads wait for are decoded on one way.

    Args:
        path: the video.
        index: of it.
    """

    def __init__(self, path: Path, index: FrameIndex) -> None:
        self._path = path
        self._index = index
        self._lock = Lock()
        self._wanted: set[int] = set()
        self._done: dict[int, Image | ImageError] = {}
        self._pending: dict[int, VideoFrame] = {}  # came out, and may yet turn out to be damaged
        self._pass: DecodingPass | None = None

    def read(self, frame: int, *, alone: bool = True) -> Image:
        """The pixels [H, W, 3] of a frame, upright.

        Args:
            frame: its number in the index.
            alone: whether no later frame of its group is going to be asked for: then none is decoded.

        Raises:
            ImageError: where it cannot be decoded.
        """
        _OPEN_DECODERS.use(self)
        self._wanted.add(frame)  # before waiting, so that it is kept by a thread that decodes past it
        with self._lock:
            try:
                for each in sorted({*self._wanted, frame}):
                    if each <= frame and each not in self._done:
                        self._decode(each, alone=alone and each == frame)
                found = self._done.pop(frame)
            finally:
                self._wanted.discard(frame)
        if isinstance(found, ImageError):
            raise found
        return found

    def close_if_idle(self) -> bool:
        """Let go of the file, which is opened again where that is needed; False where a thread is decoding."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            self._drop()
        finally:
            self._lock.release()
        return True

    def _drop(self) -> None:
        self._pending.clear()
        if self._pass is not None:
            self._pass.close()
            self._pass = None

    def _decode(self, frame: int, *, alone: bool) -> None:
        """Find out what a frame is, and what those are that are wanted on the way."""
        key = self._index.key_before(frame)
        try:
            if self._pass is None:
                self._pass = DecodingPass(self._path, self._index)
            self._advance(self._pass, frame, key, alone)
        except (OSError, ValueError) as error:
            self._drop()
            self._done[frame] = ImageError(f"the video cannot be read: {reason_of(error)}")
        except ImageError as error:
            self._drop()
            self._done[frame] = error

    def _advance(self, way: DecodingPass, frame: int, key: int, alone: bool) -> None:
        """Decode until a frame is there, or is known to be missing.

        It is there once those came out that it may be made from: only then is it known to be whole.
        """
        if frame not in self._pending:
            self._pending.clear()
            way.go_to(frame, key)
        while not way.is_ended and way.shown < self._index.certain[frame]:
            self._pending.update(
                (at, picture) for at, picture in way.step(frame if alone else None) if at in self._wanted or at == frame
            )
            for at in [at for at in self._pending if way.is_ended or way.shown >= self._index.certain[at]]:
                picture = self._pending.pop(at)
                self._done[at] = ImageError(_DAMAGED) if way.is_bad(at) else upright(picture)
        self._done.setdefault(frame, ImageError(_MISSING.format(self._index.time_ms[frame] / 1000)))


def upright(picture: VideoFrame) -> Image:
    """The pixels [H, W, 3] of a decoded frame as 8-bit BGR, turned as its metadata say."""
    image = np.asarray(picture.to_ndarray(format="bgr24"), dtype=np.uint8)
    return np.ascontiguousarray(np.rot90(image, round(picture.rotation / 90)))
