"""Frames of videos: found by their times, and the same wherever decoding begins."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import numpy as np
import pytest
from clips import encode, number_in, numbered

from negmine.errors import ImageError, VideoError
from negmine.structures import Image
from negmine.videos.config import Every, VideoConfig
from negmine.videos.names import FrameName
from negmine.videos.video import Video

EVERY_FRAME = VideoConfig(every=Every(frames=1))
B_FRAMES = {"bf": "2"}


def named(video: Video, number: int) -> FrameName:
    return FrameName(video.path, int(video.index.time_ms[number]), number)


def seen(video: Video, number: int, *, alone: bool = True) -> Image:
    return video.frame(named(video, number), alone=alone).decode()


def chosen(video: Video, **settings: object) -> list[tuple[int, int]]:
    return [(name.number, name.time_ms) for name, _ in video.chosen(VideoConfig(**settings))]  # type: ignore[arg-type]


KINDS = [
    ("clip.mp4", "mpeg4", B_FRAMES),
    ("clip.mp4", "libx264", {"bf": "2", "preset": "ultrafast"}),
    ("clip.mov", "mpeg4", {}),
    ("clip.mkv", "mpeg4", B_FRAMES),
    ("clip.avi", "mpeg4", B_FRAMES),
    ("h264.avi", "libx264", {"bf": "2"}),
    ("clip.webm", "libvpx", {"deadline": "realtime", "auto-alt-ref": "0"}),
    ("clip.ts", "mpeg2video", B_FRAMES),
]


@pytest.mark.parametrize(("name", "codec", "options"), KINDS)
def test_each_frame_is_the_one_of_its_number_wherever_decoding_begins(
    tmp_path: Path, name: str, codec: str, options: dict[str, str]
) -> None:
    video = Video(encode(tmp_path / name, 30, codec=codec, options=options))
    assert [(each.number, each.time_ms) for each, _ in video.chosen(EVERY_FRAME)] == [(i, 100 * i) for i in range(30)]
    forward = [seen(video, number, alone=False) for number in range(30)]
    assert [number_in(image) for image in forward] == list(range(30))
    for number in (17, 3, 29, 11, 10, 9, 0, 28):
        assert (seen(video, number) == forward[number]).all()


def test_threads_get_the_frames_that_one_gets(tmp_path: Path) -> None:
    path = encode(tmp_path / "clip.mp4", 60, options=B_FRAMES)
    one, many = Video(path), Video(path)
    names = [name for name, _ in one.chosen(VideoConfig(every=Every(frames=7)))]
    expected = [one.frame(name).decode() for name in names]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda name: many.frame(name, alone=False).decode(), names))
    assert all((a == b).all() for a, b in zip(expected, found, strict=True))


def test_a_gif_gives_its_frames(tmp_path: Path) -> None:
    video = Video(encode(tmp_path / "moving.gif", 12, codec="gif", pix_fmt="rgb8"))
    assert [number_in(seen(video, number)) for number in (11, 4, 0)] == [11, 4, 0]


def test_frames_are_chosen_by_time_number_or_kind(tmp_path: Path) -> None:
    video = Video(encode(tmp_path / "clip.mp4", 40))
    assert chosen(video) == [(0, 0), (10, 1000), (20, 2000), (30, 3000)]
    assert chosen(video, start_ms=1500, end_ms=2600) == [(15, 1500), (25, 2500)]
    assert chosen(video, every=Every(frames=15), start_ms=300) == [(3, 300), (18, 1800), (33, 3300)]
    assert chosen(video, every=Every(ms=1), keyframes=True) == [(0, 0), (10, 1000), (20, 2000), (30, 3000)]
    assert chosen(video, every=Every(frames=2), keyframes=True) == [(0, 0), (20, 2000)]
    with pytest.raises(VideoError, match=r"the last is at 3\.900 s"):
        chosen(video, start_ms=4000)


def test_a_variable_rate_is_told_by_times_not_by_numbers(tmp_path: Path) -> None:
    times = [0, 0.1, 0.2, 1.4, 1.5, 4.25, 4.5, 9.0]
    video = Video(encode(tmp_path / "clip.mkv", len(times), times=times))
    assert chosen(video) == [(0, 0), (3, 1400), (5, 4250), (7, 9000)]
    assert [number_in(seen(video, number)) for number in (0, 3, 5, 7)] == [0, 3, 5, 7]


def test_sound_and_a_late_start_change_nothing(tmp_path: Path) -> None:
    loud = Video(encode(tmp_path / "loud.mp4", 20, audio=True))
    late = Video(encode(tmp_path / "late.ts", 20, codec="mpeg2video", muxing={"output_ts_offset": "3600"}))
    assert chosen(loud) == chosen(late) == [(0, 0), (10, 1000)]
    assert number_in(seen(loud, 10)) == number_in(seen(late, 10)) == 10


def rotated(path: Path, quarter_turns: int) -> Path:
    """Turn a clip by its metadata: the matrix in the header of its track."""
    matrices = {0: (1, 0, 0, 1), 1: (0, 1, -1, 0), 2: (-1, 0, 0, -1), 3: (0, -1, 1, 0)}
    a, b, c, d = matrices[quarter_turns]
    data = path.read_bytes()
    at = data.index(b"tkhd") + 4 + 40
    fixed = b"".join(
        v.to_bytes(4, "big", signed=True) for v in (a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    )
    path.write_bytes(data[:at] + fixed + data[at + 36 :])
    return path


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_frame_is_turned_upright(tmp_path: Path, turns: int) -> None:
    video = Video(rotated(encode(tmp_path / "clip.mp4", 3), turns))
    image = seen(video, 2)
    assert np.abs(image.astype(int) - np.rot90(numbered(2), -turns)).mean() < 4  # the matrix turns clockwise


def trimmed(path: Path, first: int) -> Path:
    """Cut the first frames off a clip without encoding it anew, as phones do: they are stored, and not shown."""
    cut = path.with_stem("trimmed")
    with av.open(str(path)) as source, av.open(str(cut), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size and packet.pts is not None and packet.dts is not None and packet.time_base is not None:
                gone = round(first / 10 / packet.time_base)
                packet.pts, packet.dts, packet.stream = packet.pts - gone, packet.dts - gone, stream
                target.mux(packet)
    return cut


@pytest.mark.parametrize(("frames", "first"), [(9, 3), (25, 4), (25, 10)])
def test_what_was_trimmed_off_is_not_shown_and_the_frames_made_from_it_are(
    tmp_path: Path, frames: int, first: int
) -> None:
    video = Video(trimmed(encode(tmp_path / "clip.mp4", frames, options=B_FRAMES), first))
    names = [name for name, _ in video.chosen(EVERY_FRAME)]
    assert [(name.number, name.time_ms) for name in names] == [(i, 100 * i) for i in range(frames - first)]
    found = [number_in(video.frame(name).decode()) for name in reversed(names)]
    assert found == list(range(frames - 1, first - 1, -1))


def test_a_frame_that_is_not_there_or_is_of_another_video(tmp_path: Path) -> None:
    video = Video(encode(tmp_path / "clip.mp4", 10))
    for name in (FrameName(video.path, 10_000, 100), FrameName(video.path, 150, 1)):
        with pytest.raises(ImageError, match="no frame"):
            video.frame(name)
    frame = video.frame(named(video, 3))
    encode(video.path, 12)
    with pytest.raises(ImageError, match="has changed"):
        frame.decode()


def test_a_frame_is_known_by_the_hash_of_its_file_and_its_time(tmp_path: Path) -> None:
    path = encode(tmp_path / "clip.mp4", 4)
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(path.read_bytes())
    hashes = [Video(each).frame(named(Video(each), number)).sha256 for each in (path, copy) for number in (1, 2)]
    assert hashes[:2] == hashes[2:] and hashes[0] != hashes[1]


def test_a_video_of_holes_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "clip.ts"
    path.write_bytes((b"\x47" + bytes(187)) * 5)
    os.truncate(path, 1 << 40)
    with pytest.raises(VideoError, match="it is nearly all holes"):
        _ = Video(path).index


@pytest.mark.parametrize("name", ["clip.mkv", "clip.avi", "clip.mp4"])
def test_titles_that_are_no_text_are_no_obstacle(tmp_path: Path, name: str) -> None:
    path = encode(tmp_path / name, 3)
    data = path.read_bytes()
    assert b"Lavf" in data
    path.write_bytes(data.replace(b"Lavf", b"\xff\xfe\xff\xfe"))
    assert number_in(seen(Video(path), 2)) == 2
