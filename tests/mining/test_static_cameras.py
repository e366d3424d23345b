"""Static cameras: one false positive that comes again and again gives a few negatives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from banks import contents
from blobs import draw, find_squares, square_detector
from clips import encode

from negmine.bank.bank import Bank
from negmine.detectors.function import FunctionDetector
from negmine.errors import ConfigError
from negmine.mining.config import ScanConfig
from negmine.mining.scan import scan
from negmine.structures import Detections, Image
from negmine.videos.config import Every, VideoConfig

FRAMES = 24
ALL = VideoConfig(every=Every(frames=1))


class Stopped(Exception):
    """What the detector below raises."""


def street(number: int, *, night_from: int = FRAMES) -> Image:
    """A lamp that stays, one that passes by; by night a light falls on the wall."""
    image = np.random.default_rng(1).integers(0, 50, (128, 192, 3), dtype=np.uint8)
    image[:, ::24] += 90
    if number >= night_from:
        image[36:76, 10:54] = np.linspace(0, 150, 44, dtype=np.uint8)[None, :, None]
    image[40:72, 16:48] = (180, 0, 255)
    image[88:120, 8 * number % 150 : 8 * number % 150 + 24] = (120, 0, 255)
    return image


def clip(path: Path, *, night_from: int = FRAMES, apart_s: float = 1) -> Path:
    return encode(path, FRAMES, draw=lambda number: street(number, night_from=night_from),
                  times=[number * apart_s for number in range(FRAMES)], options={"b": "2000000"})  # fmt: skip


def standing(bank: Path) -> list[str]:
    """The frames of which the lamp that stays gave a negative."""
    with Bank(bank) as opened:
        question = (
            "SELECT s.path FROM detections d JOIN sources s ON s.id = d.source_id WHERE d.y1 < 80 AND d.score > 0.6"
        )
        return [Path(row[0]).name for row in opened.query(f"{question} AND d.negative_id IS NOT NULL ORDER BY d.id")]


def test_one_box_at_one_place_is_one_negative_with_a_count(tmp_path: Path) -> None:
    result = scan(clip(tmp_path / "a.mkv"), square_detector(), bank=tmp_path / "bank", config=ScanConfig(video=ALL))
    assert standing(tmp_path / "bank") == ["t=0.000,frame=0"]
    assert result.kinds["background"] == 2 * FRAMES  # type: ignore[index]
    assert result.crops_skipped["same_place"] >= FRAMES - 1
    assert result.added < FRAMES


def test_all_are_kept_where_that_is_asked_for(tmp_path: Path) -> None:
    config = ScanConfig(video=ALL, per_place=None)
    scan(clip(tmp_path / "a.mkv"), square_detector(), bank=tmp_path / "bank", config=config)
    assert len(standing(tmp_path / "bank")) == FRAMES
    with pytest.raises(ConfigError, match="at least 1 negative per place"):
        ScanConfig(per_place=0)


def test_another_look_is_another_place(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mkv", night_from=10)
    scan(path, square_detector(), bank=tmp_path / "bank", config=ScanConfig(video=ALL))
    assert standing(tmp_path / "bank") == ["t=0.000,frame=0", "t=10.000,frame=10"]


def test_more_of_a_place_are_kept_an_hour_apart(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mkv", apart_s=600)
    scan(path, square_detector(), bank=tmp_path / "bank", config=ScanConfig(video=ALL, per_place=3))
    assert standing(tmp_path / "bank") == [f"t={600 * at}.000,frame={at}" for at in (0, 6, 12)]


def test_a_scan_that_stops_keeps_the_same_ones(tmp_path: Path) -> None:
    path, config = clip(tmp_path / "a.mkv", night_from=15), ScanConfig(video=ALL)
    scan(path, square_detector(), bank=tmp_path / "whole", config=config)
    left = iter(range(12))

    def look(image: Image) -> Detections:
        if next(left, None) is None:
            raise Stopped
        return find_squares(image)

    with pytest.raises(Stopped):
        scan(path, FunctionDetector(look, {0: "lamp", 1: "sign"}, name="squares", key="1"), bank=tmp_path / "bank",
             config=config)  # fmt: skip
    scan(path, square_detector(), bank=tmp_path / "bank", config=config)
    assert contents(tmp_path / "bank") == contents(tmp_path / "whole")


def test_frames_that_are_judged_again_lose_nothing_to_what_the_bank_has_of_them(tmp_path: Path) -> None:
    source = clip(tmp_path / "a.mkv")
    scan(source, square_detector(), bank=tmp_path / "bank", config=ScanConfig(video=ALL))
    before = sorted(path.name for path in (tmp_path / "bank" / "negatives").rglob("*.jpg"))
    for left in (1, 2):  # an object of which nothing is in any crop, and then a little more of it
        (tmp_path / "a.xml").write_text(
            f"<annotations><meta><task><size>{FRAMES}</size><start_frame>0</start_frame><labels><label><name>lamp</name>"
            "</label></labels><source>a.mkv</source></task></meta><track label='lamp'>"
            f"<box frame='20' outside='0' xtl='{190 - left}' ytl='1' xbr='191' ybr='3'/>"
            f"<box frame='21' outside='1' xtl='{190 - left}' ytl='1' xbr='191' ybr='3'/></track></annotations>"
        )
        again = scan(
            source, square_detector(), bank=tmp_path / "bank", config=ScanConfig(video=ALL), truth=tmp_path / "a.xml"
        )
        assert (again.added, again.withdrawn) == (0, 0)
        assert sorted(path.name for path in (tmp_path / "bank" / "negatives").rglob("*.jpg")) == before


def test_places_are_of_videos(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="per-place is of videos and cameras, found images alone"):
        scan(draw(tmp_path / "a.png"), square_detector(), bank=tmp_path / "bank", config=ScanConfig(per_place=3))
