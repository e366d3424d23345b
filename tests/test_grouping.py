"""What belongs together by its path."""

from __future__ import annotations

from pathlib import Path

import pytest

from negmine.errors import ConfigError
from negmine.grouping import CameraShot, GroupBy

PATHS = [Path("a/clip1_03.png"), Path("b/clip1_04.png"), Path("b/other.png")]


def test_keys() -> None:
    assert GroupBy().keys(PATHS) == frozenset() and not GroupBy().has_keys
    assert GroupBy("folder").keys(PATHS) == {"a", "b"}
    assert GroupBy(r"(clip\d+)_").keys(PATHS) == {"clip1"} and GroupBy(r"(clip\d+)_").key(PATHS[2]) is None
    assert GroupBy(r"x(y)?|clip").key(PATHS[0]) is None  # a group that takes no part


def test_frames_of_a_video_belong_together_unless_a_rule_parts_them_by_time() -> None:
    frames = [Path(f"day/clip.mp4/t={second}.000,frame={second * 25}") for second in (7, 112, 199, 201)]
    assert GroupBy().keys(frames) == GroupBy("folder").keys(frames) == {str(Path("day/clip.mp4"))}
    by_time = GroupBy(r"(.*/t=\d*?)\d{0,2}\.")  # in blocks of 100 seconds
    assert [by_time.key(frame) for frame in frames] == [f"day/clip.mp4/t={block}" for block in ("", "1", "1", "2")]


def test_frames_of_a_camera_belong_together_wherever_their_files_are_unless_a_rule_parts_them_by_time() -> None:
    names = {"aa": "rtsp://a/1 2026-01-02 23:59:59.000 UTC", "bb": "rtsp://a/1 2026-01-03 00:00:01.000 UTC"}
    shots = {stem: CameraShot("rtsp://a/1", name) for stem, name in names.items()}
    files = [Path("bank/frames/aa/aa.jpg"), Path("copies/bb.jpg")]
    assert GroupBy(shots=shots).keys(files) == GroupBy("folder", shots).keys(files) == {"rtsp://a/1"}
    by_day = GroupBy(r"(.* \d{4}-\d\d-\d\d) ", shots)
    assert by_day.keys(files) == {"rtsp://a/1 2026-01-02", "rtsp://a/1 2026-01-03"}
    assert hash(GroupBy(shots=shots)) == hash(GroupBy())


@pytest.mark.parametrize("text", ["folders", "(", r"clip\d+", "near-duplicates"])
def test_what_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"expected group-by folder, near-duplicate, or a regular expression with"):
        GroupBy(text)


def test_a_regular_expression_that_matches_nothing_is_refused() -> None:
    GroupBy("folder").require_match(PATHS)
    GroupBy("(clip)").require_match(PATHS)
    GroupBy("(dog)").require_match([])
    with pytest.raises(ConfigError, match=r"'\(dog\)' matches none of 3, such as a.clip1_03.png"):
        GroupBy("(dog)").require_match(PATHS)
