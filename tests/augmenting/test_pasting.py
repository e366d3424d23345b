"""Cutting out and pasting: what stands out is cut along its edge, and nothing changes outside of its place."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from negmine.augmenting.pasting import paste
from negmine.errors import ConfigError
from negmine.structures import Image

GRASS: Image = np.random.default_rng(0).integers(0, 60, size=(120, 160, 3), dtype=np.uint8) + np.array(
    [20, 90, 20], dtype=np.uint8
)
SAND: Image = np.random.default_rng(1).integers(0, 30, size=(100, 140, 3), dtype=np.uint8) + np.array(
    [120, 160, 190], dtype=np.uint8
)
BOX = {"x1": 50, "y1": 30, "x2": 110, "y2": 90}


def with_ball() -> Image:
    image = GRASS.copy()
    cv2.circle(image, (80, 60), 28, (30, 30, 230), -1)
    return image


def test_a_ball_is_pasted_without_the_grass_around_it() -> None:
    pasted = paste(with_ball(), onto=SAND, **BOX, left=20, top=10, width=60, height=60)
    assert (pasted[40, 50] == (30, 30, 230)).all()  # its middle
    corner = pasted[12:16, 22:26].astype(int)
    assert np.abs(corner - SAND[12:16, 22:26]).max() <= 1  # of the box, outside of the ball
    outside = np.ones(SAND.shape[:2], dtype=bool)
    outside[10:70, 20:80] = False
    assert (pasted[outside] == SAND[outside]).all()


def test_it_gets_the_size_of_its_place() -> None:
    pasted = paste(with_ball(), onto=SAND, **BOX, left=0, top=0, width=30, height=30)
    red = (pasted[..., 2] > 200) & (pasted[..., 1] < 80)
    rows, columns = np.nonzero(red)
    assert 22 <= np.ptp(rows) + 1 <= 30 and 22 <= np.ptp(columns) + 1 <= 30


@pytest.mark.parametrize("box", [(0, 0, 160, 120), (10, 10, 70, 70)])
def test_what_does_not_stand_out_is_pasted_as_a_box_with_soft_edges(box: tuple[int, int, int, int]) -> None:
    """A box that fills its picture, and one with the same on both sides of its edge."""
    flat = np.full((120, 160, 3), (40, 120, 40), dtype=np.uint8)
    names = dict(zip(("x1", "y1", "x2", "y2"), box, strict=True))
    pasted = paste(flat, onto=SAND, **names, left=20, top=10, width=60, height=60)
    assert (pasted[40, 50] == flat[0, 0]).all()
    edge = pasted[40, 20:30, 2].astype(int)  # from sand to green
    assert edge[0] > 110 > edge[-1] and (np.diff(edge) <= 20).all()


def test_a_part_of_what_was_found_is_not_pasted_alone() -> None:
    """The ball fills the left half of its box alone: so it is not what was found, or not all of it."""
    pasted = paste(with_ball(), onto=SAND, x1=50, y1=30, x2=150, y2=90, left=20, top=10, width=100, height=60)
    assert np.abs(pasted[40, 100].astype(int) - GRASS[60, 130]).max() <= 1


def test_into_a_picture_without_colour_comes_none() -> None:
    grey = SAND[..., :1].repeat(3, axis=2)
    pasted = paste(with_ball(), onto=grey, **BOX, left=20, top=10, width=60, height=60)
    assert (pasted[..., 0] == pasted[..., 2]).all() and (pasted != grey).any()


def test_the_same_is_the_same_whatever_was_drawn_before_and_nothing_changes_in_place() -> None:
    ball, before = with_ball(), SAND.copy()
    cv2.setRNGSeed(5)
    first = paste(ball, onto=SAND, **BOX, left=20, top=10, width=60, height=60)
    cv2.setRNGSeed(77)
    assert (paste(ball, onto=SAND, **BOX, left=20, top=10, width=60, height=60) == first).all()
    assert (before == SAND).all() and (ball == with_ball()).all()


@pytest.mark.parametrize("side", [1, 2, 3, 5])
def test_the_smallest_boxes(side: int) -> None:
    pasted = paste(with_ball(), onto=SAND, x1=50, y1=30, x2=50 + side, y2=31, left=0, top=0, width=side, height=1)
    assert pasted.shape == SAND.shape


@pytest.mark.parametrize(
    "wrong", [{"x1": -1}, {"x2": 161}, {"x2": 50}, {"left": 100}, {"width": 0}, {"top": -1}, {"height": 101}]
)
def test_boxes_outside_of_their_picture_are_refused(wrong: dict[str, int]) -> None:
    place = {**BOX, "left": 20, "top": 10, "width": 60, "height": 60, **wrong}
    with pytest.raises(ConfigError, match=r"expected (the box|its place) inside a picture of"):
        paste(with_ball(), onto=SAND, **place)
