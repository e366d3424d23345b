"""Videos among the sources of a scan."""

from __future__ import annotations

import shutil
from pathlib import Path

import av
import numpy as np
import pytest
from banks import contents
from blobs import draw, find_squares, square_detector
from clips import encode
from lxml import etree

from negmine.bank.bank import Bank
from negmine.bank.details import details
from negmine.bank.verify import verify
from negmine.cli.scan import render
from negmine.detectors.function import FunctionDetector
from negmine.errors import ConfigError, SourceError
from negmine.exporting.export import export
from negmine.mining.config import ScanConfig
from negmine.mining.result import Footage
from negmine.mining.scan import scan
from negmine.sources.expand import expand_sources
from negmine.structures import Detections, Image
from negmine.videos import passes, video
from negmine.videos.config import Every, VideoConfig

EVERY_FRAME = ScanConfig(video=VideoConfig(every=Every(frames=1)), per_place=None)


class Stopped(Exception):
    """What a detector below raises."""


def lamp(number: int, size_wh: tuple[int, int] = (192, 128)) -> Image:
    """A dim picture with a bright square that moves."""
    image = np.random.default_rng(number).integers(0, 60, (size_wh[1], size_wh[0], 3), dtype=np.uint8)
    image[40:72, 16 + 3 * number % 96 : 48 + 3 * number % 96] = (180, 0, 255)
    return image


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return encode(tmp_path / "in" / "clip.mp4", 40, draw=lamp, options={"b": "2000000"})


def names(*sources: Path, **settings: object) -> list[str]:
    config = VideoConfig(**settings)  # type: ignore[arg-type]
    return ["/".join(item.path.parts[-2:]) for item in expand_sources(sources, video=config)]


def test_a_video_stands_for_its_frames_by_content_whatever_its_name(tmp_path: Path, clip: Path) -> None:
    odd = tmp_path / "recording.dat"
    shutil.copy(clip, odd)
    assert names(clip, odd, end_ms=1500) == [
        "clip.mp4/t=0.000,frame=0", "clip.mp4/t=1.000,frame=10",
        "recording.dat/t=0.000,frame=0", "recording.dat/t=1.000,frame=10",
    ]  # fmt: skip


def test_a_folder_lists_videos_among_images_and_no_typescript(clip: Path) -> None:
    draw(clip.parent / "b.png")
    encode(clip.parent / "moving.gif", 3, codec="gif", pix_fmt="rgb8")
    encode(clip.parent / "still.gif", 1, codec="gif", pix_fmt="rgb8")
    (clip.parent / "program.ts").write_text("const answer: number = 42;\n" * 100)
    (clip.parent / "link.mp4").symlink_to(clip)
    assert names(clip.parent, end_ms=50) == [
        "in/b.png", "clip.mp4/t=0.000,frame=0", "moving.gif/t=0.000,frame=0", "in/still.gif",
    ]  # fmt: skip


def test_a_scan_files_frames_under_their_times_and_reads_them_again(tmp_path: Path, clip: Path) -> None:
    result = scan(clip, square_detector(), bank=tmp_path / "bank")
    assert (result.scanned, result.added, result.skipped) == (4, 4, ())
    with Bank(tmp_path / "bank") as bank:
        sources = sorted(each.source for each in bank.negatives())
        assert [each.name for each in sources] == [f"t={i}.000,frame={10 * i}" for i in range(4)]
        assert {each.parent for each in sources} == {clip}
        assert details(bank, 1).source == "there"
        shutil.copy(encode(tmp_path / "other.mp4", 40), clip)
        assert details(bank, 1).source == "changed"
        clip.unlink()
        assert details(bank, 1).source == "gone"


def test_an_annotation_names_the_frame_that_a_negative_is_of(tmp_path: Path, clip: Path) -> None:
    draw(clip.parent / "b.png", [(20, 20, 60, 60, 80)])
    scan(clip.parent, square_detector(), bank=tmp_path / "bank", config=ScanConfig(video=VideoConfig(end_ms=50)))
    export(tmp_path / "bank", tmp_path / "voc")
    written = [etree.parse(path).find("source") for path in sorted((tmp_path / "voc" / "Annotations").iterdir())]
    found = {source.findtext("image") for source in written if source is not None}
    assert found == {None, "clip.mp4/t=0.000,frame=0"}


def test_a_list_of_frames_stands_for_these_frames(tmp_path: Path, clip: Path) -> None:
    frames = expand_sources([clip])
    text = tmp_path / "held-out.txt"
    gone = [f"{clip.parent / 'gone.mp4'}/t=1.000,frame=10", f"{text}/t=1.000,frame=10"]
    text.write_text("\n".join([frames[2].key, "in/clip.mp4/t=1.000,frame=10", *gone]))
    listed = expand_sources([text])
    assert [item.key for item in listed] == [frames[2].key, frames[1].key, *gone]
    assert isinstance(listed[0].read(), video.Frame) and listed[1].stamp() == frames[1].stamp()
    result = scan(text, square_detector(), bank=tmp_path / "bank")
    assert (result.scanned, len(result.skipped)) == (2, 2)
    assert [item.key for item in expand_sources([frames[2].key])] == [frames[2].key]


