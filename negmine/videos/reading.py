"""Reading a source image again, by the path that the bank has: a file, or a frame of a video."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from negmine.files import sha256_of
from negmine.images import decode_image, read_image
from negmine.images.header import decoding_bytes
from negmine.structures import Image
from negmine.videos.names import frame_name
from negmine.videos.video import Frame, open_video


@dataclass(frozen=True, slots=True, eq=False)
class SourceImage:
    """An image as it was read.

    Attributes:
        sha256: hex, what the bank knows it by: of its bytes for a file; see `Frame` for a frame.
        content: the bytes of a file, or a frame.
    """

    sha256: str
    content: bytes | Frame

    @property
    def nbytes(self) -> int:
        """What decoding it will take; 0 where that cannot be told."""
        return decoding_bytes(self.content) if isinstance(self.content, bytes) else self.content.nbytes

    def decode(self) -> Image:
        """The pixels [H, W, 3], 8-bit BGR, upright.

        Raises:
            ImageError: where it cannot be decoded.
        """
        return decode_image(self.content) if isinstance(self.content, bytes) else self.content.decode()


def read_source(path: Path) -> SourceImage:
    """Read a source image: the bytes of a file, or where a frame is in its video.

    Raises:
        ImageError: for a file that is too large for an image, a video that cannot be opened, or a frame that it lacks.
        OSError: where it cannot be read, or is no regular file.
        ValueError: for a NUL in the path.
    """
    name = frame_name(path)
    if name is None:
        data = read_image(path)
        return SourceImage(sha256_of(data), data)
    frame = open_video(name.video).frame(name)
    return SourceImage(frame.sha256, frame)
