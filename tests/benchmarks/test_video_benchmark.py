"""The measurement of videos, at a size that says nothing but that it runs."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from negmine.sources.expand import expand_sources
from negmine.videos.config import Every, VideoConfig


def test_the_clip_is_as_long_as_it_is_asked_to_be(benchmarks: Path, tmp_path: Path) -> None:
    importlib.import_module("video").encode(tmp_path / "clip.mp4", 0.2, 90)
    items = expand_sources([tmp_path / "clip.mp4"], video=VideoConfig(Every(frames=1)))
    assert len(items) == 300
    frame = items[-1].read()
    assert not isinstance(frame, bytes) and frame.decode().shape == (90, 160, 3)


@pytest.mark.slow
def test_decoding_the_detector_and_the_scan_are_timed(
    benchmarks: Path, tmp_path: Path, firing_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = importlib.import_module("video")
    video.encode(tmp_path / "clip.mp4", 0.2, 90)
    video.measure(tmp_path / "clip.mp4", str(firing_weights), Every(frames=10), 96, tmp_path)
    shown = capsys.readouterr().out
    assert shown.startswith("30 frames listed") and "again: 30 unchanged" in shown
    assert re.search(r"scan [\d.]+ frames/s, .* a frame: [\d.]+ of the slower; \d+ negatives", shown)
