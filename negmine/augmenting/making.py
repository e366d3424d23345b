"""From a negative to the files of its variants: what worker threads do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from negmine.augmenting.draws import Draw
from negmine.bank.content_files import StagedFile
from negmine.bank.records import Negative
from negmine.errors import ImageError
from negmine.files import sha256_of
from negmine.images import decode_image, encode_jpeg
from negmine.structures import Image

Stage = Callable[[bytes], StagedFile]


@dataclass(frozen=True, slots=True)
class Made:
    """What became of a draw: a file, or nothing, where the operation changed no pixel."""

    draw: Draw
    staged: StagedFile | None


class Original:
    """The picture of one negative, decoded once, when the first thread asks for it, and kept until it is let go."""

    def __init__(self, negative: Negative) -> None:
        self._negative = negative
        self._lock = threading.Lock()
        self._image: Image | None = None

    def image(self) -> Image:
        """[H, W, 3] uint8 BGR.

        Raises:
            ImageError: where the file is gone or is not what the bank says.
        """
        with self._lock:
            if self._image is None:
                self._image = self._read()
            return self._image

    def let_go(self) -> None:
        """Free the memory; whoever asks again reads the file again."""
        with self._lock:
            self._image = None

    def _read(self) -> Image:
        advice = "`negmine verify` lists all that is wrong with the bank"
        try:
            data = self._negative.path.read_bytes()
        except OSError as error:
            raise ImageError(f"it cannot be read: {error.strerror}; {advice}") from error
        if sha256_of(data) != self._negative.sha256:
            raise ImageError(f"it does not have the hash that is its name; {advice}")
        return decode_image(data)


def make(original: Original, draws: Sequence[Draw], stage: Stage, quality: int) -> list[Made]:
    """Make the variants of one negative, in the order of the draws.

    Raises:
        ImageError: where the negative cannot be read.
        OSError: where no file can be written.
    """
    if not draws:
        return []
    image = original.image()
    made = []
    for draw in draws:
        variant = draw.apply(image)
        made.append(Made(draw, None if _same(variant, image) else stage(encode_jpeg(variant, quality=quality))))
    return made


def _same(first: Image, second: Image) -> bool:
    """Whether two images of one size are equal; most differ in their first rows, and no more is compared then."""
    return all(np.array_equal(first[rows], second[rows]) for rows in (slice(0, 8), slice(8, None)))
