"""Boxes that are drawn on images."""

from __future__ import annotations

import numpy as np
import pytest

from negmine.boxes import Box
from negmine.images.drawing import draw_box

ORANGE = (40, 90, 240)


def drawn(box_xyxy: Box, width: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Where a white image of 40 x 30 has the colour, and where it has the edge."""
    image = np.full((30, 40, 3), 255, np.uint8)
    draw_box(image, box_xyxy, ORANGE, width=width)
    return (image == ORANGE).all(axis=2), (image == 0).all(axis=2)


def test_a_box_has_a_dark_edge_on_both_sides() -> None:
    line, edge = drawn((10, 8, 30, 20), width=1)
    assert line[8, 10] and line[20, 30] and line[14, 10] and not line[14, 20]
    assert edge[14, 9] and edge[14, 11]


@pytest.mark.parametrize("box_xyxy", [(-50, -50, 100, 100), (0, 0, 40, 30), (39, 29, 40, 30), (-9, -9, -8, -8)])
def test_a_box_beside_the_image_is_moved_into_it(box_xyxy: Box) -> None:
    line, _ = drawn(box_xyxy)
    assert line.any()
    if box_xyxy[2] - box_xyxy[0] >= 40:
        assert line[:, :3].any(axis=1).sum() > 25 and line[:, -3:].any(axis=1).sum() > 25  # all four sides are seen


def test_an_image_of_one_pixel() -> None:
    image = np.zeros((1, 1, 3), np.uint8)
    draw_box(image, (0, 0, 1, 1), ORANGE)
    assert image.shape == (1, 1, 3)
