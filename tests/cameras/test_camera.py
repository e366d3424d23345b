"""Cameras over a real HTTP server on loopback: live pictures, connections that break, servers that never answer."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from live_server import FPS, LiveServer, live_server, mpegts

from negmine.cameras.address import CameraAddress
from negmine.cameras.camera import Camera
from negmine.cameras.config import CameraConfig
from negmine.errors import ConfigError, SourceError

PATIENCE = CameraConfig(timeout_s=5, pause_s=0.05)


@pytest.fixture
def server() -> Iterator[LiveServer]:
    with live_server() as made:
        yield made


def camera(url: str, config: CameraConfig = PATIENCE, said: list[str] | None = None) -> Camera:
    address = CameraAddress.parse(url)
    assert address is not None
    return Camera(address, config, (lambda text: None) if said is None else said.append)


def playlist(*segments: str, ends: bool = True) -> str:
    lines = [line for segment in segments for line in ("#EXTINF:1.0,", segment)]
    return "\n".join(["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:1", *lines, *["#EXT-X-ENDLIST"] * ends, ""])


def test_only_the_newest_frame_is_kept(server: LiveServer) -> None:
    server.pause_s = 0.005
    with camera(server.url("live.mjpg")) as opened:
        first = opened.newest(1, 5)
        late = opened.newest(opened.count + 20, 5)
        assert first is not None and late is not None
        assert late.number >= first.number + 20  # the others were dropped
        assert late.pixels().shape == (96, 160, 3) and late.taken_ms >= first.taken_ms
        assert opened.newest(late.number + 10**6, 0.01) is None


def test_a_connection_that_breaks_is_made_again(server: LiveServer) -> None:
    server.pictures, said = 4, list[str]()
    with camera(server.url("live.mjpg?token=s3cret", "me:pw@"), said=said) as opened:
        assert opened.newest(10, 10) is not None
    assert server.connections >= 3
    assert "connecting again in 0.05 s" in said[0] and said[1].endswith("it sends pictures again")
    assert not any(word in line for line in said for word in ("s3cret", "me:", "pw@"))


def test_a_recording_ends(server: LiveServer) -> None:
    server.playlist = playlist("segment0.ts", "segment1.ts")
    with camera(server.url("cam.m3u8")) as opened:
        assert opened.newest(10**6, 10) is None
        assert opened.is_over and opened.count == 2 * FPS


def test_a_playlist_leads_to_no_file(server: LiveServer, tmp_path: Path) -> None:
    (tmp_path / "x.ts").write_bytes(mpegts(0, FPS))
    server.playlist = playlist(f"file://{tmp_path}/x.ts")
    with pytest.raises(SourceError), camera(server.url("cam.m3u8")):
        pass


@pytest.mark.parametrize(
    ("login", "path", "said"),
    [("me:s3cret@", "live.mjpg", "401 Unauthorized"), ("", "none.mjpg", "404 Not Found")],
)
def test_what_a_server_refuses_is_one_line_without_the_password(
    server: LiveServer, login: str, path: str, said: str
) -> None:
    server.login = "me:pw" if login else None
    with pytest.raises(SourceError, match=said) as caught, camera(server.url(path, login)):
        pass
    assert "s3cret" not in str(caught.value) and f"camera http://127.0.0.1:{server.port}/{path}: " in str(caught.value)


def test_user_and_password_are_sent(server: LiveServer) -> None:
    server.login = "me:pw"
    with camera(server.url("live.mjpg", "me:pw@")) as opened:
        assert opened.newest(1, 5) is not None


def test_a_camera_that_never_answers_is_given_up_in_time(server: LiveServer) -> None:
    server.is_silent, begun = True, time.monotonic()
    with (
        pytest.raises(SourceError, match=r"does not answer in time; expected a picture within 0.3 s, check address"),
        camera(server.url("live.mjpg"), CameraConfig(timeout_s=0.3)),
    ):
        pass
    assert time.monotonic() - begun < 5


def test_an_rtsp_camera_that_never_answers_is_told_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"rtsp://127.0.0.1:{silent.getsockname()[1]}/x"
        with pytest.raises(SourceError, match="does not answer in time"), camera(url, CameraConfig(timeout_s=0.3)):
            pass


@pytest.mark.parametrize("url", ["rtsp://me:s3cret@127.0.0.1:1/x", "/dev/video987", "http://127.0.0.1:1/x.m3u8"])
def test_nothing_there_is_one_line(url: str) -> None:
    with pytest.raises(SourceError, match=r"^camera .*: .*; expected a picture within 5 s") as caught, camera(url):
        pass
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("setting", [{"for_ms": 0}, {"timeout_s": 0}, {"pause_s": 0}, {"pause_s": 60}])
def test_a_setting_out_of_its_range_is_named(setting: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=r"^expected .*, found "):
        CameraConfig(**setting)  # type: ignore[arg-type]
