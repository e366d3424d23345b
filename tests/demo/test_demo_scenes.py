"""What is drawn, and whether its boxes are where its pixels are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from negmine.boxes import box_iou
from negmine.demo.painting import SPRITE_SIDE_PX, Sprite
from negmine.demo.scenes import SCENE_WH, Scene, draw_lookalike_scene, draw_sign_scene, paste
from negmine.demo.signs import LOOKALIKES, SPEED_LIMIT, draw_speed_limit
from negmine.structures import FloatArray, Image

SEEDS = st.integers(0, 2**32 - 1)


def redness(image: Image) -> npt.NDArray[np.int64]:
    """How much redder than green or blue each pixel is."""
    signed = image.astype(np.int64)
    return signed[..., 2] - np.maximum(signed[..., 0], signed[..., 1])


def extent(mask: npt.NDArray[np.bool_], x: int = 0, y: int = 0) -> FloatArray:
    """The tight xyxy box of a mask whose upper left corner is at (x, y)."""
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    return np.array([x + columns[0], y + rows[0], x + columns[-1] + 1, y + rows[-1] + 1], dtype=np.float64)


def test_only_the_opaque_part_of_a_sprite_is_drawn_and_boxed() -> None:
    image = np.full((40, 50, 3), 90, dtype=np.uint8)
    solid = np.zeros((SPRITE_SIDE_PX, SPRITE_SIDE_PX, 3), dtype=np.uint8)
    mask = np.zeros((SPRITE_SIDE_PX, SPRITE_SIDE_PX), dtype=np.uint8)
    mask[64:192, 64:192] = 255  # the middle half of each side
    box = paste(image, Sprite(solid, mask), (10, 4), 32)
    # 32 px for 256: the middle half is columns 8 to 23 of the 32, moved by the corner
    assert box.tolist() == [18, 12, 34, 28]
    assert (image[12:28, 18:34] == 0).all()
    image[12:28, 18:34] = 90  # nothing else may have changed
    assert (image == 90).all()


@settings(max_examples=50, deadline=None)
@given(SEEDS, st.integers(20, 120), st.integers(0, 60), st.integers(0, 60))
def test_the_box_of_a_pasted_sign_is_the_extent_of_its_ring(seed: int, side: int, x: int, y: int) -> None:
    image = np.full((180, 180, 3), 128, dtype=np.uint8)
    box = paste(image, draw_speed_limit(np.random.default_rng(seed)), (x, y), side)
    ring = redness(image)
    assert np.abs(extent(ring > ring.max() / 2) - box).max() <= 1


def test_boxes_in_whole_scenes_bound_the_red_ring_within_a_pixel() -> None:
    measured = 0
    for number in range(60):
        scene = draw_sign_scene(np.random.default_rng([7, number]))
        red = np.pad(redness(scene.image), 6, mode="edge")
        for box in scene.boxes_xyxy:
            x1, y1, x2, y2 = (int(v) for v in box)
            around = red[y1 : y2 + 12, x1 : x2 + 12]  # the box grown by the 6 px of padding on each side
            red_of_ring = np.percentile(around[6:-6, 6:-6], 90)
            ring = around > red_of_ring / 2
            tinted = around > red_of_ring / 4
            tinted[3:-3, 3:-3] = False
            if not tinted.any():  # else a brick or a panel of nearly that colour touches the sign
                assert np.abs(extent(ring, x1 - 6, y1 - 6) - box).max() <= 1, f"scene {number}, box {box.tolist()}"
                measured += 1
    assert measured > 30  # of about 120


@pytest.mark.parametrize("draw", [draw_sign_scene, draw_lookalike_scene])
@settings(max_examples=25, deadline=None)
@given(seed=SEEDS)
def test_things_lie_inside_the_scene_and_apart(draw: Callable[[np.random.Generator], Scene], seed: int) -> None:
    scene = draw(np.random.default_rng(seed))
    assert scene.image.shape == (SCENE_WH[1], SCENE_WH[0], 3)
    assert scene.image.dtype == np.uint8
    assert len(scene.kinds) == len(scene.boxes_xyxy) >= 1
    assert (scene.boxes_xyxy >= 0).all()
    assert (scene.boxes_xyxy <= [*SCENE_WH, *SCENE_WH]).all()
    assert (box_iou(scene.boxes_xyxy, scene.boxes_xyxy) == np.eye(len(scene.kinds))).all()


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_targets_and_lookalikes_never_share_a_scene(seed: int) -> None:
    assert set(draw_sign_scene(np.random.default_rng(seed)).kinds) == {SPEED_LIMIT}
    assert set(draw_lookalike_scene(np.random.default_rng(seed)).kinds) <= set(LOOKALIKES)
    assert SPEED_LIMIT not in LOOKALIKES


def test_every_lookalike_is_drawn_and_no_two_kinds_alike() -> None:
    sprites = {kind: draw(np.random.default_rng(3)) for kind, draw in LOOKALIKES.items()}
    sprites[SPEED_LIMIT] = draw_speed_limit(np.random.default_rng(3))
    assert len({sprite.image.tobytes() for sprite in sprites.values()}) == len(LOOKALIKES) + 1
    seen = {kind for number in range(60) for kind in draw_lookalike_scene(np.random.default_rng([1, number])).kinds}
    assert seen == set(LOOKALIKES)


def test_no_lookalike_is_a_red_ring_around_white() -> None:
    def white_in_red(sprite: Sprite) -> bool:
        """White a third of the way out in every direction, and bright red at the rim in every direction."""
        angles = np.arange(0, 2 * np.pi, np.pi / 36)
        at = {
            radius: sprite.image[
                np.rint(128 + radius * np.sin(angles)).astype(int), np.rint(128 + radius * np.cos(angles)).astype(int)
            ].astype(int)
            for radius in (88, 112)
        }
        rim_red = (at[112][:, 2] - at[112][:, :2].max(axis=1) > 135).all()  # orange reaches 128
        return bool(rim_red and (at[88].min(axis=1) > 200).mean() > 0.9)

    for seed in range(40):
        rng = np.random.default_rng(seed)
        assert white_in_red(draw_speed_limit(rng))
        assert [kind for kind, draw in LOOKALIKES.items() if white_in_red(draw(rng))] == []


def test_the_same_seed_draws_the_same_bytes_and_another_seed_others() -> None:
    for draw in (draw_sign_scene, draw_lookalike_scene):
        first, again, other = (draw(np.random.default_rng(seed)) for seed in (5, 5, 6))
        assert first.image.tobytes() == again.image.tobytes()
        assert first.boxes_xyxy.tolist() == again.boxes_xyxy.tolist()
        assert first.image.tobytes() != other.image.tobytes()
