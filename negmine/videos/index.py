"""The index of a video: when each frame is shown, found by reading the packets once without decoding any."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from negmine.errors import VideoError
from negmine.files import open_regular
from negmine.structures import BoolArray, IntArray
from negmine.videos.config import VideoConfig
from negmine.videos.containers import open_container


@dataclass(frozen=True, eq=False)
class FrameIndex:
    """The frames that a video stores in the order of showing, from the first that can be decoded.

    Attributes:
        size_wh: as stored, before any rotation.
        pts: [N] when each is shown, in units of the stream, ascending.
        time_ms: [N] the same in milliseconds from the first frame on, ascending.
        order: [N] where the packet of each is among all packets.
        dts: [N] when each is decoded, in units of the stream.
        is_key: [N] whether it is stored whole.
        shown: [M] those that are shown, which the number of a frame counts. What was cut off, as phones and FFmpeg trim
            without encoding anew, is still there for the frames that are made from it.
        by_order: whether the container has no times of showing, so that frames are told by the order of output.
    """

    size_wh: tuple[int, int]
    pts: IntArray
    time_ms: IntArray
    order: IntArray
    dts: IntArray
    is_key: BoolArray
    shown: IntArray
    by_order: bool

    def __len__(self) -> int:
        return len(self.pts)

    def at_number(self, number: int) -> int | None:
        """The frame of a number among those that are shown; None where there are fewer."""
        return int(self.shown[number]) if number < len(self.shown) else None

    @cached_property
    def keys(self) -> IntArray:
        """The frames that are stored whole."""
        return np.flatnonzero(self.is_key)

    @cached_property
    def certain(self) -> IntArray:
        """For each frame, the one that is shown last of all that are decoded no later: it may be made from that one."""
        by_order: IntArray = np.argsort(self.order, kind="stable")
        found: IntArray = np.empty_like(by_order)
        found[by_order] = np.maximum.accumulate(by_order)
        return found

    def key_before(self, frame: int) -> int:
        """The last frame, up to this one, that decoding can begin with."""
        return int(self.keys[np.searchsorted(self.keys, frame, side="right") - 1])

    def at_pts(self, pts: int) -> int | None:
        """The frame that is shown at `pts`; None where there is none."""
        at = int(np.searchsorted(self.pts, pts))
        return at if at < len(self) and self.pts[at] == pts else None

    def chosen(self, config: VideoConfig) -> IntArray:
        """The numbers of the frames that a configuration names, in order."""
        numbers = np.flatnonzero(self.is_key[self.shown]) if config.keyframes else np.arange(len(self.shown))
        times = self.time_ms[self.shown[numbers]]
        inside = (times >= config.start_ms) & (times < (config.end_ms if config.end_ms is not None else np.inf))
        numbers, times = numbers[inside], times[inside]
        if config.every.frames is not None:
            counted = numbers if not config.keyframes else np.arange(len(numbers))
            every_nth: IntArray = numbers[(counted - (counted[0] if len(counted) else 0)) % config.every.frames == 0]
            return every_nth
        step = (times - config.start_ms) // (config.every.ms or 1)
        chosen: IntArray = numbers[np.diff(step, prepend=-1) > 0]
        return chosen


def read_index(path: Path) -> FrameIndex:
    """Read the packets of a video.

    Raises:
        VideoError: where it is no video, has no pictures or no frames, is encrypted, or has too large ones.
        OSError: where it cannot be read.
        ValueError: for a NUL in the path.
    """
    import av

    rows: list[tuple[int, int, bool, bool]] = []
    with open_regular(path) as file, open_container(file) as (container, stream):
        base = stream.time_base
        if base is None:
            raise VideoError("its video stream has no unit of time")
        try:
            for packet in container.demux(stream):
                if packet.has_sidedata("encryption_info"):
                    raise VideoError("it is encrypted (DRM)")
                pts = packet.pts if packet.pts is not None else packet.dts
                if pts is not None and packet.size:
                    dts = packet.dts if packet.dts is not None else pts
                    rows.append((pts, dts, packet.is_keyframe, not packet.is_discard))
        except av.error.FFmpegError:
            pass  # what comes before a damage can be decoded
        size_wh = (stream.codec_context.width, stream.codec_context.height)
        reorders = bool(stream.codec_context.has_b_frames) and container.format.name == "avi"
    return _index(rows, size_wh, base.numerator, base.denominator, reorders)


def _index(
    rows: list[tuple[int, int, bool, bool]], size_wh: tuple[int, int], numerator: int, denominator: int, reorders: bool
) -> FrameIndex:
    table = np.array(rows, dtype=np.int64).reshape(-1, 4)
    pts, order = np.unique(table[:, 0], return_index=True)
    keys = np.flatnonzero(table[order, 2])
    if not len(keys):
        raise VideoError("it holds no frame" if not len(pts) else "it holds no frame that is stored whole")
    pts, order = pts[keys[0] :], order[keys[0] :]  # what comes before needs frames that are not there
    shown = np.flatnonzero(table[order, 3])
    if not len(shown):
        raise VideoError("it holds no frame that is shown")
    time_ms = (2000 * numerator * (pts - pts[shown[0]]) + denominator) // (2 * denominator)
    return FrameIndex(
        size_wh=size_wh,
        pts=pts,
        time_ms=time_ms,
        order=order.astype(np.int64),
        dts=table[order, 1],
        is_key=table[order, 2].astype(np.bool_),
        shown=shown,
        by_order=reorders and bool((np.diff(table[:, 0]) > 0).all()),
    )
