"""Scans in tiles: negatives keep the scale of the tile, hold no target, and other tiles are another run."""

from __future__ import annotations

import tracemalloc
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from blobs import draw, find_squares, square_detector, voc_xml

from negmine.bank.bank import Bank
from negmine.bank.browsing import runs
from negmine.boxes import Rect
from negmine.datasets.open import open_truth
from negmine.detectors.function import FunctionDetector
from negmine.detectors.tiling.config import TileConfig
from negmine.detectors.tiling.detector import TiledDetector
from negmine.errors import ConfigError, DetectorError
from negmine.evaluating.evaluate import evaluate
from negmine.images import decode_image
from negmine.images.windows import LargeFile, WindowedImage, large_file
from negmine.mining.config import CropConfig, OutputSize, ScanConfig
from negmine.mining.crop import crop_rect, cut
from negmine.mining.scan import scan
from negmine.structures import Detections, FileStamp, Image, View

TILES = TileConfig((100, 100))
NONE = np.zeros((0, 4))
BOX = np.array([110.0, 20, 118, 28])
VIEW = View(80, 0, 180, 100, 1.0)


def tiled(config: TileConfig = TILES) -> TiledDetector:
    return TiledDetector(square_detector(), config)


def test_a_negative_of_a_tile_is_the_tile_and_not_a_square_blown_up(tmp_path: Path) -> None:
    source = draw(tmp_path / "in" / "a.png", [(110, 20, 118, 28, 90), (150, 60, 160, 70, 80)], size_wh=(420, 260))
    assert scan(source, tiled(), bank=tmp_path / "bank").added == 1, "both are in one tile, which is one negative"
    with Bank(tmp_path / "bank") as bank:
        (negative,) = bank.negatives()
        assert (negative.rect, negative.size_wh) == (Rect(80, 0, 180, 100), (100, 100))
        found = decode_image(negative.path.read_bytes())
        there = cv2.imread(str(source))[0:100, 80:180]
        assert (found[21:27, 31:37, 2] > 200).all() and np.abs(found.astype(int) - there).mean() < 20


def test_a_negative_of_another_scale_is_resized_as_the_detector_saw_it() -> None:
    config = CropConfig(min_side_px=1)
    image = np.zeros((300, 400, 3), dtype=np.uint8)
    for view, size in ((View(80, 0, 130, 50, 2.0), 100), (View(0, 0, 200, 200, 0.5), 100), (VIEW, 100)):
        rect = crop_rect(BOX, NONE, (400, 300), config, view)
        assert rect == Rect(*view[:4]) and isinstance(rect, Rect)
        assert cut(image, rect, config, view).shape == (size, size, 3)


def tiff(path: Path, image: Image) -> WindowedImage:
    """A picture as a file of which parts are read."""
    height, width = image.shape[:2]
    with tiff_writer(path, (width, height)) as file:
        file.write(image[..., ::-1].transpose(2, 0, 1))
    stat = path.stat()
    return WindowedImage(path, LargeFile("TIFF", (width, height), FileStamp(stat.st_size, stat.st_mtime_ns)))


@contextmanager
def tiff_writer(path: Path, size_wh: tuple[int, int], **options: object) -> Iterator[Any]:
    rasterio = pytest.importorskip("rasterio")
    profile = {"driver": "GTiff", "count": 3, "width": size_wh[0], "height": size_wh[1], "dtype": "uint8", **options}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(path, "w", photometric="rgb", **profile) as file:
            yield file


@pytest.mark.parametrize("size", ["original", "none", "50x20"])
def test_a_negative_of_a_large_file_is_that_of_the_same_image_in_memory(tmp_path: Path, size: str) -> None:
    image = cv2.resize(np.random.default_rng(0).integers(0, 255, (15, 20, 3), np.uint8), (400, 300))
    config, whole = CropConfig(size=OutputSize.parse(size), min_side_px=1), View(0, 0, 400, 300, 0.25)
    rect = crop_rect(BOX, NONE, (400, 300), config, whole)
    assert isinstance(rect, Rect)
    found, wanted = cut(tiff(tmp_path / "a.tif", image), rect, config, whole), cut(image, rect, config, whole)
    assert found.shape == wanted.shape and np.abs(found.astype(int) - wanted).max() <= 2


