"""Detections that are alone in time, and gaps in the tracks of others (Jin et al. 2018).

"Unsupervised Hard Example Mining from Videos for Improved Object Detection", section 3: in a video that nobody
labelled, a detection without a partner in the frames before and after is likely false, and a frame in which a track
has none is likely a miss.

What is said of a frame depends on `FlickerConfig.memory` frames on each side of it alone. So time is linear in frames,
memory is bounded, and a video can be gone on with in the middle.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from negmine.boxes import Box, box_iou
from negmine.mining.flicker.config import FlickerConfig
from negmine.mining.flicker.linking import SeenFrame, link_overlaps, one_to_one, same_class
from negmine.structures import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class TrackGap:
    """A box in which a thing was found before and after, and not in this frame.

    Attributes:
        class_id: of the detections on both sides.
        score: the lower one of those beside the gap.
        box_xyxy: between those beside the gap, pixels.
    """

    class_id: int
    score: float
    box_xyxy: Box


@dataclass(frozen=True, slots=True, eq=False)
class FrameFindings:
    """What is said of a frame.

    Attributes:
        is_alone: [N] bool, the detections that no other frame of the window confirms; none near the ends of a video,
            where too few frames are on one side.
        gaps: likely misses.
    """

    is_alone: BoolArray
    gaps: tuple[TrackGap, ...]


@dataclass(slots=True, eq=False)
class _Kept:
    """A frame in memory.

    Attributes:
        seen: its N detections.
        is_linked: [N] bool, whether a frame of the window so far has a partner.
        before: [N] int64, the detection of the same thing in the frame before, or -1.
        after: [N] int64, that in the next frame, or -1.
        is_resumed: [N] bool, whether the thing was found again after a gap.
        gaps: likely misses.
    """

    seen: SeenFrame
    is_linked: BoolArray
    before: IntArray
    after: IntArray
    is_resumed: BoolArray
    gaps: list[TrackGap] = field(default_factory=list)


class FlickerFinder:
    """Takes the frames of one video in their order, and says of each what is known once later ones are seen.

    Args:
        config: windows and thresholds.
    """

    def __init__(self, config: FlickerConfig | None = None) -> None:
        self._config = config or FlickerConfig()
        self._frames: dict[int, _Kept] = {}  # by number: those that are not decided, and as many before as are needed
        self._count = 0
        self._decided = 0

    def push(self, frame: SeenFrame) -> FrameFindings | None:
        """Take the next frame; return what is known of the frame `config.memory` before it, if there is one."""
        self._add(frame)
        self._find_gaps(self._count - self._config.min_track)
        return self._decide(is_last=False) if self._count - self._decided > self._config.memory else None

    def finish(self) -> list[FrameFindings]:
        """What is known of the frames that are left, in order; call it once, after the last."""
        return [self._decide(is_last=True) for _ in range(self._count - self._decided)]

    def _add(self, frame: SeenFrame) -> None:
        none = np.full(len(frame.detections), -1, dtype=np.int64)
        new = _Kept(frame, none >= 0, none, none.copy(), none >= 0)
        for number in range(max(self._count - self._config.window, 0), self._count):
            kept, apart = self._frames[number], self._count - number
            overlaps = link_overlaps(kept.seen, frame, apart, self._config)
            kept.is_linked |= (overlaps >= self._config.link_iou).any(axis=1)
            new.is_linked |= (overlaps >= self._config.link_iou).any(axis=0)
            if apart == 1:
                for early, late in self._pairs(kept, new, overlaps):
                    kept.after[early], new.before[late] = late, early
        self._frames[self._count] = new
        self._count += 1

    def _pairs(self, early: _Kept, late: _Kept, overlaps: FloatArray) -> list[tuple[int, int]]:
        allowed = same_class(early.seen.detections, late.seen.detections)
        return one_to_one(overlaps, allowed, self._config.link_iou)

    def _find_gaps(self, number: int) -> None:
        """Find the gaps before the tracks that begin in a frame, `min_track` of which have been seen by now."""
        if number < 0:
            return
        late = self._frames[number]
        begins = np.array([self._run(number, index, 1) for index in range(len(late.before))], dtype=np.bool_)
        begins &= late.before < 0
        for gap in range(1, self._config.max_gap + 1):
            early = self._frames.get(number - gap - 1)
            if early is None or not begins.any():
                return
            ends = np.array(
                [self._run(number - gap - 1, index, -1) for index in range(len(early.after))], dtype=np.bool_
            )
            ends &= (early.after < 0) & ~early.is_resumed
            if not ends.any():
                continue
            overlaps = link_overlaps(early.seen, late.seen, gap + 1, self._config)
            overlaps = np.where(ends[:, None] & begins[None, :], overlaps, 0.0)
            for first, last in self._pairs(early, late, overlaps):
                early.is_resumed[first], begins[last] = True, False
                self._fill(number - gap - 1, first, number, last)

    def _run(self, number: int, index: int, step: int) -> bool:
        """Whether a track has a detection in each of `min_track` frames from one on, forwards or backwards."""
        for _ in range(self._config.min_track - 1):
            kept = self._frames[number]
            index, number = int((kept.after if step > 0 else kept.before)[index]), number + step
            if index < 0 or number not in self._frames:
                return False
        return True

    def _fill(self, early: int, first: int, late: int, last: int) -> None:
        """Note a gap between a detection of a frame and one of a later frame, where nothing else was found."""
        start, end = self._frames[early].seen.detections, self._frames[late].seen.detections
        score = float(min(start.scores[first], end.scores[last]))
        for number in range(early + 1, late):
            share, kept = (number - early) / (late - early), self._frames[number]
            box = (1 - share) * start.boxes_xyxy[first] + share * end.boxes_xyxy[last]
            if not (box_iou(box[None], kept.seen.detections.boxes_xyxy) >= self._config.link_iou).any():
                x1, y1, x2, y2 = box.tolist()
                kept.gaps.append(TrackGap(int(start.class_ids[first]), score, (x1, y1, x2, y2)))

    def _decide(self, *, is_last: bool) -> FrameFindings:
        number, self._decided = self._decided, self._decided + 1
        kept, config = self._frames[number], self._config
        self._frames.pop(number - config.memory, None)
        is_inside = number >= config.window and (not is_last or number + config.window < self._count)
        return FrameFindings(~kept.is_linked & is_inside, tuple(kept.gaps))
