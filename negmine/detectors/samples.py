"""A few images out of many, for comparing and calibrating detectors before they run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from negmine.errors import ImageError
from negmine.images import decode_image
from negmine.structures import Image

Samples = Callable[[int], Iterator[Image]]  # at most so many images; read only when they are asked for

_TRIES = 8  # files in a row that are no images, before a part of the list is given up


def samples_of(paths: Sequence[Path]) -> Samples:
    """Images evenly spaced over a list of files: of each of so many equal parts the first that can be read."""

    def sample(most: int) -> Iterator[Image]:
        count = min(most, len(paths))
        for part in range(count):
            start, end = part * len(paths) // count, (part + 1) * len(paths) // count
            image = _first_readable(paths[start : min(end, start + _TRIES)])
            if image is not None:
                yield image

    return sample


def _first_readable(paths: Sequence[Path]) -> Image | None:
    for path in paths:
        if not path.is_file():  # a pipe would be waited for
            continue
        try:
            return decode_image(path.read_bytes())
        except (ImageError, OSError, ValueError):  # ValueError: a NUL in a name out of a list
            continue
    return None
