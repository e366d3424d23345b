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

_READ_OVER = 600  # packets that are read over rather than sought over
_EARLIER_S = (0, 2, 10, 60)  # before a frame, where seeking for it is tried


class DecodingPass:
    """An open video that is decoded forward, with jumps.

    Args:
        path: the video.
        index: of it.
        is_careful: decode with one thread, so that it is certain which packet is damaged.

    Attributes:
        shown: the last frame that came out.
        is_ended: whether nothing more comes out without a jump.
        has_failed: whether something is damaged, and nobody knows what.

    Raises:
        VideoError: where it cannot be opened.
        OSError: where it cannot be read.
    """

    def __init__(self, path: Path, index: FrameIndex, *, is_careful: bool) -> None:
        self.is_careful = is_careful
        self.shown = -1
        self.is_ended = True
        self.has_failed = False
        self._path = path
        self._index = index
        self._first = 0  # the frame that decoding began with
        self._fed = -1  # the place of the last packet that was decoded, among all
        self._damage: set[int] = set()  # places of packets that cannot be decoded
        self._open()

    def close(self) -> None:
        """Let go of the file."""
        self._resources.close()

    def go_to(self, frame: int, key: int) -> None:
        """Make sure that `step` leads to a frame, from where decoding is, or from `key`, which is stored whole.

        Raises:
            ImageError: where that is not found.
        """
        index = self._index
        if not self.is_ended and self.shown < frame and self._fed >= index.order[key]:
            return
        gap = int(index.order[key]) - self._fed
        is_near = not self.is_ended and 0 < gap < _READ_OVER
        self._first, self.shown, self.is_ended = key, key - 1, False
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
                self._damage.add(int(self._index.order[at]))
                return []
        numbered = []
        for picture in self._decoded(packet, at):
            number = self._number(picture)
            if number is not None and number > self.shown:
                self.shown = number
                numbered.append((number, picture))
                if picture.is_corrupt:
                    self._note(number)
        return numbered

    def is_bad(self, frame: int) -> bool:
        """Whether a frame is decoded from something that is damaged."""
        begin, end = self._index.order[self._index.key_before(frame)], self._index.order[frame]
        return any(begin <= place <= end for place in self._damage)

    def groups(self) -> set[int]:
        """The first frames of the groups that are decoded at the moment."""
        index = self._index
        fed = [at for at in index.keys.tolist() if index.order[at] <= self._fed]
        shown = index.key_before(max(self.shown, self._first))
        return {shown, *(at for at in fed if at >= shown)}

    def _open(self) -> None:
        with ExitStack() as stack:
            file = stack.enter_context(open_regular(self._path))
            self._container, self._stream = stack.enter_context(open_container(file))
            if self.is_careful:
                self._stream.codec_context.thread_count = 1
            else:
                self._stream.thread_type = "AUTO"
            self._packets: Iterator[Packet] = self._container.demux(self._stream)
            self._resources = stack.pop_all()

    def _decoded(self, packet: Packet | None, at: int | None) -> list[VideoFrame]:
        import av

        try:
            return self._stream.codec_context.decode(packet)
        except av.error.FFmpegError:
            if packet is None or (at is not None and at >= self._first):  # not what belongs to frames before the first
                self._note(at)
            return []

    def _note(self, at: int | None) -> None:
        """Note that the frame of a packet cannot be decoded; None for one that nobody knows."""
        if not self.is_careful:
            self.has_failed = True
        elif at is not None:
            self._damage.add(int(self._index.order[at]))

    def _number(self, picture: VideoFrame) -> int | None:
        if self._index.by_order:
            return self.shown + 1
        return None if picture.pts is None else self._index.at_pts(picture.pts)

    def _frame_of(self, packet: Packet) -> int | None:
        pts = packet.pts if packet.pts is not None else packet.dts
        return None if pts is None else self._index.at_pts(pts)

    def _next(self) -> Packet | None:
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
