"""The value types."""

from __future__ import annotations

import pytest

from negmine.structures import FileStamp, GroundTruth

WH = (100, 80)


@pytest.mark.parametrize(
    ("boxes", "crowd", "unjudged"),
    [
        ([], [], ()),
        ([(0, 0, 100, 80)], [False], ()),  # an object that fills the image
        ([(0, 0, 100, 79.5)], [True], ()),  # a crowd somewhere
        ([(0, 0, 100, 80)], [True], ("a",)),
        ([(0, 0, 100, 80), (1, 1, 5, 5), (0, 0, 100, 80)], [True, True, True], ("a", "c")),
    ],
)
def test_crowds_that_fill_the_image_are_of_classes_that_nobody_judged(
    boxes: list[tuple[float, ...]], crowd: list[bool], unjudged: tuple[str, ...]
) -> None:
    truth = GroundTruth.of(boxes, "abc"[: len(boxes)], crowd=crowd)
    assert truth.unjudged(WH) == unjudged


@pytest.mark.parametrize("mtime_ns", [-(10**30), 10**30])
def test_a_stamp_has_64_bits(mtime_ns: int) -> None:
    assert FileStamp(1, mtime_ns).mtime_ns in (-(1 << 63), (1 << 63) - 1)
    assert FileStamp(1, 5) == FileStamp(1, 5)
