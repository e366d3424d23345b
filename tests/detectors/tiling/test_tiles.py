"""Tiles: they cover every pixel, and a detector finds in them what it finds in whole images, each object once."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from negmine.detectors.base import BaseDetector, DetectorIdentity
from negmine.detectors.function import FunctionDetector
from negmine.detectors.nms import nms
from negmine.detectors.tiling.config import TileConfig
from negmine.detectors.tiling.detector import TiledDetector
from negmine.detectors.tiling.layout import Tile, spans, tile_count, tiles_of
from negmine.detectors.tiling.merge import MERGE_IOU, merge, suppressed
from negmine.errors import BoxError, ConfigError, TilesError
from negmine.structures import Detections, Image, View

SIDES = st.integers(1, 300)
SCALES = st.lists(st.sampled_from([0.5, 1.0, 1.7, 2.0]), min_size=1, max_size=3, unique=True)


def find_squares(image: Image) -> Detections:
    """A box around every connected bright patch that is drawn with its number in green; its score in blue."""
    numbers = np.unique(image[..., 1][image[..., 2] == 255])
    boxes, scores = [], []
    for number in numbers.tolist():
        rows, columns = np.nonzero((image[..., 2] == 255) & (image[..., 1] == number))
        boxes.append((columns.min(), rows.min(), columns.max() + 1, rows.max() + 1))
        scores.append(int(image[rows[0], columns[0], 0]) / 255)
    return Detections(np.array(boxes, dtype=float).reshape(-1, 4), np.array(scores), np.zeros(len(boxes), dtype=int))


def squares(*, batch_size: int = 1) -> FunctionDetector:
    return FunctionDetector(find_squares, ["lamp"], batch_size=batch_size)


def drawn(size_wh: tuple[int, int], boxes: Sequence[tuple[int, int, int, int]]) -> Image:
    image = np.zeros((size_wh[1], size_wh[0], 3), dtype=np.uint8)
    for number, (x1, y1, x2, y2) in enumerate(boxes, 1):
        image[y1:y2, x1:x2] = (255 - number, number, 255)
    return image


def rows(found: Detections) -> list[tuple[float, ...]]:
    return sorted((*box, score) for box, score in zip(found.boxes_xyxy.tolist(), found.scores.tolist(), strict=True))


@given(SIDES, st.integers(1, 100), st.floats(0, 0.9))
def test_spans_cover_a_side_and_lie_inside(length: int, tile: int, overlap: float) -> None:
    found = spans(length, tile, overlap)
    assert len(found) == tile_count(length, tile, overlap)
    assert found[0][0] == 0 and found[-1][1] == length
    assert all(end - start == min(tile, length) for start, end in found)
    for (_, end), (start, _) in itertools.pairwise(found):
        assert start <= end - int(min(tile, length) * overlap) or start + tile == length


@settings(deadline=None, max_examples=25)
@given(SIDES, SIDES, st.integers(32, 120), st.floats(0, 0.9), SCALES)
def test_the_tiles_of_each_scale_cover_every_pixel(
    width: int, height: int, side: int, overlap: float, scales: list[float]
) -> None:
    tiles = tiles_of((width, height), TileConfig((side, side), overlap, False, tuple(scales)))
    for scale in scales:
        seen = np.zeros((height, width), dtype=bool)
        for tile in (each for each in tiles if each.view.scale == scale):
            seen[tile.view.y1 : tile.view.y2, tile.view.x1 : tile.view.x2] = True
            assert 0 <= tile.view.x1 < tile.view.x2 <= width and 0 <= tile.view.y1 < tile.view.y2 <= height
            picture = tile.draw(np.zeros((height, width, 3), dtype=np.uint8))
            assert picture.shape[:2] == tile.canvas_wh[::-1] == (min(side, height), min(side, width))
        assert seen.all()


@st.composite
def scenes(draw: st.DrawFn) -> tuple[tuple[int, int], list[tuple[int, int, int, int]], TileConfig]:
    """Squares on a coarse grid, so that none touches another, with tiles whose overlap holds each."""
    side, largest = draw(st.integers(64, 100)), 12
    overlap = draw(st.floats(0.3, 0.6))
    size_wh = (draw(st.integers(40, 260)), draw(st.integers(40, 260)))
    places = [(x, y) for x in range(0, size_wh[0] - 20, 20) for y in range(0, size_wh[1] - 20, 20)]
    chosen = draw(st.lists(st.sampled_from(places), min_size=1, max_size=12, unique=True))
    boxes = []
    for x, y in chosen:
        dx, dy = draw(st.integers(0, 6)), draw(st.integers(0, 6))
        width, height = draw(st.integers(2, largest)), draw(st.integers(2, largest))
        boxes.append((x + dx, y + dy, x + dx + width, y + dy + height))
    return size_wh, boxes, TileConfig((side, side), overlap, draw(st.booleans()))


@settings(deadline=None, max_examples=25)
@given(scenes())
def test_squares_are_found_in_tiles_as_in_the_whole_image(
    scene: tuple[tuple[int, int], list[tuple[int, int, int, int]], TileConfig],
) -> None:
    size_wh, boxes, config = scene
    image = drawn(size_wh, boxes)
    (plain,), (tiled,) = squares().predict([image]), TiledDetector(squares(), config).predict([image])
    assert rows(tiled) == rows(plain) and len(plain) == len(boxes)


@pytest.mark.parametrize("x1", range(60, 106))
def test_a_square_on_the_edge_of_a_tile_is_found_once_and_whole(x1: int) -> None:
    box = (x1, 20, x1 + 10, 30)  # tiles are 0 to 100 and 80 to 180
    detector = TiledDetector(squares(), TileConfig((100, 100), full_pass=False))
    assert detector.predict([drawn((180, 100), [box])])[0].boxes_xyxy.tolist() == [list(map(float, box))]


def test_an_object_that_no_tile_holds_is_that_of_the_full_pass() -> None:
    box = (30, 30, 170, 170)
    image = drawn((200, 200), [box])
    config = TileConfig((100, 100))
    (found,) = TiledDetector(squares(), config).predict([image])
    assert found.boxes_xyxy.tolist() == [list(map(float, box))]
    assert found.views == (View(0, 0, 200, 200, 0.5),), "as if the image had been fitted into a tile"
    (parts,) = TiledDetector(squares(), TileConfig((100, 100), full_pass=False)).predict([image])
    assert len(parts) > 1, "each tile keeps its part where nothing has the whole"


def test_a_small_neighbour_at_the_edge_is_not_swallowed_by_a_large_object() -> None:
    """The box of a whole object is compared as far as the tile shows it: a small one beside it is not that."""
    tiles = (_tile(0, 0, 100, 100), _tile(80, 0, 180, 100))
    found = Detections(np.array([[90.0, 40, 99.5, 50], [85, 10, 170, 90]]), np.array([0.9, 0.8]), np.array([0, 0]))
    assert len(merge(found, np.array([0, 1]), tiles, (180, 100))) == 2


def test_a_whole_box_wins_at_every_score_and_keeps_the_higher_one() -> None:
    tiles = (_tile(0, 0, 100, 100), _tile(80, 0, 180, 100))
    for high, low in ((0.9, 0.8), (0.09, 0.002), (0.9, 0.002)):
        for scores in ((high, low), (low, high)):
            found = Detections(np.array([[88.0, 10, 100, 30], [88, 10, 108, 30]]), np.array(scores), np.array([0, 0]))
            left = merge(found, np.array([0, 1]), tiles, (180, 100))
            assert rows(left) == [(88, 10, 108, 30, high)]


def test_boxes_of_two_classes_do_not_merge() -> None:
    tiles = (_tile(0, 0, 100, 100), _tile(80, 0, 180, 100))
    found = Detections(np.array([[88.0, 10, 100, 30], [88, 10, 108, 30]]), np.array([0.9, 0.8]), np.array([0, 1]))
    assert len(merge(found, np.array([0, 1]), tiles, (180, 100))) == 2


def _tile(x1: int, y1: int, x2: int, y2: int) -> Tile:
    return Tile(View(x1, y1, x2, y2, 1.0), (x2 - x1, y2 - y1), (x2 - x1, y2 - y1))


@pytest.mark.parametrize("spread", [40.0, 400.0, 4000.0])
def test_many_boxes_are_suppressed_as_few_are(spread: float) -> None:
    rng = np.random.default_rng(0)
    centres, sides = rng.uniform(0, spread, (1200, 2)), np.exp(rng.uniform(-4, 4, (1200, 2)))
    boxes = np.concatenate([centres - sides / 2, centres + sides / 2], axis=1)
    scores = rng.integers(0, 50, 1200) / 50
    assert suppressed(boxes, scores).tolist() == nms(boxes, scores, MERGE_IOU).tolist()


@pytest.mark.slow
def test_forty_thousand_boxes_merge_in_seconds() -> None:
    """On a grid of tiles over 30,000 x 30,000 pixels, each object in two tiles; and all in one place."""
    rng = np.random.default_rng(0)
    tiles = tiles_of((30_000, 30_000), TileConfig((640, 640)))
    tile_ids = rng.integers(0, len(tiles), 40_000)
    corners = np.array([tile.view[:2] for tile in tiles])[tile_ids] + rng.uniform(0, 600, (40_000, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(10, 40, (40_000, 2))], axis=1)
    found = Detections(boxes, rng.uniform(0, 1, 40_000), rng.integers(0, 3, 40_000))
    began = time.process_time()
    left = merge(found, tile_ids, tiles, (30_000, 30_000))
    assert 20_000 < len(left) < 40_000 and time.process_time() - began < 8
    one = Detections(np.tile([[5.0, 5, 25, 25]], (40_000, 1)), found.scores, np.zeros(40_000, dtype=int))
    assert len(merge(one, np.zeros(40_000, dtype=int), tiles, (30_000, 30_000))) == 1


class Counting(BaseDetector):
    """Remembers the sizes of its batches."""

    def __init__(self) -> None:
        self._class_names = {0: "lamp"}
        self._identity = DetectorIdentity("counting", "1", {"conf": 0.25})
        self._batch_size = 4
        self.batches: list[int] = []

    def predict(self, images: Sequence[Image], paths: Sequence[Path] | None = None) -> list[Detections]:
        self.batches.append(len(images))
        return [find_squares(image) for image in images]


def test_batches_run_over_the_tiles_of_several_images() -> None:
    inner = Counting()
    images = [drawn((200, 100), [(10, 10, 20, 20)]), drawn((200, 100), []), drawn((90, 90), [(3, 3, 9, 9)])]
    found = TiledDetector(inner, TileConfig((100, 100), 0.0, full_pass=False)).predict(images)
    assert inner.batches == [4, 1] and [len(each) for each in found] == [1, 0, 1]
    assert TiledDetector(inner, TileConfig((100, 100))).predict([]) == []


def test_the_tiles_are_part_of_the_identity() -> None:
    settings = TiledDetector(Counting(), TileConfig((100, 80), 0.25, scales=(1.0, 2.0))).identity.settings
    assert settings == {"conf": 0.25, "tile": [100, 80], "overlap": 0.25, "full_pass": True, "scales": [1.0, 2.0]}


def test_scales_show_an_object_larger_and_smaller() -> None:
    sizes: list[tuple[int, ...]] = []

    def look(image: Image) -> Detections:
        found = find_squares(image)
        sizes.extend((image.shape[1], image.shape[0], round(box[2] - box[0])) for box in found.boxes_xyxy)
        return found

    image = drawn((100, 60), [(10, 10, 30, 30)])
    detector = TiledDetector(FunctionDetector(look, ["lamp"]), TileConfig(scales=(0.5, 1.0, 2.0)))
    (found,) = detector.predict([image])
    assert {each[:2] for each in sizes} == {(100, 60)}, "of the image's own size at every scale"
    assert {each[2] for each in sizes} <= {10, 20, *range(36, 41)} and len({each[2] for each in sizes}) > 2
    assert len(found) == 1 and np.allclose(found.boxes_xyxy, [[10, 10, 30, 30]], atol=2), "merged into one"


def test_an_error_of_one_image_is_that_of_its_batch() -> None:
    def broken(image: Image) -> tuple[object, object, object]:
        return [[0, 0, np.nan, 1]], [0.5], [0]

    detector = TiledDetector(FunctionDetector(broken, ["lamp"]), TileConfig((100, 100)))  # type: ignore[arg-type]
    with pytest.raises(BoxError, match="not finite"):
        detector.predict([drawn((150, 100), [])])


def test_giving_up_ends_before_the_next_batch() -> None:
    class Stopping(Counting):
        def predict(self, images: Sequence[Image], paths: Sequence[Path] | None = None) -> list[Detections]:
            tiled.give_up()
            return super().predict(images, paths)

    inner = Stopping()
    tiled = TiledDetector(inner, TileConfig((50, 50)))
    with pytest.raises(InterruptedError):
        tiled.predict([drawn((200, 200), [])])
    assert inner.batches == [4]


@pytest.mark.parametrize(
    ("tile", "scales", "overlap", "message"),
    [
        ("0", None, 0.2, "found '0'"),
        ("640x", None, 0.2, "640x480, in pixels"),
        ("8", None, 0.2, "32 to 16384 pixels"),
        ("640", None, 1.0, "overlap from 0 to 0.9"),
        ("640", None, float("nan"), "overlap from 0 to 0.9"),
        (None, "0", 0.2, "scales from 0.05 to 20, found 0"),
        (None, "1,1", 0.2, "different scales, found 1,1"),
        (None, "", 0.2, "expected scales such as 0.5,1,2, found ''"),
        ("640", "big", 0.2, "found 'big'"),
        ("640", "inf", 0.2, "found inf"),
    ],
)
def test_settings_without_sense_are_refused_in_one_line(
    tile: str | None, scales: str | None, overlap: float, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        TileConfig.parse(tile, scales=scales, overlap=overlap)


def test_nothing_asked_for_is_no_tiles() -> None:
    assert TileConfig.parse(None) is None
    assert TileConfig.parse("640x480") == TileConfig((640, 480))
    assert TileConfig.parse(None, scales="0.5,1,2") == TileConfig(scales=(0.5, 1.0, 2.0))


def test_a_tile_larger_than_the_image_is_the_image() -> None:
    assert tiles_of((300, 200), TileConfig((640, 640))) == (Tile(View(0, 0, 300, 200, 1.0), (300, 200), (300, 200)),)


def test_a_million_tiles_are_refused_before_they_are_made() -> None:
    image = np.broadcast_to(np.zeros((1, 1, 3), dtype=np.uint8), (30_000, 30_000, 3))
    with pytest.raises(TilesError, match=r"30000 x 30000 pixels would be cut into .* tiles"):
        TiledDetector(squares(), TileConfig((32, 32), 0.9)).predict([image])
