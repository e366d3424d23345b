"""Decoding the frames of a video: forward where that is shorter, and from the frame stored whole before them where not.

A frame is the same wherever decoding began. What depends on damaged data is no frame: from the first packet of a group
that cannot be decoded, up to the next frame that is stored whole, none is returned. With several threads FFmpeg tells
of damage late, so a group in which it does is decoded again by one.
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

_DAMAGED = "the video is damaged here: the frame, or one that it is made from, cannot be decoded"
_MISSING = "the video is damaged or cut short here: nothing is shown at {:.3f} s"


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
        self._damaged: set[int] = set()  # the first frames of groups in which there is damage
        self._pass: DecodingPass | None = None

    def read(self, frame: int, *, alone: bool = True) -> Image:
        """The pixels [H, W, 3] of a frame, upright.

        Args:
            frame: its number in the index.
            alone: whether no later frame of its group is going to be asked for: then none is decoded.

        Raises:
            ImageError: where it cannot be decoded.
        """
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

    def close(self) -> None:
        """Let go of the file; it is opened again where that is needed."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        if self._pass is not None:
            self._pass.close()
            self._pass = None

    def _decode(self, frame: int, *, alone: bool) -> None:
        """Find out what a frame is, and what those are that are wanted on the way."""
        key = self._index.key_before(frame)
        try:
            while frame not in self._done:
                is_careful = key in self._damaged
                if self._pass is None or self._pass.is_careful != is_careful:
                    self._drop()
                    self._pass = DecodingPass(self._path, self._index, is_careful=is_careful)
                self._advance(self._pass, frame, key, alone)
        except (OSError, ValueError) as error:
            self._drop()
            self._done[frame] = ImageError(f"the video cannot be read: {reason_of(error)}")
        except ImageError as error:
            self._drop()
            self._done[frame] = error

    def _advance(self, way: DecodingPass, frame: int, key: int, alone: bool) -> None:
        """Decode until a frame is there, or is known to be missing, or its group turns out to be damaged."""
        way.go_to(frame, key)
        while way.shown < frame and not way.is_ended:
            for at, picture in way.step(frame if alone else None):
                if at in self._wanted or at == frame:
                    self._done[at] = ImageError(_DAMAGED) if way.is_bad(at) else upright(picture)
            if way.has_failed:
                self._damaged.update(way.groups())
                self._done.pop(frame, None)
                self._drop()
                return
        self._done.setdefault(frame, ImageError(_MISSING.format(self._index.time_ms[frame] / 1000)))


def upright(picture: VideoFrame) -> Image:
    """The pixels [H, W, 3] of a decoded frame as 8-bit BGR, turned as its metadata say."""
    image = np.asarray(picture.to_ndarray(format="bgr24"), dtype=np.uint8)
    return np.ascontiguousarray(np.rot90(image, round(picture.rotation / 90)))
