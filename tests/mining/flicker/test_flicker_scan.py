"""Scans for flickers, end to end: drawn clips with a thing that walks, one that fires once, and a gap."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from banks import contents, facts
from blobs import draw, find_squares, square_detector
from clips import encode

from negmine.bank.bank import Bank
from negmine.bank.records import Negative
from negmine.bank.verify import verify
from negmine.boxes import Rect, rect_touches, touched_pixels
from negmine.datasets.config import LabelConfig
from negmine.detectors.function import FunctionDetector
from negmine.detectors.tiling.config import TileConfig
from negmine.detectors.tiling.detector import TiledDetector
from negmine.errors import ConfigError
from negmine.matching import Kind
from negmine.mining.config import CropConfig, OutputSize, ScanConfig
from negmine.mining.flicker.config import FlickerConfig
from negmine.mining.result import ScanResult
from negmine.mining.scan import scan
from negmine.structures import Detections, Image
from negmine.videos.config import Every, VideoConfig

FRAMES, FLICKERS, GAP = 30, (10, 18), 14
EVERY_FRAME = VideoConfig(Every(frames=1))
CONFIG = ScanConfig(
    crop=CropConfig(size=OutputSize("none")), video=EVERY_FRAME, flicker=FlickerConfig(window=3, max_gap=2, min_track=3)
)

MEMORY = 5  # frames on each side that decide about one, by these windows


def picture(number: int) -> Image:
    """A square walks along the top; two others are there for a frame each; in one frame the walker is missing."""
    image = np.random.default_rng(0).integers(0, 80, size=(120, 200, 3), dtype=np.uint8)
    if number != GAP:
        image[20:40, 10 + 4 * number : 30 + 4 * number] = (200, 0, 255)
    if number in FLICKERS:
        image[80:100, 8 * number - 60 : 8 * number - 40] = (150, 0, 255)
    return image


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "clip.mkv"
    return encode(path, FRAMES, draw=picture, codec="ffv1", pix_fmt="bgr0")


def look(clip: Path | Sequence[Path], bank: Path, config: ScanConfig = CONFIG, batch_size: int = 1) -> ScanResult:
    sources = [clip] if isinstance(clip, Path) else clip
    return scan(sources, square_detector(batch_size=batch_size), bank=bank, config=config)


def negatives(bank: Path) -> list[Negative]:
    with Bank(bank) as opened:
        return list(opened.negatives())


def test_flickers_become_negatives_that_keep_clear_of_what_walks(clip: Path, tmp_path: Path) -> None:
    result = look(clip, tmp_path / "bank")
    assert (result.scanned, result.kinds[Kind.FLICKER], result.added, result.gaps) == (FRAMES, 2, 2, 1)
    assert result.kinds[Kind.UNJUDGED] == FRAMES - 1 and result.kinds[Kind.BACKGROUND] == 0
    found = negatives(tmp_path / "bank")
    assert len(found) == 2 and all(each.is_flicker for each in found)
    for each in found:
        number = int(np.argmin([abs(8 * t - 60 - 10 - each.rect.x1) for t in FLICKERS]))
        walker = np.array([[10 + 4 * FLICKERS[number], 20, 30 + 4 * FLICKERS[number], 40]], dtype=float)
        assert not rect_touches(Rect(*each.rect), touched_pixels(walker))
    assert verify(tmp_path / "bank").ok
    with Bank(tmp_path / "bank") as bank:
        assert bank.backgrounds() == {}
        (row,) = bank.query("SELECT class_name, score, x1, y1, x2, y2 FROM gaps")
        assert tuple(row) == ("lamp", 0.8, 10 + 4 * GAP, 20, 30 + 4 * GAP, 40)
    document = result.to_dict()
    assert result.with_flickers == 2 and result.with_false_positives == 0
    assert (document["flickers"], document["likely_misses"], document["cameras"]) == (2, 1, [])


def test_in_tiles_a_negative_stays_inside_its_tile(clip: Path, tmp_path: Path) -> None:
    config = replace(CONFIG, crop=CropConfig("region", size=OutputSize("none")))
    tiled = TiledDetector(square_detector(), TileConfig((80, 80), full_pass=False))
    assert scan(clip, tiled, bank=tmp_path / "bank", config=config).kinds[Kind.FLICKER] == len(FLICKERS)
    found = negatives(tmp_path / "bank")
    assert found and all(max(each.rect.x2 - each.rect.x1, each.rect.y2 - each.rect.y1) <= 80 for each in found)


def test_a_second_scan_changes_nothing_and_decodes_nothing(clip: Path, tmp_path: Path) -> None:
    look(clip, tmp_path / "bank")
    before = contents(tmp_path / "bank")
    again = look(clip, tmp_path / "bank")
    assert (again.scanned, again.unchanged) == (0, FRAMES)
    assert contents(tmp_path / "bank") == before


def damaged(tmp_path: Path, number: int) -> Path:
    """The clip with a frame that cannot be decoded; each is compressed alone."""
    path = encode(tmp_path / "damaged.mkv", FRAMES, draw=picture, codec="mjpeg", pix_fmt="yuvj444p", options={"q": "2"})
    with av.open(str(path)) as container:
        packet = [bytes(each) for each in container.demux(container.streams.video[0]) if each.size][number]
    data = path.read_bytes()
    assert data.count(packet) == 1
    path.write_bytes(data.replace(packet, bytes(len(packet))))
    return path


@pytest.mark.parametrize("number", [0, FLICKERS[0] - 1, FRAMES - 1])
def test_a_damaged_frame_is_skipped_each_time_and_nothing_else_changes(tmp_path: Path, number: int) -> None:
    clip = damaged(tmp_path, number)
    first = look(clip, tmp_path / "bank")
    assert (first.scanned, len(first.skipped)) == (FRAMES - 1, 1)
    before = contents(tmp_path / "bank")
    again = look(clip, tmp_path / "bank")
    assert (again.scanned, again.unchanged, len(again.skipped)) == (0, FRAMES - 1, 1)
    assert contents(tmp_path / "bank") == before


@pytest.mark.slow_after(2)
@pytest.mark.parametrize("calls", [14, 1, 9, 20, 29])
def test_one_that_was_killed_goes_on_and_ends_with_the_same_bank(clip: Path, tmp_path: Path, calls: int) -> None:
    """It is stopped after so many frames, each of which is stored as soon as it is decided."""
    look(clip, tmp_path / "whole")
    left = calls

    def find(image: Image) -> Detections:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        return find_squares(image)

    detector = FunctionDetector(find, {0: "lamp", 1: "sign"}, name="squares", key="1")  # as `square_detector` is
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("negmine.mining.flicker.loop._STORE_S", -1.0)
        scan(clip, detector, bank=tmp_path / "killed", config=CONFIG)
    after = look(clip, tmp_path / "killed")
    assert after.unchanged + after.scanned == FRAMES and (after.unchanged > 0) == (calls > MEMORY)
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")


def test_batches_make_no_difference(clip: Path, tmp_path: Path) -> None:
    look(clip, tmp_path / "one")
    look(clip, tmp_path / "many", batch_size=7)
    assert contents(tmp_path / "one") == contents(tmp_path / "many")


def test_a_copy_of_a_video_is_not_looked_at_again(clip: Path, tmp_path: Path) -> None:
    look(clip, tmp_path / "bank")
    copy = tmp_path / "copy.mkv"
    copy.write_bytes(clip.read_bytes())
    result = look(copy, tmp_path / "bank")
    assert (result.scanned, result.duplicates, result.added) == (0, FRAMES, 0)
    with Bank(tmp_path / "bank") as bank:
        assert bank.backgrounds() == {}


def test_other_frames_are_another_scan(clip: Path, tmp_path: Path) -> None:
    """What is said of a frame depends on those beside it, so every second frame is looked at anew."""
    look(clip, tmp_path / "bank")
    video = VideoConfig(Every(frames=2))
    config = ScanConfig(crop=CONFIG.crop, video=video, flicker=CONFIG.flicker)
    assert look(clip, tmp_path / "bank", config).scanned == FRAMES // 2


def test_where_it_is_background_by_the_user_s_word_it_is_none_by_flickers(clip: Path, tmp_path: Path) -> None:
    look(clip, tmp_path / "bank")
    result = look(clip, tmp_path / "bank", ScanConfig(crop=CONFIG.crop, video=EVERY_FRAME))
    assert result.kinds[Kind.BACKGROUND] == FRAMES + 1
    with Bank(tmp_path / "bank") as bank:
        assert len(bank.backgrounds()) == FRAMES
    assert not any(each.is_flicker for each in negatives(tmp_path / "bank"))


SHORT = FLICKERS[0] + 4  # frames with one flicker
LABELS = LabelConfig(class_map={"pedestrian": "lamp"})
PLAIN = ScanConfig(crop=CONFIG.crop, video=VideoConfig(Every(frames=5)))


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("short") / "short.mkv"
    return encode(path, SHORT, draw=picture, codec="ffv1", pix_fmt="bgr0")


@pytest.mark.slow_after(1)
@pytest.mark.parametrize("is_copied_first", [False, True])
def test_scans_with_and_without_flicker_give_one_bank_in_either_order(
    short: Path, tmp_path: Path, is_copied_first: bool
) -> None:
    """Also where only the later scans see a copy of the video."""
    copy = tmp_path / "copy.mkv"
    copy.write_bytes(short.read_bytes())
    orders = {"plain": (PLAIN, CONFIG), "flicker": (CONFIG, PLAIN)}
    for name, (first, second) in orders.items():
        look([short, copy] if is_copied_first else short, tmp_path / name, first)
        look([short, copy], tmp_path / name, second)
        look([short, copy], tmp_path / name, first)
    assert facts(tmp_path / "plain") == facts(tmp_path / "flicker")
    with Bank(tmp_path / "plain") as bank:
        assert len(bank.backgrounds()) == 2 * 3


def test_another_video_of_the_same_name_is_not_background_because_the_one_before_was(tmp_path: Path) -> None:
    encode(tmp_path / "clip.mkv", 8, draw=picture, codec="ffv1", pix_fmt="bgr0")
    look(tmp_path / "clip.mkv", tmp_path / "bank", PLAIN)
    encode(tmp_path / "clip.mkv", 8, draw=lambda number: picture(number + 1), codec="ffv1", pix_fmt="bgr0")
    look(tmp_path / "clip.mkv", tmp_path / "bank")
    with Bank(tmp_path / "bank") as bank:
        assert bank.backgrounds() == {}


def test_the_labels_of_a_video_outlast_a_new_time_of_its_file(short: Path, tmp_path: Path) -> None:
    copy, labels = tmp_path / "clip.mkv", tmp_path / "gt.txt"
    copy.write_bytes(short.read_bytes())
    labels.write_text("1,1,10,20,20,20,1,1,1\n")
    scan(copy, square_detector(), bank=tmp_path / "bank", config=replace(PLAIN, labels=LABELS), truth=labels)
    look(copy, tmp_path / "bank")
    with Bank(tmp_path / "bank") as bank:
        labelled = list(bank.query("SELECT key, truth_hash FROM items ORDER BY key"))
        assert any(truth for _, truth in labelled)
    os.utime(copy, ns=(1, 1))
    look(copy, tmp_path / "bank")
    with Bank(tmp_path / "bank") as bank:
        assert list(bank.query("SELECT key, truth_hash FROM items ORDER BY key")) == labelled


@pytest.mark.parametrize(
    ("video", "found"), [(VideoConfig(Every(ms=1000)), "1s"), (VideoConfig(keyframes=True), "keyframes")]
)
def test_frames_that_are_far_apart_are_refused(video: VideoConfig, found: str) -> None:
    with pytest.raises(ConfigError, match=f"at most 500 ms apart and no keyframes alone, found {found}$"):
        ScanConfig(video=video, flicker=FlickerConfig())


def test_a_time_lapse_is_refused_by_the_times_of_its_frames(tmp_path: Path) -> None:
    lapse = encode(tmp_path / "lapse.mkv", 4, draw=picture, codec="ffv1", pix_fmt="bgr0", times=[0, 10, 20, 30])
    with pytest.raises(ConfigError, match=r"at most 500 ms apart, and those of .*lapse\.mkv are 10 s apart"):
        look(lapse, tmp_path / "bank")


def test_images_and_labels_are_refused(clip: Path, tmp_path: Path) -> None:
    image = draw(tmp_path / "a.png")
    with pytest.raises(ConfigError, match=r"flicker looks at videos, found the image .*a\.png; leave it out"):
        look([clip, image], tmp_path / "bank")
    with pytest.raises(ConfigError, match=r"flicker looks at whole videos, found one frame, .*frame=0; name its video"):
        look([clip / "t=0.000,frame=0"], tmp_path / "bank")
    with pytest.raises(ConfigError, match="flicker is for videos without labels, found labels"):
        scan(clip, square_detector(), bank=tmp_path / "bank", config=CONFIG, truth=tmp_path)
