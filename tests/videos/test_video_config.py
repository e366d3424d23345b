"""Times and distances between frames, as people type them."""

from __future__ import annotations

import pytest

from negmine.errors import ConfigError
from negmine.videos.config import Every, VideoConfig, parse_time_ms


@pytest.mark.parametrize(
    ("text", "ms"),
    [("0", 0), ("90", 90_000), ("1.5", 1500), ("1.5s", 1500), ("250ms", 250), ("10m", 600_000), ("2h", 7_200_000),
     ("1:30", 90_000), ("1:02:03.5", 3_723_500)],
)  # fmt: skip
def test_a_time_in_milliseconds(text: str, ms: int) -> None:
    assert parse_time_ms(text) == ms


@pytest.mark.parametrize("text", ["", "-1", "soon", "1:2:3:4", "1e3", "5 apples", "٣s", "nan"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ConfigError, match="expected a time such as"):
        parse_time_ms(text)


def test_a_distance_is_a_time_with_its_unit_or_a_number_of_frames() -> None:
    assert [Every.parse(text) for text in ("1s", "0.5s", "5")] == [Every(ms=1000), Every(ms=500), Every(frames=5)]
    assert [str(Every.parse(text)) for text in ("1s", "0.5s", "2m", "5")] == ["1s", "0.5s", "120s", "5"]


@pytest.mark.parametrize("text", ["0", "0s", "-1", "1.5", "", "often", "0.0001s"])
def test_what_is_no_distance(text: str) -> None:
    with pytest.raises(ConfigError, match=r"expected every to be a time \(1s, 0.5s, 2m\) or a number of frames"):
        Every.parse(text)


def test_a_start_behind_the_end() -> None:
    with pytest.raises(ConfigError, match="a start before the end, found 5 s and 4 s"):
        VideoConfig(start_ms=5000, end_ms=4000)