@pytest.mark.slow
def test_a_negative_has_no_more_pixels_than_an_image_may_have(tmp_path: Path) -> None:
    config, size = CropConfig(size=OutputSize("none")), (15_000, 14_000)
    path = sparse_tiff(tmp_path / "a.tif", size, (0, 0, 512, 512))
    large = large_file(path)
    assert large is not None
    for side, shown in ((14_000, (560, 600)), (1000, (1000, 1000))):
        rect = Rect(0, 0, side + 1000 * (side > 1000), side)
        assert cut(WindowedImage(path, large), rect, config, View(0, 0, *size, 0.04)).shape[:2] == shown


@pytest.mark.slow
def test_the_negative_of_the_full_pass_over_a_huge_image_takes_little_memory(tmp_path: Path) -> None:
    """The image has 2.7 GB of pixels."""
    size = (30_000, 30_000)
    path = sparse_tiff(tmp_path / "a.tif", size, (15_000, 14_000, 19_000, 18_000))
    large = large_file(path)
    assert large is not None
    tracemalloc.start()
    try:
        found = cut(WindowedImage(path, large), Rect(0, 0, *size), CropConfig(), View(0, 0, *size, 640 / 30_000))
        assert found.shape == (640, 640, 3) and tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
    assert (found[300:383, 321:404] == 255).all() and found[:290].max() == found[:, :310].max() == 0


def sparse_tiff(path: Path, size_wh: tuple[int, int], white_xyxy: tuple[int, int, int, int]) -> Path:
    x1, y1, x2, y2 = white_xyxy
    blocks = {"tiled": True, "blockxsize": 512, "blockysize": 512, "sparse_ok": True, "compress": "deflate"}
    with tiff_writer(path, size_wh, **blocks) as file:
        file.write(np.full((3, y2 - y1, x2 - x1), 255, np.uint8), window=((y1, y2), (x1, x2)))
    return path


@pytest.mark.parametrize("crop", ["context", "region", "image"])
def test_a_negative_of_a_tile_holds_no_pixel_of_a_target(crop: str) -> None:
    config = CropConfig(crop, min_side_px=1)  # type: ignore[arg-type]
    beside, outside = np.array([[150.5, 40, 160, 50]]), np.array([[181.0, 40, 190, 50]])
    assert crop_rect(BOX, outside, (400, 300), config, VIEW) == Rect(80, 0, 180, 100)
    rect = crop_rect(BOX, beside, (400, 300), config, VIEW)
    assert rect == "holds_target" if crop == "image" else rect == Rect(80, 0, 150, 100)


def test_other_sizes_are_those_of_any_scan() -> None:
    config = CropConfig(size=OutputSize.parse("64"), min_side_px=1)
    rect = crop_rect(BOX, NONE, (400, 300), config, VIEW)
    assert rect == Rect(102, 12, 126, 36) == crop_rect(BOX, NONE, (400, 300), config)
    assert cut(np.zeros((300, 400, 3), dtype=np.uint8), Rect(102, 12, 126, 36), config, VIEW).shape == (64, 64, 3)


def test_an_unchanged_image_is_passed_over_and_other_tiles_are_another_run(tmp_path: Path) -> None:
    draw(tmp_path / "in" / "a.png", [(110, 20, 118, 28, 90)], size_wh=(420, 260))
    first, again = (scan(tmp_path / "in", tiled(), bank=tmp_path / "bank") for _ in range(2))
    assert (first.scanned, again.scanned, again.unchanged) == (1, 0, 1)
    for other in (TileConfig((120, 120)), TileConfig((100, 100), 0.3), TileConfig((100, 100), full_pass=False)):
        assert scan(tmp_path / "in", tiled(other), bank=tmp_path / "bank").scanned == 1
    with Bank(tmp_path / "bank") as bank:
        assert [run.detector_settings["tile"] for run in runs(bank)] == [[100, 100], [120, 120], [100, 100], [100, 100]]


