"""Which detections of a video are alone, and where its tracks have gaps: drawn tracks, of which all is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from negmine.errors import ConfigError
from negmine.mining.flicker.config import FlickerConfig
from negmine.mining.flicker.finder import FlickerFinder, FrameFindings
from negmine.mining.flicker.linking import SeenFrame
from negmine.structures import Detections

Row = tuple[float, float, float, float, float, int]  # box, score, class
CONFIG = FlickerConfig(window=3, max_gap=2, min_track=3)


def found(rows: Sequence[Row]) -> Detections:
    table = np.array(rows, dtype=np.float64).reshape(-1, 6)
    return Detections(table[:, :4], table[:, 4], table[:, 5].astype(int))


def findings(frames: Sequence[Detections], config: FlickerConfig = CONFIG) -> list[FrameFindings]:
    finder = FlickerFinder(config)
    early = [each for frame in frames if (each := finder.push(SeenFrame(frame))) is not None]
    return early + finder.finish()


def walk(frame: int, *, lane: int = 0, class_id: int = 0) -> Row:
    """A box of 20 pixels that moves 3 pixels a frame; lanes are far apart."""
    return (10 + 3 * frame, 100 * lane, 30 + 3 * frame, 100 * lane + 20, 0.9, class_id)


def alone(result: Sequence[FrameFindings]) -> list[tuple[int, int]]:
    return [(frame, int(index)) for frame, each in enumerate(result) for index in np.flatnonzero(each.is_alone)]


def gaps(result: Sequence[FrameFindings]) -> list[int]:
    return [frame for frame, each in enumerate(result) for _ in each.gaps]


@pytest.mark.parametrize("frames", [0, 1, 40])
def test_frames_without_detections_have_neither(frames: int) -> None:
    result = findings([Detections.empty()] * frames)
    assert len(result) == frames and not alone(result) and not gaps(result)


def test_a_detection_that_no_other_frame_confirms_is_alone() -> None:
    frames = [[walk(t)] for t in range(20)]
    frames[9].append(walk(9, lane=2))
    assert alone(findings([found(rows) for rows in frames])) == [(9, 1)]


def test_a_partner_of_another_class_confirms_that_something_is_there() -> None:
    frames: list[list[Row]] = [[] for _ in range(20)]
    frames[9], frames[12] = [walk(9)], [walk(10, class_id=1)]
    assert alone(findings([found(rows) for rows in frames])) == []
    frames[12], frames[13] = [], [walk(10)]  # now it is outside the window of 3
    assert alone(findings([found(rows) for rows in frames])) == [(9, 0), (13, 0)]


@pytest.mark.parametrize(("frame", "expected"), [(2, []), (3, [(3, 0)]), (16, [(16, 0)]), (17, [])])
def test_near_the_ends_nobody_knows(frame: int, expected: list[tuple[int, int]]) -> None:
    frames = [found([walk(frame)] if t == frame else []) for t in range(20)]
    assert alone(findings(frames)) == expected


@pytest.mark.parametrize("missing", [(8,), (8, 9)])
def test_a_gap_is_filled_where_the_thing_must_have_been(missing: tuple[int, ...]) -> None:
    result = findings([found([] if t in missing else [walk(t)]) for t in range(20)])
    assert gaps(result) == list(missing) and not alone(result)
    for frame in missing:
        (gap,) = result[frame].gaps
        assert (gap.class_id, gap.score) == (0, 0.9)
        assert gap.box_xyxy == pytest.approx(walk(frame)[:4])  # it moved evenly, so this is exact


def test_what_is_no_gap() -> None:
    too_long = [found([] if 8 <= t < 11 else [walk(t)]) for t in range(20)]
    too_short_before = [found([] if t < 6 or t == 8 else [walk(t)]) for t in range(20)]
    too_short_after = [found([] if t == 8 or t > 10 else [walk(t)]) for t in range(20)]
    other_class = [found([] if t == 8 else [walk(t, class_id=int(t > 8))]) for t in range(20)]
    confused = [found([walk(t, class_id=int(t == 8))]) for t in range(20)]  # it was found, for another class
    for frames in (too_long, too_short_before, too_short_after, other_class, confused):
        assert gaps(findings(frames)) == []


def test_two_things_that_cross_keep_their_gaps_apart() -> None:
    """Lane 1 misses frame 8 and lane 3 frame 9; one pair of ends is never used twice."""
    frames = [found([walk(t, lane=lane) for lane, missed in ((1, 8), (3, 9)) if t != missed]) for t in range(20)]
    result = findings(frames)
    assert [(t, gap.box_xyxy[1]) for t, each in enumerate(result) for gap in each.gaps] == [(8, 100), (9, 300)]


@st.composite
def videos(draw: st.DrawFn) -> tuple[list[Detections], set[tuple[int, int]], list[int]]:
    """Frames, the flickers that were put in (frame, row), and the frames in which a track was left out."""
    count = draw(st.integers(20, 40))
    lanes = draw(st.integers(0, 3))
    holes = {lane: draw(st.sets(st.integers(0, (count - 1) // 8), max_size=3)) for lane in range(lanes)}
    missed = {lane: {8 * each + 5 for each in holes[lane] if 8 * each + 9 <= count} for lane in range(lanes)}
    flickers = draw(st.sets(st.integers(0, (count - 1) // 8), max_size=4))  # 8 apart: none confirms another
    frames, expected = [], set()
    for t in range(count):
        rows = [walk(t, lane=lane) for lane in range(lanes) if t not in missed[lane]]
        if t % 8 == 4 and t // 8 in flickers:
            if CONFIG.window <= t < count - CONFIG.window:
                expected.add((t, len(rows)))
            rows.append(walk(t, lane=8))
        frames.append(found(rows))
    return frames, expected, sorted(t for each in missed.values() for t in each)


@given(video=videos())
def test_exactly_what_was_put_in_is_found(video: tuple[list[Detections], set[tuple[int, int]], list[int]]) -> None:
    frames, flickers, missed = video
    result = findings(frames)
    assert len(result) == len(frames)
    assert set(alone(result)) == flickers
    assert gaps(result) == missed


@given(video=videos(), start=st.integers(0, 20), noise=st.integers(0, 2**16))
def test_a_scan_that_goes_on_in_the_middle_says_the_same(
    video: tuple[list[Detections], set[tuple[int, int]], list[int]], start: int, noise: int
) -> None:
    """As many frames before as the memory has suffice: what is said of a frame depends on no others."""
    rng = np.random.default_rng(noise)
    frames = [each.select(rng.random(len(each)) < 0.9) for each in video[0]]
    whole, memory = findings(frames), CONFIG.memory
    later = findings(frames[start:])
    for frame in range(start + memory, len(frames)):
        assert whole[frame].is_alone.tolist() == later[frame - start].is_alone.tolist()
        assert whole[frame].gaps == later[frame - start].gaps


@pytest.mark.parametrize(
    "setting", [{"window": 0}, {"window": 61}, {"link_iou": 0}, {"similarity": 2}, {"reach": -1}, {"max_gap": 0}]
)
def test_a_setting_out_of_its_range_is_named(setting: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=r"^expected .*, found "):
        FlickerConfig(**setting)  # type: ignore[arg-type]
