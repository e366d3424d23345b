"""A real HTTP server on loopback that sends live pictures: as multipart JPEG, as MPEG-TS, or as an HLS playlist."""

from __future__ import annotations

import base64
import io
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import av
import cv2
import numpy as np

from negmine.structures import Image

FPS = 25


def numbered(number: int, *, size_wh: tuple[int, int] = (160, 96)) -> Image:
    """A dim picture with one bright square of its own place; `find_squares` finds it with score 0.8."""
    image = np.full((size_wh[1], size_wh[0], 3), 40, dtype=np.uint8)
    x = 16 * (number % 8)
    image[32:64, x : x + 24] = (200, 0, 255)
    return image


def still() -> Image:
    """A picture that is full of things, always the same, with the square of the first numbered one."""
    blocks = np.random.default_rng(0).integers(0, 120, size=(12, 20, 3), dtype=np.uint8)
    image = np.asarray(cv2.resize(blocks, (160, 96), interpolation=cv2.INTER_NEAREST), dtype=np.uint8)
    image[32:64, 0:24] = (200, 0, 255)
    return image


def mpegts(first: int, count: int) -> bytes:
    """Some frames as MPEG-TS."""
    out = io.BytesIO()
    with av.open(out, "w", format="mpegts") as container:
        stream = container.add_stream("mpeg2video", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        stream.bit_rate = 2_000_000
        for number in range(first, first + count):
            frame = av.VideoFrame.from_ndarray(numbered(number), format="bgr24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


class LiveServer:
    """What is served, and how it misbehaves.

    Attributes:
        port: on 127.0.0.1.
        pictures: sent in each connection before it is closed; None for no end.
        connections: that were made for pictures.
        login: user and password that are asked for; None for none.
        is_silent: whether it takes connections and never answers.
        stands_still: whether all pictures show the same.
    """

    def __init__(self) -> None:
        self.pictures: int | None = None
        self.pause_s = 0.02
        self.connections = 0
        self.sent = 0
        self.login: str | None = None
        self.is_silent = False
        self.stands_still = False
        self.playlist = ""
        self.stopping = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0"

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                if server.is_silent:
                    server.stopping.wait()
                    return
                if server.login is not None:
                    wanted = "Basic " + base64.b64encode(server.login.encode()).decode()
                    if self.headers.get("Authorization") != wanted:
                        self.send_response(401)
                        self.send_header("WWW-Authenticate", 'Basic realm="camera"')
                        self.end_headers()
                        return
                try:
                    server.answer(self)
                except OSError:  # the client is gone
                    pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.port = self._http.server_address[1]
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def url(self, path: str, login: str = "") -> str:
        """Where a client finds something."""
        return f"http://{login}127.0.0.1:{self.port}/{path}"

    def close(self) -> None:
        """Stop."""
        self.stopping.set()
        self._http.shutdown()
        self._http.server_close()

    def answer(self, to: BaseHTTPRequestHandler) -> None:
        """Send what a path names."""
        path = to.path.split("?")[0]
        if path == "/live.mjpg":
            self._send(to, "multipart/x-mixed-replace; boundary=frame", self._parts())
        elif path == "/live.ts":
            self._send(to, "video/mp2t", [mpegts(0, self.pictures or 50)])
        elif path.endswith(".m3u8"):
            self._send(to, "application/vnd.apple.mpegurl", [self.playlist.encode()])
        elif path.startswith("/segment"):
            number = int(path.removeprefix("/segment").removesuffix(".ts"))
            self._send(to, "video/mp2t", [mpegts(number * FPS, FPS)])
        else:
            to.send_response(404)
            to.end_headers()

    def _parts(self) -> Iterator[bytes]:
        self.connections += 1
        number = 0
        while (self.pictures is None or number < self.pictures) and not self.stopping.is_set():
            image = still() if self.stands_still else numbered(self.sent)
            image[-1, -1] = self.sent % 256  # so that no two pictures have the same bytes
            data = cv2.imencode(".jpg", image)[1].tobytes()
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
            yield head.encode() + data + b"\r\n"
            number, self.sent = number + 1, self.sent + 1
            time.sleep(self.pause_s)

    @staticmethod
    def _send(to: BaseHTTPRequestHandler, kind: str, parts: Iterator[bytes] | list[bytes]) -> None:
        to.send_response(200)
        to.send_header("Content-Type", kind)
        if isinstance(parts, list):
            to.send_header("Content-Length", str(sum(map(len, parts))))
        to.end_headers()
        for part in parts:
            to.wfile.write(part)
            to.wfile.flush()


@contextmanager
def live_server() -> Iterator[LiveServer]:
    """A server for a while."""
    server = LiveServer()
    try:
        yield server
    finally:
        server.close()
