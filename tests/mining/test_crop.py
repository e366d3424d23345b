"""The crop: each policy by a drawing, and its laws by property. No target's pixel is ever inside."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from negmine.boxes import Rect, cover, rect_touches, touched_pixels
from negmine.errors import ConfigError
from negmine.mining.config import CropConfig, CropPolicy, OutputSize
from negmine.mining.crop import CropSkip, crop_rect, cut
from negmine.structures import FloatArray

NONE = np.zeros((0, 4))
IMAGE_WH = (200, 100)


def _box(*xyxy: float) -> FloatArray:
    return np.array(xyxy, dtype=np.float64)


def _config(crop: CropPolicy, **settings: object) -> CropConfig:
    return CropConfig(crop, **({"size": OutputSize("none"), "min_side_px": 1} | settings))  # type: ignore[arg-type]


def test_context_is_a_square_about_the_box() -> None:
    # 10 x 6 at (95, 47): the side is 3 x 10 = 30, about the centre (100, 50).
    assert crop_rect(_box(95, 47, 105, 53), NONE, IMAGE_WH, _config("context")) == Rect(85, 35, 115, 65)


def test_context_is_moved_inside_the_image() -> None:
    assert crop_rect(_box(0, 0, 10, 10), NONE, IMAGE_WH, _config("context")) == Rect(0, 0, 30, 30)
    assert crop_rect(_box(190, 90, 200, 100), NONE, IMAGE_WH, _config("context")) == Rect(170, 70, 200, 100)


def test_context_wider_than_the_image_is_cut_to_it() -> None:
    # A side of 3 x 60 = 180 is more than the height of 100.
    assert crop_rect(_box(70, 20, 130, 80), NONE, IMAGE_WH, _config("context")) == Rect(10, 0, 190, 100)


def test_context_of_a_tiny_box_is_at_least_the_minimum_side() -> None:
    rect = crop_rect(_box(98, 48, 102, 52), NONE, IMAGE_WH, _config("context", min_side_px=32))
    assert rect == Rect(84, 34, 116, 66)


def test_context_shrinks_where_it_would_touch_a_target() -> None:
    # The target begins inside pixel 109: columns 85 to 108 remain, which is 24 x 30 and more than any cut of the rows.
    targets = np.array([[109.5, 0, 200, 100]])
    assert crop_rect(_box(95, 47, 105, 53), targets, IMAGE_WH, _config("context")) == Rect(85, 35, 109, 65)


def test_region_is_the_image_without_targets_and_the_largest_part_with() -> None:
    assert crop_rect(_box(95, 47, 105, 53), NONE, IMAGE_WH, _config("region")) == Rect(0, 0, 200, 100)
    targets = np.array([[150.2, 10, 160, 20.0]])
    # Left of the target 150 x 100 = 15000; below it 200 x 80 = 16000.
    assert crop_rect(_box(95, 47, 105, 53), targets, IMAGE_WH, _config("region")) == Rect(0, 20, 200, 100)


def test_image_only_where_no_target_is_in_it() -> None:
    assert crop_rect(_box(95, 47, 105, 53), NONE, IMAGE_WH, _config("image")) == Rect(0, 0, 200, 100)
    assert (
        crop_rect(_box(0, 0, 9, 9), np.array([[50.0, 50, 60, 60]]), IMAGE_WH, _config("image")) is CropSkip.HOLDS_TARGET
    )


@pytest.mark.parametrize("crop", ["context", "region"])
def test_a_box_that_shares_a_pixel_with_a_target_gives_nothing(crop: CropPolicy) -> None:
    # Both touch pixel column 105: the box ends at 105.1, the target begins at 105.9. They do not even overlap.
    targets = np.array([[105.9, 40, 120, 60]])
    assert crop_rect(_box(95, 47, 105.1, 53), targets, IMAGE_WH, _config(crop)) is CropSkip.TOUCHES_TARGET
    assert isinstance(crop_rect(_box(95, 47, 105.0, 53), targets, IMAGE_WH, _config(crop)), Rect)


def test_too_small_is_skipped() -> None:
    targets = np.array([[0.0, 0, 200, 45], [0, 55, 200, 100]])  # a slit of 10 rows is free
    config = _config("region", min_side_px=11)
    assert crop_rect(_box(95, 47, 105, 53), targets, IMAGE_WH, config) is CropSkip.TOO_SMALL
    assert crop_rect(_box(95, 47, 105, 53), targets, IMAGE_WH, _config("region", min_side_px=10)) == Rect(
        0, 45, 200, 55
    )


def test_a_rectangle_grows_to_the_aspect_of_the_output() -> None:
    config = _config("context", size=OutputSize("original"))
    # 30 x 30 becomes 60 x 30, the 2:1 of the image, about its centre; at the border it moves inside.
    assert crop_rect(_box(95, 47, 105, 53), NONE, IMAGE_WH, config) == Rect(70, 35, 130, 65)
    assert crop_rect(_box(0, 0, 10, 10), NONE, IMAGE_WH, config) == Rect(0, 0, 60, 30)


def test_growing_stops_at_targets_and_goes_the_other_way() -> None:
    config = _config("context", size=OutputSize("original"))
    targets = np.array([[120.0, 40, 125, 60]])
    assert crop_rect(_box(95, 47, 105, 53), targets, IMAGE_WH, config) == Rect(60, 35, 120, 65)


def test_cut_never_stretches() -> None:
    image = np.zeros((100, 200, 3), dtype=np.uint8)
    image[40:60, 90:110] = 255  # a white square of 20 pixels
    square = CropConfig("context", size=OutputSize("fixed", (80, 80)))
    picture = cut(image, Rect(80, 35, 120, 65), square)  # 40 x 30, doubled to 80 x 60, ten grey rows above and below
    white = np.argwhere((picture > 250).all(axis=2))
    assert picture.shape == (80, 80, 3)
    height, width = white.max(axis=0) - white.min(axis=0) + 1
    assert abs(int(height) - int(width)) <= 1 and abs(int(width) - 40) <= 2
    assert (picture[:9] == 114).all() and (picture[-9:] == 114).all()


def test_cut_to_its_own_size_copies() -> None:
    image = np.arange(100 * 200 * 3, dtype=np.uint32).reshape(100, 200, 3).astype(np.uint8)
    picture = cut(image, Rect(5, 6, 25, 36), CropConfig(size=OutputSize("none")))
    np.testing.assert_array_equal(picture, image[6:36, 5:25])
    picture[:] = 0
    assert image[6:36, 5:25].any()


numbers = st.floats(0, 1, allow_nan=False)
boxes = st.tuples(numbers, numbers, numbers, numbers).map(
    lambda t: [min(t[0], t[2]) * 200, min(t[1], t[3]) * 100, max(t[0], t[2]) * 200, max(t[1], t[3]) * 100]
)


@settings(max_examples=300, deadline=None)
@given(
    box=boxes,
    targets=st.lists(boxes, max_size=4),
    crop=st.sampled_from(["context", "region", "image"]),
    size=st.sampled_from(["original", "none", "64", "50x90"]),
    context=st.floats(1, 6),
)
def test_laws(box: list[float], targets: list[list[float]], crop: CropPolicy, size: str, context: float) -> None:
    config = CropConfig(crop, context, OutputSize.parse(size), min_side_px=4)
    truth = np.array(targets, dtype=np.float64).reshape(-1, 4)
    rect = crop_rect(np.array(box), truth, IMAGE_WH, config)
    assume(not isinstance(rect, CropSkip))
    assert not rect_touches(rect, touched_pixels(truth))  # never a target's pixel
    assert Rect(0, 0, *IMAGE_WH).contains(rect)
    assert rect.contains(cover(np.array(box), IMAGE_WH))
    assert min(rect.size_wh) >= 4


@pytest.mark.parametrize("text", ["", "0", "640x", "x480", "-5", "1e3", "640X480", "99999999"])
def test_sizes_that_are_none(text: str) -> None:
    with pytest.raises(ConfigError, match="original, none, N or WxH"):
        OutputSize.parse(text)


@pytest.mark.parametrize(
    ("text", "resolved"), [("original", (200, 100)), ("none", None), ("64", (64, 64)), ("8x9", (8, 9))]
)
def test_sizes(text: str, resolved: tuple[int, int] | None) -> None:
    assert OutputSize.parse(text).resolve(IMAGE_WH) == resolved
    assert str(OutputSize.parse(text)) in (text, "64x64")


@pytest.mark.parametrize(
    "settings", [{"crop": "tight"}, {"context": 0.5}, {"context": float("nan")}, {"min_side_px": 0}]
)
def test_settings_out_of_range(settings: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        CropConfig(**settings)  # type: ignore[arg-type]
