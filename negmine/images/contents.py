"""What is in image files: the hash of their bytes, their size, and the hash of what they show."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from negmine.cores import usable_cores
from negmine.errors import ImageError
from negmine.files import sha256_of
from negmine.images.codecs import decode_image
from negmine.images.header import read_header
from negmine.images.perceptual_hash import perceptual_hash

_AHEAD = 4  # files in work for each thread

OnCount = Callable[[int, int], None]  # how many are done, of how many


@dataclass(frozen=True, slots=True)
class Picture:
    """What the bytes of a file are.

    Attributes:
        size_wh: pixels; None where they are no picture.
        phash: the perceptual hash; None where it was not asked for, or they are no picture.
        broken: why they are no picture.
    """

    size_wh: tuple[int, int] | None
    phash: int | None
    broken: str | None = None


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in files.

    Attributes:
        sha256: hex, by path; without the files that cannot be read.
        pictures: by sha256, so that each distinct content is there once.
        unreadable: why a file cannot be read, by path.
    """

    sha256: Mapping[Path, str]
    pictures: Mapping[str, Picture]
    unreadable: Mapping[Path, str]

    def picture(self, path: Path) -> Picture | None:
        """What a file shows; None where it was not, or cannot be, read."""
        return self.pictures.get(self.sha256.get(path, ""))


def read_contents(
    paths: Sequence[Path], *, pixels: bool, workers: int | None = None, on_progress: OnCount | None = None
) -> Contents:
    """Read files, in threads; only hashes and sizes are kept.

    Args:
        paths: each is read once.
        pixels: decode each distinct content and hash what it shows; otherwise only its header is looked at.
        workers: threads; one per core where None.
        on_progress: called for each file, in the caller's thread.
    """
    wanted = list(dict.fromkeys(paths))
    reader = _Reader(pixels)
    sha256: dict[Path, str] = {}
    unreadable: dict[Path, str] = {}
    for done, (path, content, reason) in enumerate(_in_threads(reader.read, wanted, workers or usable_cores()), 1):
        if content is None:
            unreadable[path] = reason
        else:
            sha256[path] = content
        if on_progress is not None:
            on_progress(done, len(wanted))
    return Contents(sha256, reader.pictures, unreadable)


class _Reader:
    """Reads files; threads may do so at the same time, and each distinct content is decoded by one of them."""

    def __init__(self, pixels: bool) -> None:
        self.pictures: dict[str, Picture] = {}
        self._pixels = pixels
        self._taken: set[str] = set()
        self._lock = Lock()

    def read(self, path: Path) -> tuple[Path, str | None, str]:
        """The path with its sha256, or with the reason why it cannot be read."""
        try:
            data = path.read_bytes()
        except (OSError, ValueError) as error:  # ValueError: a NUL in a name out of a list
            return path, None, (error.strerror if isinstance(error, OSError) else None) or str(error)
        sha256 = sha256_of(data)
        with self._lock:
            is_new = sha256 not in self._taken
            self._taken.add(sha256)
        if is_new:
            self.pictures[sha256] = self._look(data)
        return path, sha256, ""

    def _look(self, data: bytes) -> Picture:
        try:
            if not self._pixels:
                return Picture(read_header(data).size_wh, None)
            image = decode_image(data)
        except ImageError as error:
            return Picture(None, None, str(error))
        return Picture((image.shape[1], image.shape[0]), perceptual_hash(image))


def _in_threads(
    read: Callable[[Path], tuple[Path, str | None, str]], paths: Sequence[Path], workers: int
) -> Iterator[tuple[Path, str | None, str]]:
    """The results in the order of the paths; only so many files are in work that memory is bounded."""
    running: deque[Future[tuple[Path, str | None, str]]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="negmine-read") as pool:
        try:
            for path in paths:
                running.append(pool.submit(read, path))
                if len(running) >= workers * _AHEAD:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
