"""Light and values: the standard's own numbers, and back without loss."""

from __future__ import annotations

import numpy as np

from negmine.augmenting.linear_light import is_grey, to_image, to_light

EVERY = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)


def test_every_value_comes_back() -> None:
    assert (to_image(to_light(EVERY)) == EVERY).all()


def test_half_the_light_is_a_value_of_188() -> None:
    assert to_image(np.full((1, 1, 3), 0.5, dtype=np.float32)).tolist() == [[[188, 188, 188]]]  # as the standard has it
    assert abs(float(to_light(np.full((1, 1, 3), 188, dtype=np.uint8))[0, 0, 0]) - 0.5) < 0.01


def test_too_much_is_white_and_too_little_black() -> None:
    assert to_image(np.array([[[-1, 2, 1]]], dtype=np.float32)).tolist() == [[[0, 255, 255]]]


def test_a_colour_anywhere_is_no_grey() -> None:
    assert is_grey(EVERY)
    coloured = EVERY.copy()
    coloured[3, 4, 2] += 1
    assert not is_grey(coloured)
