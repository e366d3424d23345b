"""Opening a video file: only of a known kind, by its content, and so that nothing in it opens anything else.

FFmpeg knows playlists that name other files and addresses, and picks a reader by the name and the content of a file.
Here the reader is chosen from a short list by the first bytes, gets an open file and no path, and may open nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from negmine.errors import VideoError
from negmine.files import open_regular, reason_of, require_dense
from negmine.limits import MAX_PIXELS

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

# By the names that videos have. A file named explicitly may have any name; those of other kinds are refused by content.
VIDEO_SUFFIXES = frozenset(".3gp .asf .avi .flv .gifv .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .ts .webm .wmv".split())
_KINDS = "mp4, mov, mkv, webm, avi, ts or gif"
HEAD = 1024  # bytes that tell a kind
_MOV = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"})
_TS_PACKETS = ((0, 188), (4, 192), (0, 204))  # where the first sync byte is, and how far apart they are
_BUFFER = 1 << 18


def container_kind(head: bytes) -> str | None:
    """FFmpeg's name of the kind of video file that begins so; None for anything else.

    Args:
        head: the first `HEAD` bytes, or all where there are fewer.
    """
    if head[4:8] in _MOV:
        return None if head[8:12] in (b"avif", b"avis", b"heic", b"mif1", b"msf1") else "mov"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "matroska"
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        return "avi"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    is_ts = any(
        len(head) > first + 3 * step and {head[first + i * step] for i in range(4)} == {0x47}
        for first, step in _TS_PACKETS
    )
    return "mpegts" if is_ts else None


def no_video(head: bytes) -> str:
    """What is wrong with a file whose first bytes are of no kind of video."""
    if not head:
        return "the file is empty"
    return f"its content is not a video that is read: expected {_KINDS}; convert others, such as with ffmpeg"


def head_of_file(path: Path) -> bytes:
    """The bytes that tell the kind of a file.

    Raises:
        OSError: where it cannot be read, or is no regular file.
        ValueError: for a NUL in the path.
    """
    with open_regular(path) as file:
        return file.read(HEAD)


@contextmanager
def open_container(file: BufferedReader) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open the video in a file.

    Args:
        file: at its beginning.

    Yields:
        The container, and its stream of pictures, which is not a cover.

    Raises:
        VideoError: where it is no video, has no pictures, is encrypted, or has too large ones.
    """
    import av
    from av.stream import Disposition

    head = file.read(HEAD)
    kind = container_kind(head)
    if kind is None:
        raise VideoError(no_video(head))
    try:
        require_dense(file)
    except OSError as error:
        raise VideoError(f"the video cannot be opened: {reason_of(error)}") from error
    file.seek(0)
    try:
        container = av.open(
            file, "r", format=kind, options=_options(), buffer_size=_BUFFER, io_open=_open_nothing,
            metadata_errors="replace",
        )  # fmt: skip
    except av.error.FFmpegError as error:
        raise VideoError(f"the video cannot be opened: {_reason(error)}; it may be cut short or damaged") from error
    with container:
        streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
        if not streams:
            raise VideoError(
                "it holds sound, and no video stream"
                if container.streams.audio
                else "it has no video stream, or is cut short before that begins"
            )
        _check(streams[0])
        yield container, streams[0]


def _options() -> dict[str, str]:
    return {"fflags": "+genpts", "protocol_whitelist": "none", "max_pixels": str(MAX_PIXELS)}


def _open_nothing(*_: Any) -> NoReturn:
    raise OSError("a video may open no other file")


def _check(stream: VideoStream) -> None:
    context = stream.codec_context
    if context is None:
        raise VideoError("no decoder is known for its video stream")
    if context.codec_tag in ("encv", "drmi"):
        raise VideoError("it is encrypted (DRM)")
    if context.width < 1 or context.height < 1:  # which is also what FFmpeg says of more than it is allowed
        raise VideoError(f"its frames state no size, or one over the limit of {MAX_PIXELS // 10**6} megapixels")
    if context.width * context.height > MAX_PIXELS:
        raise VideoError(
            f"its frames are of {context.width} x {context.height} pixels, over the limit of {MAX_PIXELS // 10**6} "
            "megapixels"
        )


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
