"""Whole scenes: a backdrop, angular clutter, and round things on it, which are either targets or look-alikes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import cv2
import numpy as np

from negmine.boxes import Rect, box_intersection
from negmine.demo.backgrounds import draw_background, draw_clutter
from negmine.demo.painting import CENTRE, SPRITE_SIDE_PX, Sprite, jitter, shade
from negmine.demo.signs import LOOKALIKES, SPEED_LIMIT, draw_speed_limit
from negmine.structures import FloatArray, Image, as_boxes_xyxy

SCENE_WH = (384, 288)
_SIDE_PX = (28, 96)  # of a round thing; 19 to 64 px in a detector's 256 px input, where strides 8 and 16 see them
_GAP_PX = 6  # between two round things
_UNMOUNTED = frozenset({"ball", "wheel"})  # no pole carries these
_PAINTERS: Mapping[str, Callable[[np.random.Generator], Sprite]] = MappingProxyType(
    {SPEED_LIMIT: draw_speed_limit, **LOOKALIKES}
)


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A drawn image and the round things in it.

    Attributes:
        image: [288, 384, 3] uint8 BGR.
        boxes_xyxy: [N, 4] float64, pixels: the tight box of each round thing.
        kinds: N names, `speed-limit` for a target or a key of `LOOKALIKES`.
    """

    image: Image
    boxes_xyxy: FloatArray
    kinds: tuple[str, ...]


def paste(image: Image, sprite: Sprite, corner_xy: tuple[int, int], side_px: int) -> FloatArray:
    """Shrink `sprite` to `side_px` and draw it onto `image` in place, its upper left corner at `corner_xy`.

    Returns:
        [4] xyxy of the pixels that it covers by at least half.
    """
    opacity = sprite.mask.astype(np.float32) / 255
    paint = sprite.image * opacity[..., None]  # multiplied first, so that no hidden colour bleeds over the edge
    small_paint = cv2.resize(paint, (side_px, side_px), interpolation=cv2.INTER_AREA)
    cover = cv2.resize(opacity, (side_px, side_px), interpolation=cv2.INTER_AREA)
    x, y = corner_xy
    under = image[y : y + side_px, x : x + side_px]
    under[:] = np.clip(np.rint(under * (1 - cover[..., None]) + small_paint), 0, 255).astype(np.uint8)
    columns, rows = (np.flatnonzero((cover >= 0.5).any(axis=axis)) for axis in (0, 1))
    return np.array([x + columns[0], y + rows[0], x + columns[-1] + 1, y + rows[-1] + 1], dtype=np.float64)


def _hang(sprite: Sprite, rng: np.random.Generator) -> Sprite:
    """Turn a sprite by a few degrees, look at it a little from the side, bleach it, and light it from above."""
    matrix = cv2.getRotationMatrix2D((CENTRE, CENTRE), float(rng.uniform(-7, 7)), 1.0)
    squeeze = rng.uniform(0.86, 1.0)
    matrix[0] = matrix[0] * squeeze + [0, 0, CENTRE * (1 - squeeze)]
    light = np.linspace(rng.uniform(0, 15), rng.uniform(-45, 0), SPRITE_SIDE_PX, dtype=np.float32)
    lit = shade(_bleach(sprite.image, rng.uniform(0, 0.6)), light[:, None])
    side = (SPRITE_SIDE_PX, SPRITE_SIDE_PX)
    image = cv2.warpAffine(lit, matrix, side, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    mask = cv2.warpAffine(sprite.mask, matrix, side, flags=cv2.INTER_LINEAR)
    return Sprite(image.astype(np.uint8), mask.astype(np.uint8))


def _bleach(image: Image, share: float) -> Image:
    grey = image @ np.array([0.114, 0.587, 0.299], dtype=np.float32)  # luma, BT.601
    return np.rint(image * np.float32(1 - share) + grey[..., None] * np.float32(share)).astype(np.uint8)


def _find_place(rng: np.random.Generator, taken: Sequence[Rect]) -> Rect | None:
    """A square inside the scene, a gap away from all that is `taken`; None where the tries run out."""
    width, height = SCENE_WH
    for _ in range(30):
        side = round(float(np.exp(rng.uniform(*np.log(_SIDE_PX)))))
        x, y = int(rng.integers(0, width - side + 1)), int(rng.integers(0, height - side + 1))
        grown = np.array([[x - _GAP_PX, y - _GAP_PX, x + side + _GAP_PX, y + side + _GAP_PX]], dtype=np.float64)
        if not box_intersection(grown, as_boxes_xyxy(taken)).any():
            return Rect(x, y, x + side, y + side)
    return None


def _draw_pole(image: Image, rng: np.random.Generator, place: Rect) -> None:
    middle, half = (place.x1 + place.x2) // 2, max(1, place.size_wh[0] // 22)
    colour = jitter(rng, (140, 140, 138), 25)
    top, bottom = (place.y1 + place.y2) // 2, image.shape[0]
    cv2.rectangle(image, (middle - half, top), (middle + half, bottom), colour, -1)


def _photograph(image: Image, rng: np.random.Generator) -> Image:
    """What a camera adds: exposure, a colour cast, a little blur, and noise."""
    exposed = image * (rng.uniform(0.55, 1.08) * rng.uniform(0.94, 1.06, 3)).astype(np.float32)
    soft = cv2.GaussianBlur(exposed, (0, 0), float(rng.uniform(0.3, 1.1)))
    noise = rng.standard_normal(image.shape[:2], dtype=np.float32) * rng.uniform(1.5, 5.0)
    return np.clip(np.rint(soft + noise[..., None]), 0, 255).astype(np.uint8)


def _draw(rng: np.random.Generator, kinds: Sequence[str]) -> Scene:
    """Draw a scene with a thing of each kind; the last ones are left out where no place is found for them."""
    image = draw_background(rng, SCENE_WH)
    draw_clutter(image, rng)
    places: list[Rect] = []
    for _ in kinds:
        place = _find_place(rng, places)
        if place is not None:
            places.append(place)
    drawn = tuple(kinds[: len(places)])
    for kind, place in zip(drawn, places, strict=True):  # all poles first: none may cross a sign
        if kind not in _UNMOUNTED and rng.random() < 0.6:
            _draw_pole(image, rng, place)
    boxes = [
        paste(image, _hang(_PAINTERS[kind](rng), rng), (place.x1, place.y1), place.size_wh[0])
        for kind, place in zip(drawn, places, strict=True)
    ]
    return Scene(_photograph(image, rng), as_boxes_xyxy(boxes), drawn)


def draw_sign_scene(rng: np.random.Generator) -> Scene:
    """Draw a scene with one to three targets and no look-alike: what the detector is trained on."""
    return _draw(rng, [SPEED_LIMIT] * int(rng.integers(1, 4)))


def draw_lookalike_scene(rng: np.random.Generator) -> Scene:
    """Draw a scene with one to four look-alikes and no target: a background image."""
    return _draw(rng, [str(kind) for kind in rng.choice(sorted(LOOKALIKES), size=int(rng.integers(1, 5)))])
