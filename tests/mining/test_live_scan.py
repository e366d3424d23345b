"""Scans of cameras, over a real HTTP server on loopback: what is found is kept with its frame, and nothing else is."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from blobs import draw, find_squares, square_detector
from live_server import LiveServer, live_server

from negmine.bank.bank import Bank
from negmine.bank.verify import verify
from negmine.cameras.config import CameraConfig
from negmine.detectors.function import FunctionDetector
from negmine.detectors.tiling.config import TileConfig
from negmine.detectors.tiling.detector import TiledDetector
from negmine.errors import ConfigError, SourceError
from negmine.images import decode_image
from negmine.mining.config import CropConfig, OutputSize, ScanConfig
from negmine.mining.crop import CropSkip
from negmine.mining.result import ScanProgress, ScanResult
from negmine.mining.scan import scan
from negmine.sources.expand import expand_sources
from negmine.structures import Detections, Image
from negmine.videos.config import Every, VideoConfig

CROP = CropConfig(size=OutputSize("none"))


@pytest.fixture
def server() -> Iterator[LiveServer]:
    with live_server() as made:
        yield made


CAMERA = CameraConfig(for_ms=300, timeout_s=5, pause_s=0.05)
WATCHED = ScanConfig(crop=CROP, video=VideoConfig(Every(ms=50)), camera=CAMERA, per_place=None)


def watch(*sources: str, bank: Path, for_ms: int = 300, every_ms: int = 50, per_place: int | None = None) -> ScanResult:
    camera = replace(CAMERA, for_ms=for_ms)
    config = replace(WATCHED, video=VideoConfig(Every(ms=every_ms)), camera=camera, per_place=per_place)
    return scan(list(sources), square_detector(), bank=bank, config=config)


def test_what_is_found_is_kept_with_its_frame(server: LiveServer, tmp_path: Path) -> None:
    result = watch(server.url("live.mjpg?token=s3cret", "me:pw@"), bank=tmp_path / "bank")
    (camera,) = result.cameras
    assert camera.camera == f"http://127.0.0.1:{server.port}/live.mjpg"
    assert 1 <= camera.looked_at <= camera.frames and camera.looked_at == result.scanned + result.duplicates
    assert result.added >= 1
    assert all(each.shown.startswith(f"{camera.camera} 20") and each.shown.endswith("UTC") for each in result.hardest)
    checked = verify(tmp_path / "bank")
    assert checked.ok and checked.frames == result.scanned >= result.added  # two frames may give the same negative
    with Bank(tmp_path / "bank") as bank:
        for negative in bank.negatives():
            frame, crop = decode_image(negative.source.read_bytes()), decode_image(negative.path.read_bytes())
            x1, y1, x2, y2 = negative.rect
            assert np.abs(frame[y1:y2, x1:x2].astype(int) - crop).mean() < 6  # encoded once more
    assert b"s3cret" not in (tmp_path / "bank" / "bank.db").read_bytes()
    assert "s3cret" not in str(result.to_dict())


def test_what_comes_again_at_one_place_is_kept_once_and_in_the_next_scan_too(
    server: LiveServer, tmp_path: Path
) -> None:
    server.stands_still = True
    first = watch(server.url("live.mjpg"), bank=tmp_path / "bank", per_place=1)
    again = watch(server.url("live.mjpg"), bank=tmp_path / "bank", per_place=1)
    assert (first.added, again.added) == (1, 0)
    assert first.crops_skipped.get(CropSkip.SAME_PLACE, 0) + first.duplicates == first.cameras[0].looked_at - 1
    assert verify(tmp_path / "bank").frames == 1


def test_a_slow_detector_misses_frames_and_queues_none(server: LiveServer, tmp_path: Path) -> None:
    server.pause_s = 0.005
    config = ScanConfig(crop=CROP, video=VideoConfig(Every(frames=1)), camera=CameraConfig(for_ms=600, timeout_s=5))

    def find_slowly(image: Image) -> Detections:
        time.sleep(0.1)
        return find_squares(image)

    detector = FunctionDetector(find_slowly, {0: "lamp", 1: "sign"}, name="slow", key="1")
    result = scan(server.url("live.mjpg"), detector, bank=tmp_path / "bank", config=config)
    (camera,) = result.cameras
    assert camera.looked_at < camera.frames / 2


def test_ctrl_c_ends_it_with_what_is_done(server: LiveServer, tmp_path: Path) -> None:
    def interrupt(now: ScanProgress) -> None:
        if now.negatives:
            raise KeyboardInterrupt

    config = ScanConfig(crop=CROP, video=VideoConfig(Every(ms=10)))
    result = scan(
        server.url("live.mjpg"), square_detector(), bank=tmp_path / "bank", config=config, on_progress=interrupt
    )
    assert result.was_stopped and result.added >= 1 and len(result.cameras) == 1
    assert verify(tmp_path / "bank").ok


def test_files_come_first_and_cameras_after(server: LiveServer, tmp_path: Path) -> None:
    image = draw(tmp_path / "a.png", [(60, 40, 80, 60, 90)])
    result = watch(str(image), server.url("live.mjpg"), bank=tmp_path / "bank", for_ms=200)
    with Bank(tmp_path / "bank") as bank:
        sources = {negative.source for negative in bank.negatives()}
    assert image in sources and len(sources) == result.total


def test_in_tiles_a_negative_stays_inside_its_tile(server: LiveServer, tmp_path: Path) -> None:
    tiled = TiledDetector(square_detector(), TileConfig((64, 96), full_pass=False))
    config = replace(WATCHED, crop=CropConfig("region", size=OutputSize("none")))
    result = scan(server.url("live.mjpg"), tiled, bank=tmp_path / "bank", config=config)
    assert result.added >= 1
    with Bank(tmp_path / "bank") as bank:
        assert {each.rect.x2 - each.rect.x1 for each in bank.negatives()} == {64}


def test_only_what_the_user_typed_is_opened(server: LiveServer, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(f"{server.url('live.mjpg', 'me:s3cret@')}\nrtsp://127.0.0.1:{server.port}/x\n")
    (tmp_path / "data.yaml").write_text(f"train: {server.url('live.mjpg')}\nnames: [lamp]\n")
    result = scan(tmp_path / "list.txt", square_detector(), bank=tmp_path / "bank", config=ScanConfig(crop=CROP))
    assert (result.scanned, len(result.skipped)) == (0, 2) and "s3cret" not in str(result.to_dict())
    with pytest.raises(SourceError):
        scan(tmp_path / "data.yaml", square_detector(), bank=tmp_path / "bank2")
    with pytest.raises(SourceError, match=r"source rtsp://127.0.0.1/x is a camera, and `negmine scan` alone"):
        expand_sources(["rtsp://me:s3cret@127.0.0.1/x"])
    assert server.connections == 0


def test_what_a_camera_cannot_have_is_refused(server: LiveServer, tmp_path: Path) -> None:
    url, bank = server.url("live.mjpg", "me:s3cret@"), tmp_path / "bank"
    with pytest.raises(ConfigError, match="labels are for images and videos, found the camera") as caught:
        scan(url, square_detector(), bank=bank, truth=tmp_path)
    assert "s3cret" not in str(caught.value)
    image = draw(tmp_path / "a.png")
    with pytest.raises(ConfigError, match="for is the time of cameras, found none"):
        scan(image, square_detector(), bank=bank, config=ScanConfig(camera=CameraConfig(for_ms=10)))
    assert server.connections == 0 and not bank.exists()


@pytest.mark.slow  # waits for a camera
def test_a_camera_that_goes_away_and_comes_back_is_looked_at_again(server: LiveServer, tmp_path: Path) -> None:
    server.pictures = 6
    said = list[str]()
    camera = CameraConfig(for_ms=1500, timeout_s=5, pause_s=0.02)
    config = ScanConfig(crop=CROP, video=VideoConfig(Every(frames=1)), camera=camera)
    result = scan(
        server.url("live.mjpg"), square_detector(), bank=tmp_path / "bank", config=config, on_step=said.append
    )
    assert result.cameras[0].frames > 12 and server.connections > 2
    assert any("connecting again" in line for line in said)
    assert threading.active_count() < 20
