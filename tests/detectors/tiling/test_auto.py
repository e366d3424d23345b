"""`--tile auto`: the size of a tile by the size of the labelled objects, in one line that says why."""

from __future__ import annotations

import numpy as np
import pytest
from blobs import square_detector

from negmine.detectors.tiling.auto import ObjectSizes, chosen_side, with_tiles
from negmine.detectors.tiling.config import TileConfig
from negmine.detectors.tiling.detector import TiledDetector
from negmine.errors import ConfigError


def sizes(side: float, image: tuple[int, int] = (1920, 1080), count: int = 20) -> ObjectSizes:
    return ObjectSizes(np.full((count, 2), side), np.tile(np.array(image, dtype=float), (count, 1)))


def test_small_objects_get_tiles_in_which_they_cover_32_pixels() -> None:
    side, why = chosen_side(sizes(16), 640)
    assert side == 320  # 640 * 16 / 32
    assert why == (
        "--tile auto: tiles of 320 px: of 20 labelled objects nine in ten are 16 px or larger, at imgsz 640 5 px on a "
        "whole image, and 32 px on a tile"
    )


def test_tiles_have_room_for_large_objects() -> None:
    mixed = ObjectSizes(np.array([[16.0, 16]] * 10 + [[300.0, 200]] * 10), sizes(1).images_wh)
    side, why = chosen_side(mixed, 640)
    assert side == 608 and why.endswith("17 px on a tile, with room for large ones")


def test_objects_that_whole_images_show_large_enough_get_none() -> None:
    assert chosen_side(sizes(100, (640, 480)), 640)[0] is None
    detector = with_tiles(square_detector(), TileConfig("auto"), lambda: sizes(100, (640, 480)))
    assert isinstance(detector, TiledDetector) and detector.config.size_wh is None
    assert detector.notes[-1].startswith("--tile auto: no tiles")


@pytest.mark.parametrize("read", [None, lambda: sizes(16, count=0)])
def test_auto_without_labelled_objects_is_refused(read: object) -> None:
    with pytest.raises(ConfigError, match="give labels with objects"):
        with_tiles(square_detector(), TileConfig("auto"), read)  # type: ignore[arg-type]


def test_objects_are_small_by_two_definitions() -> None:
    found = ObjectSizes(
        np.array([[31.0, 31], [40, 40], [300, 20]]), np.array([[100.0, 100], [1000, 1000], [1000, 1000]])
    )
    assert found.under_px.tolist() == [True, False, False]
    assert found.under_share.tolist() == [False, True, False]
