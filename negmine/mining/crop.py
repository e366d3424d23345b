"""The crop: which rectangle around a false positive becomes a negative. No target's pixel is ever inside."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import numpy as np

from negmine.boxes import Rect, cover, free_span, largest_free_rect, rect_touches, touched_pixels
from negmine.images import resize_without_stretching
from negmine.images.parts import resized_part
from negmine.images.resizing import fitted_wh
from negmine.limits import MAX_PIXELS, MAX_SIDE
from negmine.mining.config import CropConfig
from negmine.structures import FloatArray, Image, IntArray, Pixels, View


class CropSkip(StrEnum):
    """Why a background false positive gives no negative."""

    TOUCHES_TARGET = "touches_target"  # its own box shares a pixel with a target, so no rectangle can hold it
    HOLDS_TARGET = "holds_target"  # the whole image was asked for, and a target is in it
    NEAR_OTHER_CLASS = "near_other_class"  # no rectangle holds it without what is detected of a class that is not mined
    TOO_SMALL = "too_small"  # the rectangle is under the minimum side
    NOT_CONFIRMED = "not_confirmed"  # the detector does not fire on the finished crop
    SAME_PLACE = "same_place"  # as many as asked are kept already of what comes again and again there in the video
    OVER_LIMIT = "over_limit"  # the image already gave as many harder negatives as asked


CROP_SKIP_MEANINGS: Mapping[str, str] = {
    CropSkip.TOUCHES_TARGET: "a target is too near",
    CropSkip.HOLDS_TARGET: "a target is in the image",
    CropSkip.NEAR_OTHER_CLASS: "a detection of another class is too near",
    CropSkip.TOO_SMALL: "the crop would be too small",
    CropSkip.NOT_CONFIRMED: "the detector does not fire on the crop",
    CropSkip.SAME_PLACE: "the same place in the video gave enough",
    CropSkip.OVER_LIMIT: "the image gave enough harder ones",
}


def crop_rect(
    box_xyxy: FloatArray,
    targets_xyxy: FloatArray,
    image_wh: tuple[int, int],
    config: CropConfig,
    view: View | None = None,
) -> Rect | CropSkip:
    """Choose the rectangle to keep for one false positive.

    - `context`: a square about the box's centre, its side `context` times the box's longer side (and at least the
      minimum side), moved inside the image; of it, the largest part that holds the box and touches no target.
    - `region`: the largest rectangle of the image that holds the box and touches no target.
    - `image`: the whole image, if no target is in it.

    It is then grown to the output's aspect ratio as far as the image and the targets allow.

    Where the detector saw the false positive in a tile, the tile takes the place of the image for the last two; with
    the size `original` for `context` too, so that a negative is what the detector saw, clear of targets.

    Args:
        box_xyxy: [4] float pixels, the false positive.
        targets_xyxy: [M, 4] float pixels, every object of the image, of any class, difficult and crowd ones too.
        image_wh: width and height of the image, in pixels.
        config: policy, context, output size, minimum side.
        view: what the detector saw it in; None for the whole image.

    Returns:
        The rectangle in whole pixels, or the reason why there is none.
    """
    blocked, whole = touched_pixels(targets_xyxy), Rect(0, 0, *image_wh)
    seen = whole if view is None else Rect(*view[:4])
    if config.crop == "image":
        if len(blocked) if view is None else rect_touches(seen, blocked):
            return CropSkip.HOLDS_TARGET
        rect: Rect | None = seen
    else:
        hold = cover(box_xyxy, image_wh)
        is_seen = config.crop == "region" or (view is not None and config.size.mode == "original")
        window = seen if is_seen else _context_window(box_xyxy, hold, whole, config)
        rect = largest_free_rect(window, hold, blocked)
    if rect is None:
        return CropSkip.TOUCHES_TARGET
    output_wh = _output_wh(rect, image_wh, config, view)
    if output_wh is not None:
        rect = grow_to_aspect(rect, output_wh, whole, blocked)
    return rect if min(rect.size_wh) >= config.min_side_px else CropSkip.TOO_SMALL


def _context_window(box_xyxy: FloatArray, hold: Rect, whole: Rect, config: CropConfig) -> Rect:
    """The square about the box's centre, moved inside the image; as wide as the image where it would be wider."""
    width, height = hold.size_wh
    longer = float(np.max(box_xyxy[2:] - box_xyxy[:2]))
    side = max(round(config.context * longer), width, height, config.min_side_px)
    centre_x, centre_y = (box_xyxy[:2] + box_xyxy[2:]) / 2
    x1, x2 = _place(float(centre_x), min(side, whole.x2), hold.x1, hold.x2, 0, whole.x2)
    y1, y2 = _place(float(centre_y), min(side, whole.y2), hold.y1, hold.y2, 0, whole.y2)
    return Rect(x1, y1, x2, y2)


