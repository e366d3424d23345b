"""A few of the user's images, to compare and calibrate detectors on before they run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from negmine.errors import ImageError
from negmine.structures import Image
from negmine.videos.reading import read_source

Samples = Callable[[int], Iterator[Image]]  # at most so many images, read one by one

_TRIES = 8  # unreadable files in a row, before a part of the list is skipped


def samples_of(paths: Sequence[Path]) -> Samples:
    """Images evenly spaced over a list of files: the first readable one of each of so many equal parts."""

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
        try:
            return read_source(path).decode()
        except (ImageError, OSError, ValueError):  # ValueError: a NUL in a name
            continue
    return None