def test_confirming_runs_the_detector_on_tiles_too(tmp_path: Path) -> None:
    seen: list[tuple[int, ...]] = []

    def look(image: Image) -> Detections:
        seen.append(image.shape[:2])
        return find_squares(image)

    draw(tmp_path / "in" / "a.png", [(110, 20, 118, 28, 90)], size_wh=(180, 100))
    detector = TiledDetector(FunctionDetector(look, {0: "lamp", 1: "sign"}), TileConfig((100, 100)))
    assert scan(tmp_path / "in", detector, bank=tmp_path / "bank", config=ScanConfig(confirm=True)).added == 1
    assert sorted(seen) == [(100, 100)] * 3 + [(100, 180)], "two tiles, the whole image, and the negative"


def test_an_image_of_a_million_tiles_is_skipped_and_counted(tmp_path: Path) -> None:
    draw(tmp_path / "in" / "a.png", [], size_wh=(2000, 2000))
    draw(tmp_path / "in" / "b.png", [(10, 10, 20, 20, 90)], size_wh=(40, 40))
    many = tiled(TileConfig((32, 32), 0.9))
    result = scan(tmp_path / "in", many, bank=tmp_path / "bank")
    assert result.scanned == 1 and "2000 x 2000 pixels would be cut into" in result.skipped[0].reason
    with pytest.raises(DetectorError, match="name a larger tile"):
        scan(tmp_path / "in" / "a.png", many, bank=tmp_path / "other")


def test_an_evaluation_measures_in_tiles(tmp_path: Path) -> None:
    boxes = [(10, 10, 20, 20), (150, 150, 160, 160)]
    draw(tmp_path / "data" / "a.png", [(*box, 90) for box in boxes], size_wh=(200, 200))
    voc_xml(tmp_path / "data" / "a.xml", "a.png", [("lamp", x1 + 1, y1 + 1, x2, y2) for x1, y1, x2, y2 in boxes])

    def nearby(image: Image) -> Detections:
        return find_squares(image) if image.shape[0] <= 100 else Detections.empty()

    plain = FunctionDetector(nearby, {0: "lamp", 1: "sign"})
    result = evaluate([plain, TiledDetector(plain, TILES)], tmp_path / "data")
    assert [model.recall for model in result.models] == [0.0, 1.0]
    assert open_truth(tmp_path / "data").class_names == ("lamp",)


def test_predictions_are_not_run_on_tiles(tmp_path: Path) -> None:
    class Written(FunctionDetector):
        needs_files = True  # type: ignore[assignment]

    with pytest.raises(ConfigError, match="found predictions"):
        TiledDetector(Written(find_squares, ["lamp"]), TILES)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")  # of the writer here
def test_an_image_too_large_to_be_decoded_is_scanned_in_parts(tmp_path: Path) -> None:
    rasterio = pytest.importorskip("rasterio")
    square = np.zeros((3, 40, 40), dtype=np.uint8)
    square[:, 10:18, 10:18] = np.array([255, 0, 225])[:, None, None]
    path = tmp_path / "in" / "large.tif"
    path.parent.mkdir()
    with rasterio.open(
        path, "w", driver="GTiff", count=3, width=30_000, height=7_000, dtype="uint8", tiled=True, sparse_ok=True,
        compress="deflate", photometric="rgb",
    ) as file:  # fmt: skip
        file.write(square, window=((5000, 5040), (20_000, 20_040)))
    assert "limit of 200 megapixels" in scan(tmp_path / "in", square_detector(), bank=tmp_path / "b").skipped[0].reason
    config = TileConfig((10_000, 7_000), 0.0, full_pass=False)
    result = scan(
        path, tiled(config), bank=tmp_path / "bank", config=ScanConfig(crop=CropConfig(size=OutputSize("none")))
    )
    assert (result.scanned, result.added, result.skipped) == (1, 1, ())
    with Bank(tmp_path / "bank") as bank:
        (negative,) = bank.negatives()
    assert negative.rect == Rect(19_998, 4_998, 20_030, 5_030)
    assert scan(path, tiled(config), bank=tmp_path / "bank").scanned == 1, "with other crops"
