"""Tiles of labelled images: a part of an object is kept where enough is inside; else no pixel of it is trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy import LAMP, NATIVE, ToyTrainer, draw, make_world, open_toy, toy_config

from negmine.boxes import Rect, box_ioa, rect_touches, touched_pixels
from negmine.detectors.tiling.config import TileConfig
from negmine.errors import ConfigError
from negmine.images import decode_image
from negmine.labels.yolo import label_path
from negmine.retraining.config import RetrainConfig
from negmine.retraining.folder import RetrainFolder
from negmine.retraining.labelled import ImageWithTruth
from negmine.retraining.retrain import retrain
from negmine.retraining.tiles import labelled_tiles, place_tiles
from negmine.structures import GroundTruth

TILES = TileConfig((100, 100), 0.2)
WH = (180, 100)  # two tiles: columns 0 to 99, and 80 to 179


def tiles(*boxes: tuple[float, ...], min_visible: float = 0.3, crowd: list[bool] | None = None) -> list[object]:
    truth = GroundTruth.of(list(boxes), ["lamp"] * len(boxes), crowd=crowd)
    found = labelled_tiles(truth, WH, TILES, min_visible)
    return [(each.rect, [tuple(box) for box in each.truth.boxes_xyxy.tolist()]) for each in found]


def test_an_image_without_objects_and_one_no_larger_than_a_tile_give_none() -> None:
    assert tiles() == []
    assert labelled_tiles(GroundTruth.of([[1, 1, 9, 9]], ["lamp"]), (100, 90), TILES, 0.3) == ()


def test_a_tile_without_an_object_is_none() -> None:
    assert tiles((10, 10, 30, 30)) == [(Rect(0, 0, 100, 100), [(10, 10, 30, 30)])]


def test_a_part_of_an_object_is_kept_where_enough_is_inside() -> None:
    both = tiles((90, 10, 110, 30))  # half of it in the first tile, all of it in the second
    assert both == [(Rect(0, 0, 100, 100), [(90, 10, 100, 30)]), (Rect(80, 0, 180, 100), [(10, 10, 30, 30)])]
    assert tiles((90, 10, 110, 30), min_visible=0.6) == both[1:]


def test_a_tile_is_made_smaller_until_no_pixel_of_a_sliver_is_in_it() -> None:
    sliver, object_ = (95.0, 40.0, 135.0, 60.0), (10.0, 10.0, 30.0, 30.0)
    assert tiles(object_, sliver)[0] == (Rect(0, 0, 95, 100), [object_])


def test_a_tile_in_which_a_sliver_cannot_be_avoided_is_left_out() -> None:
    sliver, beside = (95.0, 40.0, 135.0, 60.0), (80.0, 45.0, 99.0, 55.0)
    assert [rect for rect, _ in tiles(beside, sliver)] == [Rect(80, 0, 180, 100)]


def test_a_crowd_is_no_object_and_no_pixel_of_it_is_trained_on() -> None:
    assert tiles((10, 10, 30, 30), (50, 0, 60, 100), crowd=[False, True]) == [(Rect(0, 0, 50, 100), [(10, 10, 30, 30)])]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(*[st.integers(0, 170)] * 2, *[st.integers(1, 60)] * 2), max_size=6), st.floats(0.05, 1))
def test_no_tile_shows_a_pixel_of_an_object_that_it_does_not_list(
    rows: list[tuple[int, int, int, int]], min_visible: float
) -> None:
    boxes = np.array([(x, y, min(x + w, 180), min(y + h, 175)) for x, y, w, h in rows if y < 175], dtype=float)
    truth = GroundTruth.of(boxes, ["lamp"] * len(boxes))
    for each in labelled_tiles(truth, (180, 175), TILES, min_visible):
        shown = box_ioa(truth.boxes_xyxy, np.array([each.rect], dtype=float))[:, 0]
        assert (shown > 0).sum() == len(each.truth) > 0
        for box, share in zip(truth.boxes_xyxy, shown, strict=True):
            assert share or not rect_touches(each.rect, touched_pixels(box[None]))


def test_tiles_are_placed_once_with_their_labels_and_none_of_images_to_validate_on(tmp_path: Path) -> None:
    folder = RetrainFolder(tmp_path / "out")
    path = draw(tmp_path / "a.png", [(10, 10, 30, 30, LAMP, 90)], size_wh=WH)
    truth = GroundTruth.of([[10, 10, 30, 30]], ["lamp"])
    image, other = (ImageWithTruth(path, sha256, 0, WH, truth) for sha256 in ("a" * 64, "b" * 64))
    parts = {"train": [image], "val": [other]}
    placed = place_tiles(folder, parts, {"lamp": 3}, TILES, 0.3)
    assert {sha256: len(each) for sha256, each in placed.items()} == {"a" * 64: 1}
    (tile,) = placed["a" * 64]
    assert tile.parent == folder.images("tiles-train") and decode_image(tile.read_bytes()).shape == (100, 100, 3)
    assert label_path(tile).read_text() == "3 0.200000 0.200000 0.200000 0.200000\n"
    before = tile.stat().st_mtime_ns
    assert place_tiles(folder, parts, {"lamp": 3}, TILES, 0.3) == placed and tile.stat().st_mtime_ns == before


@pytest.mark.parametrize("share", [0.0, 1.1, float("nan")])
def test_a_share_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(ConfigError, match="min_visible over 0, up to 1"):
        RetrainConfig(min_visible=share)


def test_a_retraining_on_tiles_scans_measures_and_trains_on_them(tmp_path: Path) -> None:
    world = make_world(tmp_path / "world")
    config = toy_config(rounds=1, tiles=TileConfig((100, 100)), crop=NATIVE)
    result = retrain(
        world.weights, world.data, backgrounds=world.backgrounds, out=tmp_path / "out", config=config,
        trainer=ToyTrainer(), open_detector=open_toy,
    )  # fmt: skip
    assert any("tiles with objects" in note for note in result.notes)
    placed = list((tmp_path / "out" / "data" / "images").glob("tiles-*/*.jpg"))
    assert placed and all(label_path(each).read_text() for each in placed)
    assert '"tile"' in (tmp_path / "out" / "retrain.json").read_text()
    assert result.tiles == TileConfig((100, 100)) and result.rounds[0].recall > 0
