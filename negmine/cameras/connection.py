"""Opening a live stream with FFmpeg, through PyAV: only of the kinds that cameras send, and never a local file."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from negmine.cameras.address import CameraAddress
from negmine.errors import SourceError
from negmine.limits import MAX_PIXELS

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer

_FORMATS = "hls,mpegts,mpjpeg,mjpeg,mov,matroska,webm,flv,h264,hevc,jpeg_pipe,image2pipe"  # over HTTP
_PROTOCOLS = {"rtsp": "rtsp,rtsps,tcp,tls,udp,rtp", "http": "http,https,httpproxy,tcp,tls,crypto"}
_NO_ANSWER = "it does not answer in time"


class LiveStream:
    """An open connection to a camera. Use it in a `with` statement of `connected`."""

    def __init__(self, container: InputContainer) -> None:
        self._container = container
        self._video = container.streams.video[0]
        self._video.thread_type = "SLICE"  # frame threads would hold frames back

    @property
    def is_finite(self) -> bool:
        """Whether it is a recording, which ends."""
        return self._container.duration is not None

    def frames(self) -> Iterator[VideoFrame]:
        """The frames as they come; what cannot be decoded is passed over. It ends where the stream does.

        Raises:
            SourceError: where nothing comes any more, or too much does.
        """
        import av

        try:
            for packet in self._container.demux(self._video):
                try:
                    decoded = packet.decode()
                except av.error.InvalidDataError:
                    continue
                for frame in decoded:
                    _check_size(frame.width, frame.height)
                    yield frame
        except av.error.EOFError:
            return
        except av.error.FFmpegError as error:
            raise SourceError(reason_of_ffmpeg(error)) from None  # what it says names the address


@contextmanager
def connected(address: CameraAddress, timeout_s: float) -> Iterator[LiveStream]:
    """Connect to a camera.

    Args:
        address: of it.
        timeout_s: how long to wait for an answer, and later for each packet.

    Raises:
        SourceError: where it does not answer, sends no video, or too large one. The message holds no address.
    """
    import av

    options = {"max_pixels": str(MAX_PIXELS)}
    if address.kind == "rtsp":
        options |= {"rtsp_transport": "tcp", "allowed_media_types": "video"}
    elif address.kind == "http":
        options |= {"format_whitelist": _FORMATS}
    if address.kind in _PROTOCOLS:
        options |= {"protocol_whitelist": _PROTOCOLS[address.kind]}
    form, begun_s = {"device": "v4l2", "rtsp": "rtsp"}.get(address.kind), time.monotonic()
    try:
        container = av.open(
            address.url, format=form, options=options, timeout=(timeout_s, timeout_s), metadata_errors="replace"
        )
    except (av.error.FFmpegError, OSError, ValueError) as error:
        if time.monotonic() - begun_s >= timeout_s:  # FFmpeg calls the answer that an RTSP camera never gave invalid
            raise SourceError(_NO_ANSWER) from None
        raise SourceError(reason_of_ffmpeg(error)) from None  # what it says names the address, password and all
    with container:
        if not container.streams.video:
            raise SourceError("it sends no video")
        context = container.streams.video[0].codec_context
        if context is None:
            raise SourceError("no decoder is known for its video")
        _check_size(context.width, context.height)
        yield LiveStream(container)


def reason_of_ffmpeg(error: Exception) -> str:
    """What FFmpeg says of an error, without the address that its own text ends with."""
    import av

    if isinstance(error, av.error.ExitError):
        return _NO_ANSWER
    if isinstance(error, av.error.ArgumentError):  # of a format that is not among those that may be opened
        return "it sends none of the formats of cameras (HLS, MPEG-TS, MJPEG); download a file to scan it"
    if not isinstance(error, (OSError, av.error.FFmpegError)):
        return "this system's FFmpeg cannot open it"
    return str(getattr(error, "strerror", None) or type(error).__name__)


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise SourceError(f"its frames are of {width} x {height} pixels, over {MAX_PIXELS // 10**6} megapixels")
