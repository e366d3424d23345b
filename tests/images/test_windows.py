"""Reading parts of TIFF and JPEG 2000 files that are too large to be decoded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from negmine.errors import ImageError
from negmine.images import decode_image
from negmine.images.windows import LargeFile, WindowedImage, large_file, upright_size
from negmine.structures import FileStamp

rasterio = pytest.importorskip("rasterio")
pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


def write(path: Path, bands: np.ndarray, driver: str = "GTiff", **options: Any) -> Path:
    count, height, width = bands.shape
    profile = {"driver": driver, "count": count, "height": height, "width": width, "dtype": bands.dtype, **options}
    with rasterio.open(path, "w", **profile) as file:
        if driver != "GTiff":
            file.colorinterp = [rasterio.enums.ColorInterp[name] for name in ("red", "green", "blue")]
        file.write(bands)
    return path


def opened(path: Path, size_wh: tuple[int, int], name: str = "TIFF") -> WindowedImage:
    stat = path.stat()
    return WindowedImage(path, LargeFile(name, size_wh, FileStamp(stat.st_size, stat.st_mtime_ns)))


def noise(count: int, dtype: type = np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (count, 96, 160), dtype=dtype)


@pytest.mark.parametrize(
    ("count", "dtype", "options"),
    [
        (3, np.uint8, {"tiled": True, "blockxsize": 32, "blockysize": 32, "compress": "deflate", "photometric": "rgb"}),
        (4, np.uint8, {"photometric": "rgb", "interleave": "pixel"}),
        (1, np.uint8, {}),
        (3, np.uint16, {"photometric": "rgb"}),
        (1, np.uint8, {"photometric": "miniswhite"}),
    ],
)
def test_a_part_of_a_tiff_is_that_of_the_decoded_image(
    tmp_path: Path, count: int, dtype: type, options: dict[str, Any]
) -> None:
    path = write(tmp_path / "a.tif", noise(count, dtype), **options)
    image, whole = opened(path, (160, 96)), decode_image(path.read_bytes())
    assert image.shape == whole.shape
    if count == 4:  # OpenCV lays transparency over black
        whole = whole[:0]
        assert np.array_equal(image[5:50, 20:90], noise(4)[:3][::-1].transpose(1, 2, 0)[5:50, 20:90])
        return
    assert np.abs(image[5:50, 20:90].astype(int) - whole[5:50, 20:90]).max() <= (1 if dtype == np.uint16 else 0)


def test_a_part_of_a_jpeg_2000_is_that_of_the_decoded_image(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jp2", noise(3), "JP2OpenJPEG", quality=100, reversible=True)
    image, whole = opened(path, (160, 96), "JPEG 2000"), decode_image(path.read_bytes())
    assert np.array_equal(image[0:96, 0:160], whole) and np.array_equal(image[7:9, 30:44], whole[7:9, 30:44])


@pytest.mark.parametrize(
    ("count", "dtype", "options"),
    [
        (3, np.uint8, {"tiled": True, "blockxsize": 32, "blockysize": 32, "compress": "deflate", "photometric": "rgb"}),
        (3, np.uint16, {"photometric": "rgb"}),
        (1, np.uint8, {"photometric": "miniswhite"}),
    ],
)
def test_a_part_that_is_made_smaller_as_it_is_read_has_the_means_of_its_pixels(
    tmp_path: Path, count: int, dtype: type, options: dict[str, Any]
) -> None:
    image = opened(write(tmp_path / "a.tif", noise(count, dtype), **options), (160, 96))
    found = image.reduced((20, 16, 140, 96), (30, 20))
    means = image[16:96, 20:140].reshape(20, 4, 30, 4, 3).mean(axis=(1, 3))
    assert found.shape == (20, 30, 3) and np.abs(found - means).max() <= 1
    assert np.array_equal(image.reduced((20, 16, 140, 96), (120, 80)), image[16:96, 20:140])


def test_a_palette_is_never_averaged(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    profile = {"driver": "GTiff", "count": 1, "height": 96, "width": 160, "dtype": "uint8", "photometric": "palette"}
    with rasterio.open(path, "w", **profile) as file:
        file.write(noise(1) % 2 * 2)
        file.write_colormap(1, {0: (255, 0, 0), 1: (9, 9, 9), 2: (0, 0, 255)})
    found = opened(path, (160, 96)).reduced((0, 0, 160, 96), (40, 24))
    assert {tuple(pixel) for pixel in found.reshape(-1, 3).tolist()} == {(0, 0, 255), (255, 0, 0)}


def test_only_what_is_too_large_to_be_decoded_is_read_in_parts(tmp_path: Path) -> None:
    small = write(tmp_path / "small.tif", noise(1))
    assert large_file(small) is None and upright_size(small) == (160, 96)
    large = _large(tmp_path / "large.tif")
    found = large_file(large)
    assert found is not None and found.size_wh == (16_000, 15_000) == upright_size(large)
    with pytest.raises(ImageError, match="200 megapixels"):
        decode_image(large.read_bytes())
    image = WindowedImage(large, found)
    assert image[14_000:14_010, 15_000:15_020].shape == (10, 20, 3)
    (tmp_path / "text.tif").write_text("nothing")
    assert large_file(tmp_path / "text.tif") is None


def _large(path: Path) -> Path:
    with rasterio.open(
        path, "w", driver="GTiff", count=1, width=16_000, height=15_000, dtype="uint8", tiled=True, sparse_ok=True,
        compress="deflate",
    ) as file:  # fmt: skip
        file.write(np.full((1, 40, 40), 255, dtype=np.uint8), window=((14_000, 14_040), (15_000, 15_040)))
    return path


def test_files_that_cannot_be_read_in_parts_are_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiles = write(tmp_path / "tiles.tif", noise(1), tiled=True, blockxsize=32, blockysize=32)
    with monkeypatch.context() as patched, pytest.raises(ImageError, match="compressed in blocks of"):
        patched.setattr("negmine.images.windows._BLOCK", 1000)
        opened(tiles, (160, 96))
    floats = write(tmp_path / "floats.tif", np.zeros((1, 96, 160), dtype=np.float32))
    with pytest.raises(ImageError, match="1 bands \\(gray; float32\\)"):
        opened(floats, (160, 96))
    with pytest.raises(ImageError, match="states 10 x 10"):
        opened(write(tmp_path / "a.tif", noise(1)), (10, 10))
    path = write(tmp_path / "changed.tif", noise(1))
    with pytest.raises(ImageError, match="changed"):
        WindowedImage(path, LargeFile("TIFF", (160, 96), FileStamp(1, 1)))
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(ImageError):
        opened(path, (160, 96))
