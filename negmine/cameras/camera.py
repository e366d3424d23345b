"""A camera that is looked at live: one thread reads all that comes, and the newest frame alone is kept.

A detector that is slower than the camera misses frames; nothing is queued, so what it sees is never old. A connection
that breaks is made again, with pauses that double.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition, Thread
from typing import TYPE_CHECKING

import numpy as np

from negmine.cameras.address import CameraAddress
from negmine.cameras.config import CameraConfig
from negmine.cameras.connection import connected
from negmine.errors import SourceError
from negmine.structures import Image

if TYPE_CHECKING:
    from av import VideoFrame

_JOIN_S = 1.0  # that closing waits for the thread, which may be in a read that lasts until its timeout


@dataclass(frozen=True, slots=True, eq=False)
class LiveFrame:
    """A frame of a camera.

    Attributes:
        number: of the frame among all that came, from 1.
        taken_ms: when it came, in milliseconds since 1970.
        picture: not converted yet.
    """

    number: int
    taken_ms: int
    picture: VideoFrame

    def pixels(self) -> Image:
        """[H, W, 3] uint8 BGR, upright."""
        image = np.asarray(self.picture.to_ndarray(format="bgr24"), dtype=np.uint8)
        return np.ascontiguousarray(np.rot90(image, round(self.picture.rotation / 90)))


class Camera:
    """A camera. Use it in a `with` statement, which connects to it.

    Args:
        address: of it.
        config: how patiently.
        say: told, from the thread that reads, when the connection breaks and is there again.
        now_s: seconds since 1970.

    Raises:
        SourceError: at the beginning, where it does not answer or sends no video.
    """

    def __init__(
        self,
        address: CameraAddress,
        config: CameraConfig,
        say: Callable[[str], None] = lambda text: None,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self.address = address
        self._config = config
        self._say = say
        self._now_s = now_s
        self._changed = Condition()
        self._newest: LiveFrame | None = None
        self._failure: SourceError | None = None  # of the first connection
        self._is_over = False
        self._is_closed = False
        self._thread = Thread(target=self._run, name="negmine-camera", daemon=True)

    def __enter__(self) -> Camera:
        self._thread.start()
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None or self._is_over, 2 * self._config.timeout_s)
            self._is_closed = self._newest is None
        if self._newest is None:
            reason = self._failure or "no picture comes"
            raise SourceError(
                f"camera {self.address.shown}: {reason}; expected a picture within {self._config.timeout_s:g} s, check "
                "address, user and password, and that the camera is on"
            )
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._thread.join(_JOIN_S)

    @property
    def is_over(self) -> bool:
        """Whether no other frame will come: it was a recording."""
        return self._is_over

    @property
    def count(self) -> int:
        """How many frames came so far."""
        return 0 if self._newest is None else self._newest.number

    def newest(self, least: int, timeout_s: float) -> LiveFrame | None:
        """The newest frame, once it is number `least` or a later one; None where that does not come in time."""
        with self._changed:
            self._changed.wait_for(lambda: self.count >= least or self._is_over, timeout_s)
            return self._newest if self.count >= least else None

    def _run(self) -> None:
        pause_s = self._config.pause_s
        while not self._is_closed:
            before, reason = self.count, "the stream ended"
            try:
                with connected(self.address, self._config.timeout_s) as stream:
                    for picture in stream.frames():
                        self._take(picture, is_back=self.count == before > 0)
                        if self._is_closed:
                            return
                    if stream.is_finite:
                        return self._end(None)
            except SourceError as error:
                reason = str(error)
            if not self.count:
                return self._end(SourceError(reason))
            pause_s = self._config.pause_s if self.count > before else min(2 * pause_s, self._config.longest_pause_s)
            self._say(f"camera {self.address.shown}: {reason}; connecting again in {pause_s:g} s")
            with self._changed:
                self._changed.wait_for(lambda: self._is_closed, pause_s)

    def _take(self, picture: VideoFrame, *, is_back: bool) -> None:
        with self._changed:
            self._newest = LiveFrame(self.count + 1, round(self._now_s() * 1000), picture)
            self._changed.notify_all()
        if is_back:
            self._say(f"camera {self.address.shown}: it sends pictures again")

    def _end(self, failure: SourceError | None) -> None:
        with self._changed:
            self._failure, self._is_over = failure, True
            self._changed.notify_all()