def test_an_unchanged_video_is_passed_over_without_decoding_or_hashing(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan(clip, square_detector(), bank=tmp_path / "bank")
    video._kept.cache_clear()

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(passes.DecodingPass, "__init__", refuse)
    monkeypatch.setattr(video.hashlib, "file_digest", refuse)
    again = scan(clip, square_detector(), bank=tmp_path / "bank")
    assert (again.unchanged, again.scanned) == (4, 0)


def test_more_frames_of_a_known_video_are_scanned_alone(tmp_path: Path, clip: Path) -> None:
    scan(clip, square_detector(), bank=tmp_path / "bank", config=ScanConfig(per_place=None))
    again = scan(clip, square_detector(), bank=tmp_path / "bank", config=EVERY_FRAME)
    assert (again.unchanged, again.scanned) == (4, 36) and verify(tmp_path / "bank").ok


@pytest.mark.parametrize("workers", [1, 4])
def test_a_scan_that_stops_anywhere_ends_with_the_same_bank(tmp_path: Path, clip: Path, workers: int) -> None:
    config = ScanConfig(video=EVERY_FRAME.video, per_place=None, workers=workers)
    scan(clip, square_detector(batch_size=3), bank=tmp_path / "whole", config=EVERY_FRAME)
    for after in (0, 3, 5):
        left = iter(range(after))

        def look(image: Image, left: object = left) -> Detections:
            if next(left, None) is None:  # type: ignore[call-overload]
                raise Stopped
            return find_squares(image)

        stopping = FunctionDetector(look, {0: "lamp", 1: "sign"}, name="squares", batch_size=3, key="1")
        with pytest.raises(Stopped):
            scan(clip, stopping, bank=tmp_path / "bank", config=config)
    scan(clip, square_detector(batch_size=3), bank=tmp_path / "bank", config=config)
    assert contents(tmp_path / "bank") == contents(tmp_path / "whole")


def damaged(path: Path, seed: int = 0, at: float = 0.5) -> Path:
    data = bytearray(path.read_bytes())
    begin = data.index(b"mdat") + round((len(data) - data.index(b"mdat")) * at)
    data[begin : begin + 400] = np.random.default_rng(seed).bytes(400)
    path.write_bytes(data)
    return path


def test_frames_that_depend_on_damage_are_skipped_and_counted(tmp_path: Path) -> None:
    options = {"b": "2000000", "bf": "2", "preset": "ultrafast"}
    whole = encode(tmp_path / "whole.mp4", 40, draw=lamp, codec="libx264", options=options)
    shutil.copy(whole, tmp_path / "hurt.mp4")
    damaged(tmp_path / "hurt.mp4")
    results = [scan(path, square_detector(), bank=tmp_path / path.stem, config=EVERY_FRAME)
               for path in (whole, tmp_path / "hurt.mp4")]  # fmt: skip
    assert results[0].scanned == 40
    assert 20 <= results[1].scanned < 40 and results[1].scanned + len(results[1].skipped) == 40
    assert {each.kind for each in results[1].skipped} == {"unreadable"}
    with Bank(tmp_path / "whole") as sound, Bank(tmp_path / "hurt") as hurt:
        assert {each.sha256 for each in hurt.negatives()} < {each.sha256 for each in sound.negatives()}


@pytest.mark.parametrize(("name", "codec"), [("clip.ts", "mpeg2video"), ("clip.mkv", "mpeg4"), ("clip.avi", "mpeg4")])
def test_of_a_video_that_is_cut_short_the_whole_frames_are_scanned(tmp_path: Path, name: str, codec: str) -> None:
    path = encode(tmp_path / name, 40, draw=lamp, codec=codec, options={"b": "2000000"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    result = scan(path, square_detector(), bank=tmp_path / "bank", config=EVERY_FRAME)
    assert 15 <= result.scanned <= 30 and len(result.skipped) <= 2


SECRET = "secret.ts"
TEXTS = {
    "playlist": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:6,\n{}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile '{}'\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>{}</BaseURL></MPD>',
}


@pytest.mark.parametrize("kind", sorted(TEXTS))
def test_what_would_open_other_files_is_no_video(tmp_path: Path, kind: str) -> None:
    secret = encode(tmp_path / SECRET, 3, codec="mpeg2video")
    path = tmp_path / f"{kind}.mp4"
    path.write_text(TEXTS[kind].format(secret))
    with pytest.raises(SourceError, match="not a video that is read"):
        expand_sources([path])


def silent(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), dtype=np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 8000, 0
        container.mux([*stream.encode(frame), *stream.encode()])
    return path


def encrypted(path: Path) -> Path:
    keys = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": "00" * 16, "encryption_kid": "11" * 16}
    return encode(path, 10, codec="libx264", muxing=keys)


def huge(path: Path) -> Path:
    encode(path.with_suffix(".gif"), 3, codec="gif", pix_fmt="rgb8")
    data = bytearray(path.with_suffix(".gif").read_bytes())
    data[6:10] = b"\xff\xff\xff\xff"
    path.with_suffix(".gif").unlink()
    path.write_bytes(data)
    return path


def headless(path: Path) -> Path:
    encode(path, 10)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def empty(path: Path) -> Path:
    path.touch()
    return path


def text(path: Path) -> Path:
    path.write_text("not a video\n" * 200)
    return path


BAD = [(silent, "it holds sound, and no video stream"), (encrypted, "encrypted"), (huge, "limit of 200 megapixels"),
       (headless, "cut short before"), (empty, "the file is empty"),
       (text, "its content is not a video that is read: expected mp4")]  # fmt: skip


@pytest.mark.parametrize(("make", "reason"), BAD, ids=[make.__name__ for make, _ in BAD])
def test_a_video_that_cannot_be_read_is_one_line_if_named_and_skipped_in_a_folder(
    tmp_path: Path, make: object, reason: str
) -> None:
    path = make(tmp_path / "in" / "bad.mp4") if (tmp_path / "in").mkdir() is None else None  # type: ignore[operator]
    with pytest.raises(SourceError, match=rf"bad\.mp4: .*{reason}"):
        scan(path, square_detector(), bank=tmp_path / "bank")
    draw(tmp_path / "in" / "good.png", [(60, 40, 80, 60, 90)])
    result = scan(tmp_path / "in", square_detector(), bank=tmp_path / "bank")
    assert result.scanned == 1 and [each.kind for each in result.skipped] == ["video"]
    assert reason in result.skipped[0].reason


def test_a_video_without_a_frame_that_can_be_decoded_is_an_error_if_there_is_nothing_else(tmp_path: Path) -> None:
    path = encode(tmp_path / "in" / "bad.mkv", 3, codec="mjpeg", pix_fmt="yuvj420p")
    with av.open(str(path)) as container:
        packets = [bytes(each) for each in container.demux(container.streams.video[0]) if each.size]
    data = path.read_bytes()
    for packet in packets:
        data = data.replace(packet, bytes(len(packet)))
    path.write_bytes(data)
    for source in (path, tmp_path / "in"):
        with pytest.raises(SourceError, match=r"bad\.mkv: none of its 3 frames can be read; the first: the video is"):
            scan(source, square_detector(), bank=tmp_path / "bank", config=EVERY_FRAME)
    draw(tmp_path / "in" / "good.png")
    result = scan(tmp_path / "in", square_detector(), bank=tmp_path / "bank", config=EVERY_FRAME)
    assert (result.scanned, len(result.skipped), result.footage) == (1, 3, Footage(1, only=False))


def test_frames_are_called_frames_where_there_is_nothing_else(
    tmp_path: Path, clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    still, bank, units = draw(tmp_path / "a.png"), tmp_path / "bank", list[str]()
    config, detector = ScanConfig(video=VideoConfig(end_ms=1500)), square_detector()
    result = scan(clip, detector, bank=bank, config=config, on_progress=lambda now: units.append(now.unit))
    assert result.footage == Footage(1, only=True) and result.to_dict()["videos"] == 1 and set(units) == {"frame"}
    render(result)
    shown = capsys.readouterr().out.replace(str(tmp_path), "")
    assert "videos that they are of" in shown and "frames/s" in shown and "image" not in shown
    render(scan(clip, detector, bank=bank, config=config))
    assert "nothing new: 2 frames unchanged, 0 skipped" in capsys.readouterr().out
    assert scan([clip, still], detector, bank=bank, config=config).footage == Footage(1, only=False)


def test_a_time_beyond_the_end_says_when_that_is(tmp_path: Path, clip: Path) -> None:
    config = ScanConfig(video=VideoConfig(start_ms=60_000))
    with pytest.raises(SourceError, match=r"no frame is between start and end: the last is at 3\.900 s"):
        scan(clip, square_detector(), bank=tmp_path / "bank", config=config)


def test_frames_are_chosen_of_videos_alone(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    with pytest.raises(ConfigError, match="found images alone"):
        scan(tmp_path / "a.png", square_detector(), bank=tmp_path / "bank", config=EVERY_FRAME)
