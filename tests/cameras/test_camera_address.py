"""Which texts are addresses of cameras, and that no password gets out of one."""

from __future__ import annotations

import pytest

from negmine.cameras.address import CameraAddress, numbered, without_login
from negmine.errors import SourceError


@pytest.mark.parametrize(
    ("typed", "shown", "kind"),
    [
        ("rtsp://10.0.0.8/stream1", "rtsp://10.0.0.8/stream1", "rtsp"),
        ("RTSPS://Cam.example:8322/a/b", "rtsps://cam.example:8322/a/b", "rtsp"),
        ("rtsp://me:s%40cret@10.0.0.8:554/live", "rtsp://10.0.0.8:554/live", "rtsp"),
        ("http://me@[fe80::1]:81/v.m3u8?token=s3cret#f", "http://[fe80::1]:81/v.m3u8", "http"),
        ("https://h/video.mjpg?user=me&pwd=s3cret", "https://h/video.mjpg", "http"),
        ("/dev/video0", "/dev/video0", "device"),
    ],
)
def test_what_people_see_has_no_secret(typed: str, shown: str, kind: str) -> None:
    address = CameraAddress.parse(typed)
    assert address is not None
    assert (address.url, address.shown, address.kind) == (typed, shown, kind)
    assert "cret" not in repr(address) and "token" not in repr(address)


@pytest.mark.parametrize("text", ["clip.mp4", "folder/", "C:\\images", "/dev/video0/x", "/dev/videos", "a:b", ""])
def test_files_are_no_cameras(text: str) -> None:
    assert CameraAddress.parse(text) is None


@pytest.mark.parametrize(
    "text",
    ["ftp://me:secret@h/x", "file:///etc/passwd", "rtsp://me:secret@/x", "http://h:port/secret", "http://h /secret",
     "concat://secret", "rtsp://[me:secret@h/x"],
)  # fmt: skip
def test_other_addresses_are_refused_in_a_line_without_what_is_in_them(text: str) -> None:
    with pytest.raises(SourceError, match=r"expected rtsp://HOST") as caught:
        CameraAddress.parse(text)
    assert "secret" not in str(caught.value) and "passwd" not in str(caught.value)


def test_a_line_of_a_list_is_named_without_its_password() -> None:
    assert without_login("rtsp://me:s3cret@10.0.0.8/x") == "rtsp://10.0.0.8/x"
    assert without_login("images/me@home/a.png") == "images/me@home/a.png"


def test_addresses_that_are_shown_alike_are_told_apart() -> None:
    typed = ["rtsp://door/1?channel=1", "rtsp://me:secret@door/1?channel=2", "rtsp://door/2", "rtsp://door/1"]
    found = [address for text in typed if (address := CameraAddress.parse(text)) is not None]
    assert [each.shown for each in numbered(found)] == [
        "rtsp://door/1", "rtsp://door/1 (2)", "rtsp://door/2", "rtsp://door/1 (3)",
    ]  # fmt: skip
    assert [each.url for each in numbered(found)] == typed


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("rtsp://me:pa/ss@door/1?token=secret", "rtsp://door/1"),
        ("set/rtsp:/me:secret@door/1?token=secret", "set/rtsp:/door/1"),
        ("C:/me@home/a.jpg", "C:/me@home/a.jpg"),
        ("/data/a?b@c.jpg", "/data/a?b@c.jpg"),
    ],
)
def test_a_line_keeps_no_secret_and_a_path_stays_as_it_is(line: str, shown: str) -> None:
    assert without_login(line) == shown


def test_a_password_in_the_path_is_not_shown() -> None:
    address = CameraAddress.parse("rtsp://door:554/user=admin_password=secret_channel=1.sdp")
    assert address is not None and address.shown == "rtsp://door:554/user=admin_password=..._channel=1.sdp"
    with pytest.raises(SourceError, match="write a / in a password as %2F") as raised:
        CameraAddress.parse("rtsp://me:12/34@door/1")
    assert "34" not in str(raised.value)
