"""Small clips, drawn and encoded here: what each frame shows is known by its number."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from negmine.structures import Image

SIZE_WH = (192, 128)
BITS = 10  # of a frame's number, that are drawn into it


def numbered(number: int, size_wh: tuple[int, int] = SIZE_WH) -> Image:
    """A picture whose top row of blocks spells its number."""
    image = np.full((size_wh[1], size_wh[0], 3), 60, dtype=np.uint8)
    for bit in range(BITS):
        if number >> bit & 1:
            image[0:16, bit * 16 : bit * 16 + 16] = 220
    image[40:80, 20 + number % 100 : 40 + number % 100] = 140
    return image


def number_in(image: Image) -> int:
    """The number that a picture spells."""
    return sum(1 << bit for bit in range(BITS) if image[4:12, bit * 16 + 4 : bit * 16 + 12].mean() > 140)


def encode(
    path: Path,
    frames: int | Iterable[Image] = 40,
    *,
    codec: str = "mpeg4",
    rate: int = 10,
    times: Sequence[float] | None = None,
    draw: Callable[[int], Image] = numbered,
    options: Mapping[str, str] | None = None,
    muxing: Mapping[str, str] | None = None,
    pix_fmt: str = "yuv420p",
    audio: bool = False,
) -> Path:
    """Write a clip; its kind is that of the suffix.

    Args:
        path: of the clip.
        frames: the pictures, or how many are drawn.
        codec: FFmpeg's name.
        rate: frames a second.
        times: seconds at which each is shown, in place of a rate.
        draw: makes the pictures.
        options: of the encoder.
        muxing: of the container.
        pix_fmt: of the encoder.
        audio: add a silent track.
    """
    pictures = map(draw, range(frames)) if isinstance(frames, int) else iter(frames)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=dict(muxing or {})) as container:
        stream = container.add_stream(codec, rate=rate, options={"g": "10", "threads": "1", **(options or {})})
        sound = container.add_stream("aac", rate=8000) if audio else None
        stream.pix_fmt = pix_fmt
        for number, image in enumerate(pictures):
            if not number:
                stream.width, stream.height = image.shape[1], image.shape[0]
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            frame.time_base = Fraction(1, 1000) if times is not None else Fraction(1, rate)
            frame.pts = number if times is None else round(times[number] * 1000)
            if times is not None:
                stream.codec_context.time_base = Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if sound is not None:
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 8000), dtype=np.float32), format="fltp", layout="mono")
            silence.sample_rate, silence.pts = 8000, 0
            container.mux(sound.encode(silence))
            container.mux(sound.encode())
    return path
