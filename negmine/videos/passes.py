"""One way through a video: packets are read, jumped over and decoded in their order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from negmine.errors import ImageError
from negmine.files import open_regular
from negmine.videos.containers import open_container
from negmine.videos.index import FrameIndex

if TYPE_CHECKING:
    from av import Packet, VideoFrame
    from av.video.stream import VideoStream

_READ_OVER = 100  # packets that are read over rather than sought over
_EARLIER_S = (0, 2, 10, 60)  # before a frame, where seeking for it is tried


class DecodingPass:
    """An open video that is decoded forward, with jumps.

    Args:
        path: the video.
        index: of it.

    Attributes:
        shown: the last frame that came out.
        is_ended: whether nothing more comes out without a jump.

    Raises:
        VideoError: where it cannot be opened.
        OSError: where it cannot be read.
    """

    def __init__(self, path: Path, index: FrameIndex) -> None:
        self.shown = -1
        self.is_ended = True
        self._path = path
        self._index = index
        self._fed = -1  # the place of the last packet that was decoded, among all
        self._damage: set[int] = set()  # frames that cannot be decoded
        self._resources = ExitStack()
        self._open()

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._resources.close()

    def go_to(self, frame: int, key: int) -> None:
        """Make sure that `step` leads to a frame, from where decoding is, or from `key`, which is stored whole.

        Raises:
            ImageError: where that is not found.
        """
        index = self._index
        is_sound = all(at >= key for at in self._damage)
        if is_sound and not self.is_ended and self.shown < frame and self._fed >= index.order[key]:
            return
        if self._damage:  # a decoder that has met damage gives other pixels later, even from a frame stored whole on
            self.close()
            self._open()
        gap = int(index.order[key]) - self._fed
        is_near = not self.is_ended and 0 < gap < _READ_OVER
        self.shown, self.is_ended = key - 1, False
        self._fed = int(index.order[key]) - 1
        if not ((is_near and self._find(key)) or any(self._seek(key, earlier) for earlier in _EARLIER_S)):
            self.close()
            self._open()
            if not self._find(key):
                raise ImageError("the video is damaged here, or has changed")
        self._stream.codec_context.flush_buffers()

    def step(self, last: int | None) -> list[tuple[int, VideoFrame]]:
        """Decode one packet, and return the frames that come out, each with its number.

        Args:
            last: the frame behind whose packet the end is; None for the end of the video.
        """
        is_last = last is not None and not self._index.by_order and self._fed >= self._index.order[last]
        packet = None if is_last else self._next()
        self.is_ended = packet is None
        at = None if packet is None else self._frame_of(packet)
        if at is not None:
            self._fed = max(self._fed, int(self._index.order[at]))
            if packet is not None and packet.is_corrupt:  # cut short
                self._damage.add(at)
                return []
        numbered = []
        for picture in self._decoded(packet, at):
            number = self._number(picture)
            if number is not None and number > self.shown:
                self.shown = number
                numbered.append((number, picture))
                if picture.is_corrupt:
                    self._damage.add(number)
        return numbered

    def is_bad(self, frame: int) -> bool:
        """Whether a frame is decoded from something that is damaged."""
        first, order = self._index.key_before(frame), self._index.order
        return any(first <= at and order[at] <= order[frame] for at in self._damage)

    def _open(self) -> None:
        self.is_ended = True
        self._damage.clear()
        with ExitStack() as stack:
            file = stack.enter_context(open_regular(self._path))
            self._container, self._stream = stack.enter_context(open_container(file))
            self._stream.codec_context.thread_count = 1  # with more, damage spreads to frames before it
            self._packets: Iterator[Packet[VideoStream]] = self._container.demux(self._stream)
            self._resources = stack.pop_all()

    def _decoded(self, packet: Packet[VideoStream] | None, at: int | None) -> list[VideoFrame]:
        import av

        try:
            return self._stream.codec_context.decode(packet)
        except av.error.FFmpegError:
            if at is not None:
                self._damage.add(at)
            return []

    def _number(self, picture: VideoFrame) -> int | None:
        if self._index.by_order:
            return self.shown + 1
        return None if picture.pts is None else self._index.at_pts(picture.pts)

    def _frame_of(self, packet: Packet[VideoStream]) -> int | None:
        pts = packet.pts if packet.pts is not None else packet.dts
        return None if pts is None else self._index.at_pts(pts)

    def _next(self) -> Packet[VideoStream] | None:
        """The next packet that has a picture; None at the end."""
        import av

        with suppress(av.error.FFmpegError):  # the index ends here too
            for packet in self._packets:
                if packet.size:
                    return packet
        return None

    def _find(self, key: int) -> bool:
        """Read on to a frame that is stored whole, whose packet is the next then; False where it does not come."""
        while (packet := self._next()) is not None:
            at = self._frame_of(packet)
            if at is not None and packet.is_keyframe and at >= key:
                self._packets = chain([packet], self._packets)
                return at == key
        return False

    def _seek(self, key: int, earlier_s: int) -> bool:
        import av

        base = self._stream.time_base
        assert base is not None
        try:
            at = int(self._index.dts[key]) - int(earlier_s / base)
            self._container.seek(at, stream=self._stream)
        except av.error.FFmpegError:
            return False
        self._packets = self._container.demux(self._stream)
        return self._find(key)
