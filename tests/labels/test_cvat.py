"""CVAT's XML for video: where a track is at each frame, and which frames were looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from negmine.errors import LabelError, TruthError
from negmine.labels.cvat import is_cvat_video, parse_cvat_video, points_in
from negmine.labels.frames import FrameLabels

META = (
    "<meta><task><size>{size}</size><mode>interpolation</mode><start_frame>{start}</start_frame>"
    "<stop_frame>{stop}</stop_frame><frame_filter>{filter}</frame_filter><labels><label><name>lamp</name></label>"
    "<label><name>sign</name></label></labels><original_size><width>192</width><height>128</height></original_size>"
    "<source>clip.mp4</source></task></meta>"
)


def box(frame: int, x: float, *, outside: int = 0, keyframe: int = 1, more: str = "") -> str:
    return (
        f'<box frame="{frame}" keyframe="{keyframe}" outside="{outside}" occluded="0" xtl="{x}" ytl="10" '
        f'xbr="{x + 20}" ybr="30" z_order="0"{more}/>'
    )


def parse(*shapes: str, size: int = 20, start: int = 0, step: int = 1, label: str = "lamp") -> FrameLabels:
    meta = META.format(
        size=size, start=start, stop=start + (size - 1) * step, filter=f"step={step}" if step > 1 else ""
    )
    track = f'<track id="0" label="{label}" source="manual">{"".join(shapes)}</track>' if shapes else ""
    data = f'<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version>{meta}{track}</annotations>'
    assert is_cvat_video(data.encode())
    return parse_cvat_video(Path("a.xml"), data.encode())


def lefts(labels: FrameLabels) -> dict[int, float]:
    return {frame: objects[0].box[0] for frame, objects in sorted(labels.objects.items())}


def test_a_task_without_tracks_says_that_its_frames_are_empty_and_others_are_not() -> None:
    labels = parse(size=5, start=10, step=3)
    assert [frame for frame in range(30) if labels.is_labelled(frame)] == [10, 13, 16, 19, 22]
    assert (labels.class_names, labels.video, labels.size_wh) == (("lamp", "sign"), "clip.mp4", (192, 128))
    assert len(labels.truth_of(13, (192, 128), "a.xml")) == 0


def test_an_object_moves_in_a_straight_line_between_keyframes_and_stays_after_the_last() -> None:
    found = lefts(parse(box(2, 10), box(6, 50), size=9))
    assert found == {2: 10, 3: 20, 4: 30, 5: 40, 6: 50, 7: 50, 8: 50}


def test_an_object_is_nowhere_from_an_outside_keyframe_to_the_next() -> None:
    found = lefts(parse(box(0, 10), box(3, 99, outside=1), box(6, 70), box(7, 70, outside=1), size=12))
    assert found == {0: 10, 1: 10, 2: 10, 6: 70}


def test_boxes_between_keyframes_that_are_written_are_taken_as_they_are() -> None:
    assert lefts(parse(box(0, 10), box(1, 11, keyframe=0), box(2, 30), size=3)) == {0: 10, 1: 11, 2: 30}


def test_other_shapes_are_held_by_the_box_around_them() -> None:
    polygon = '<polygon frame="0" keyframe="1" outside="0" points="5,6;20,8;7,40"/>'
    ellipse = '<ellipse frame="0" keyframe="1" outside="0" cx="50" cy="40" rx="10" ry="5"/>'
    turned = box(0, 10, more=' rotation="90"')
    boxes = [parse(shape, size=1).objects[0][0].box for shape in (polygon, ellipse, turned)]
    assert boxes[:2] == [(5, 6, 20, 40), (40, 35, 60, 45)] and boxes[2] == pytest.approx((10, 10, 30, 30))


def test_a_turning_box_is_held_between_its_keyframes() -> None:
    flat, upright = box(0, 0, more=' rotation="0"'), box(2, 0, more=' rotation="90"')
    x1, y1, x2, y2 = parse(flat, upright, size=3).objects[1][0].box
    assert (x2 - x1, y2 - y1) == pytest.approx((20 * 2**0.5,) * 2)  # at 45 degrees


def test_a_box_without_area_says_nothing() -> None:
    labels = parse('<polygon frame="0" outside="0" points="5,6;20,6;9,6"/>', size=1)
    with pytest.raises(LabelError, match="a box has no area"):
        labels.truth_of(0, labels.size_wh, "a.xml")


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ((box(1, 10), box(1, 20)), "two shapes in one frame"),
        (('<mask frame="0" outside="0"/>',), "found 'mask'"),
        (('<box frame="x" outside="0"/>',), "expected a whole number"),
        (('<box frame="0" outside="0" xtl="1"/>',), "ytl"),
        (('<polygon frame="0" outside="0" points="a,b"/>',), "could not convert"),
        (('<polygon frame="0" outside="0" points="1;4,5"/>',), "expected points of two numbers"),
        (('<points frame="0" outside="0" points="40,50"/>',), "found 'points'"),
    ],
)
def test_what_is_not_understood_is_refused(shapes: tuple[str, ...], message: str) -> None:
    with pytest.raises(TruthError, match=rf"a\.xml cannot be read as CVAT for video 1\.1: .*{message}"):
        parse(*shapes)


def test_a_file_that_does_not_say_which_frames_were_looked_at_is_refused() -> None:
    with pytest.raises(TruthError, match="nobody knows which frames"):
        parse_cvat_video(Path("a.xml"), b"<annotations><track label='a'/></annotations>")
    with pytest.raises(TruthError, match="document type"):
        parse_cvat_video(Path("a.xml"), b"<!DOCTYPE a []><annotations><track/></annotations>")


def test_more_boxes_than_fit_into_memory_are_counted_before_they_are_made() -> None:
    with pytest.raises(TruthError, match="more than 1000000 boxes in all frames together; export parts of it"):
        parse(box(0, 1), size=9_999_999)
    assert len(parse(box(0, 1), box(5, 1, outside=1), size=9_999_999).objects) == 5


def test_far_more_points_than_anybody_draws_are_counted_before_they_are_read() -> None:
    assert len(points_in(";".join(["1,2"] * 100_000))) == 100_000
    with pytest.raises(ValueError, match="expected at most 100000 points, found 100001; draw it more coarsely"):
        points_in(";".join(["x"] * 100_001))


def test_what_a_message_shows_of_a_file_is_short() -> None:
    with pytest.raises(TruthError) as caught:
        parse_cvat_video(
            Path("a.xml"),
            f"<annotations><track/><meta><task><size>{'x' * 10**6}</size></task></meta></annotations>".encode(),
        )
    assert len(str(caught.value)) < 400