def _place(centre: float, length: int, hold_low: int, hold_high: int, low: int, high: int) -> tuple[int, int]:
    """Put a span of `length` as near to `centre` as holding [hold_low, hold_high) inside [low, high) allows."""
    start = round(centre - length / 2)
    start = min(max(start, hold_high - length, low), hold_low, high - length)
    return start, start + length


def grow_to_aspect(rect: Rect, output_wh: tuple[int, int], whole: Rect, blocked_xyxy: IntArray) -> Rect:
    """Grow a rectangle towards the aspect ratio of `output_wh`, about its centre, where image and targets allow.

    Args:
        rect: inside `whole`, touching no blocked box.
        output_wh: width and height whose ratio is wanted.
        whole: the image.
        blocked_xyxy: [M, 4] int64, whole-pixel boxes of the targets.
    """
    (width, height), (out_width, out_height) = rect.size_wh, output_wh
    axis = 0 if width * out_height < height * out_width else 1
    wanted = round(height * out_width / out_height) if axis == 0 else round(width * out_height / out_width)
    low, high = free_span(rect, whole, blocked_xyxy, axis)
    length = max(min(wanted, high - low), rect[axis + 2] - rect[axis])
    start, end = _place((rect[axis] + rect[axis + 2]) / 2, length, rect[axis], rect[axis + 2], low, high)
    return Rect(start, rect.y1, end, rect.y2) if axis == 0 else Rect(rect.x1, start, rect.x2, end)


def _output_wh(rect: Rect, image_wh: tuple[int, int], config: CropConfig, view: View | None) -> tuple[int, int] | None:
    """Width and height of the negative; None where it keeps the size of its rectangle.

    One that a detector saw in a tile keeps the scale of the tile where others get the size of their image: blown up to
    that, a small object would have a size that it never has. So does one of more pixels than any image may have.
    """
    if view is None or config.size.mode == "fixed":
        return config.size.resolve(image_wh)
    width, height = rect.size_wh
    is_too_large = width * height > MAX_PIXELS or max(width, height) > MAX_SIDE  # nobody could open it
    if view.scale == 1 or (config.size.mode == "none" and not is_too_large):
        return None
    return _scaled(rect.size_wh, view.scale)


def _scaled(size_wh: tuple[int, int], scale: float) -> tuple[int, int]:
    """A width and height times a scale, in whole pixels."""
    return max(round(size_wh[0] * scale), 1), max(round(size_wh[1] * scale), 1)


def cut(image: Pixels, rect: Rect, config: CropConfig, view: View | None = None) -> Image:
    """Cut a rectangle out of an image [H, W, 3] and bring it to the output's size, letterboxed, never stretched."""
    output_wh = _output_wh(rect, (image.shape[1], image.shape[0]), config, view)
    if output_wh is None:
        return np.ascontiguousarray(image[rect.y1 : rect.y2, rect.x1 : rect.x2])
    shown_wh = rect.size_wh if isinstance(image, np.ndarray) else fitted_wh(rect.size_wh, output_wh)
    return resize_without_stretching(resized_part(image, rect, shown_wh), output_wh)
