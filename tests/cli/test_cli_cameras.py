"""`negmine scan` of cameras and for flickers, as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from clips import encode
from commands import one_line
from live_server import LiveServer, live_server, numbered

Run = Callable[..., "subprocess.CompletedProcess[str]"]
SMALL = ("--imgsz", "64", "--device", "cpu", "--backend", "torch")


@pytest.fixture
def server() -> Iterator[LiveServer]:
    with live_server() as made:
        yield made


@pytest.mark.slow  # opens weights
def test_a_camera_is_watched_for_a_time(server: LiveServer, firing_weights: Path, run: Run) -> None:
    url = server.url("live.mjpg?token=s3cret", "me:pw@")
    done = run("scan", url, "--weights", firing_weights, *SMALL, "--for", "2s", "--every", "0.2s", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["stopped"] is False and document["cameras"][0]["looked_at"] >= 1
    assert not any(secret in done.stdout + done.stderr for secret in ("s3cret", "me:", "pw@"))


@pytest.mark.slow
def test_ctrl_c_ends_it_with_status_0_and_a_summary(
    server: LiveServer, firing_weights: Path, run: Run, tmp_path: Path
) -> None:
    words = ["scan", server.url("live.mjpg"), "--weights", str(firing_weights), *SMALL, "--every", "0.1s"]
    process = subprocess.Popen([sys.executable, "-m", "negmine", *words], cwd=tmp_path, stdout=-1, stderr=-1, text=True)
    end = time.monotonic() + 300
    while not list(tmp_path.glob("negmine-bank/frames/*/*.jpg")) and time.monotonic() < end:
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert (
        "ended by Ctrl-C; what was done is kept" in out and f"camera http://127.0.0.1:{server.port}/live.mjpg: " in out
    )
    assert run("verify").returncode == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rtsp://me:s3cret@127.0.0.1:1/x"], "camera rtsp://127.0.0.1:1/x: "),
        (["ftp://me:s3cret@h/x"], "source ftp://... is of a kind that is not read"),
        (["/dev/video987"], "camera /dev/video987: "),
        (["clip.mkv", "--for", "10s"], "for is the time of cameras, found none"),
        (["clip.mkv", "--flicker", "--every", "1s"], "at most 500 ms apart"),
        (["clip.mkv", "--flicker", "--window", "0"], "expected a window of 1 to 60 frames, found 0"),
        (["rtsp://127.0.0.1:1/x", "--flicker"], "of a camera frames are missed"),
        (
            ["rtsp://me:s3cret@127.0.0.1:1/x", "--split", "val"],
            "split is of a data.yaml, found the camera rtsp://127.0.0.1:1/x",
        ),
    ],
)
def test_what_is_refused_is_one_line(words: list[str], said: str, run: Run, tmp_path: Path) -> None:
    encode(tmp_path / "clip.mkv", 3, draw=numbered, codec="ffv1", pix_fmt="bgr0")
    line = one_line(run("scan", *words, "--weights", "none.pt"))
    assert said in line and "s3cret" not in line


@pytest.mark.slow
def test_rtsp_from_a_real_server(firing_weights: Path, run: Run, tmp_path: Path) -> None:
    pytest.importorskip("aio_rtsp_toolkit", reason="needs an RTSP server: pip install aio-rtsp-toolkit")
    encode(tmp_path / "door.mp4", 100, draw=numbered, codec="libx264", rate=25)
    serve = (
        "import asyncio, socket, aio_rtsp_toolkit.server as s\n"
        "with socket.socket() as free: free.bind(('127.0.0.1', 0)); port = free.getsockname()[1]\n"
        "print(port, flush=True); asyncio.run(s.serve('.', '127.0.0.1', port))"
    )
    server = subprocess.Popen([sys.executable, "-c", serve], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        url = f"rtsp://me:s3cret@127.0.0.1:{port}/door.mp4"
        _wait_for(port)
        done = run("scan", url, "--weights", firing_weights, *SMALL, "--for", "3s", "--every", "0.2s", "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["cameras"][0]["looked_at"] >= 1 and "s3cret" not in done.stdout + done.stderr
    finally:
        server.kill()
        server.communicate()


def _wait_for(port: int) -> None:
    """Wait until a server answers."""
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.1)
