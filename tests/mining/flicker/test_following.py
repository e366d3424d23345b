"""Boxes that are followed from frame to frame through images in which everything moves."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from negmine.mining.flicker.config import FlickerConfig
from negmine.mining.flicker.finder import FlickerFinder
from negmine.mining.flicker.following import GreyImage, follow
from negmine.mining.flicker.linking import SeenFrame, link_overlaps
from negmine.structures import Detections

BOX = np.array([60.0, 40.0, 84.0, 64.0])


def texture(seed: int = 0, size: int = 400) -> GreyImage:
    """Blobs of a few pixels, which no other place resembles."""
    noise = np.random.default_rng(seed).integers(0, 256, size=(size // 4, size // 4), dtype=np.uint8)
    return np.asarray(cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def view(x: int, y: int = 0) -> GreyImage:
    """What a camera sees that has moved."""
    return texture()[y : y + 120, x : x + 200]


@pytest.mark.parametrize("scale", [1, 4])  # a large box is matched at a smaller scale
def test_a_box_is_found_where_the_camera_moved_it(scale: int) -> None:
    start, end = (np.repeat(np.repeat(image, scale, axis=0), scale, axis=1) for image in (view(0), view(17, 9)))
    place = follow(BOX * scale, start, end, reach_px=24 * scale, similarity=0.5)
    assert place is not None
    assert place == pytest.approx((BOX - [17, 9, 17, 9]) * scale, abs=scale + 1)


def test_nothing_is_found_that_is_out_of_reach_or_not_there() -> None:
    assert follow(BOX, view(0), view(50), reach_px=24, similarity=0.7) is None
    assert follow(BOX, view(0), texture(1)[:120, :200], reach_px=24, similarity=0.7) is None


def test_a_flat_a_tiny_and_an_outer_box_say_nothing() -> None:
    flat = np.full((120, 200), 80, dtype=np.uint8)
    assert follow(BOX, flat, flat, reach_px=24, similarity=0.5) is None
    assert follow(np.array([5.0, 5, 7, 7]), view(0), view(0), reach_px=24, similarity=0.5) is None
    assert follow(np.array([500.0, 500, 540, 540]), view(0), view(0), reach_px=24, similarity=0.5) is None
    assert follow(BOX, view(0), texture()[:100, :200], reach_px=24, similarity=0.5) is None


def seen(x: int, boxes: list[list[float]]) -> SeenFrame:
    count = len(boxes)
    detections = Detections(np.array(boxes).reshape(-1, 4), np.full(count, 0.9), np.zeros(count, dtype=int))
    return SeenFrame(detections, lambda: view(x))


def test_the_camera_s_motion_links_what_boxes_alone_do_not() -> None:
    early, late = seen(0, [[60, 40, 84, 64]]), seen(20, [[40, 40, 64, 64]])
    bare = [SeenFrame(each.detections) for each in (early, late)]
    assert link_overlaps(*bare, 1, FlickerConfig())[0, 0] == pytest.approx(4 / 44)
    assert link_overlaps(early, late, 1, FlickerConfig())[0, 0] > 0.9


def test_under_a_moving_camera_only_the_flicker_is_alone() -> None:
    """A thing that stands still moves 20 pixels a frame in the image; in frame 5 something fires elsewhere too."""
    frames = [seen(20 * t, [[190 - 20 * t, 40, 214 - 20 * t, 64]]) for t in range(10)]
    frames[5] = seen(100, [[90, 40, 114, 64], [20, 80, 44, 104]])
    for with_images, expected in ((True, [0, 1]), (False, [0, 2])):
        finder = FlickerFinder(FlickerConfig(window=1))
        every = [frame if with_images else SeenFrame(frame.detections) for frame in frames]
        result = [each for frame in every if (each := finder.push(frame)) is not None] + finder.finish()
        assert [int(result[number].is_alone.sum()) for number in (0, 5)] == expected
