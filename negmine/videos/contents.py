"""The contents of source images: what they are known by, their size, and their perceptual hash."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from negmine.engines.budget import Budget
from negmine.engines.threads import ThreadEngine
from negmine.errors import ImageError
from negmine.files import reason_of
from negmine.images.header import read_header
from negmine.images.perceptual_hash import perceptual_hash
from negmine.videos.reading import SourceImage, read_source

_DECODING_BYTES = 1 << 30  # that decoding may take at the same time; one image always may be decoded

OnCount = Callable[[int, int], None]  # how many are done, of how many


@dataclass(frozen=True, slots=True)
class ImageContent:
    """What the bytes of a file are.

    Attributes:
        size_wh: pixels; None where they are not an image.
        phash: the perceptual hash; None where it was not asked for, or they are not an image.
        broken: why they are not an image.
    """

    size_wh: tuple[int, int] | None
    phash: int | None
    broken: str | None = None


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in files.

    Attributes:
        sha256: hex, by path; without what cannot be read. See `SourceImage`.
        images: by sha256, so that each distinct content is there once.
        unreadable: why a file cannot be read, by path.
    """

    sha256: Mapping[Path, str]
    images: Mapping[str, ImageContent]
    unreadable: Mapping[Path, str]

    def image(self, path: Path) -> ImageContent | None:
        """What a file shows; None where it was not read, or cannot be."""
        return self.images.get(self.sha256.get(path, ""))

    def reasons(self) -> dict[Path, str]:
        """Why a file cannot be read, or is not an image that can be decoded, by path."""
        broken = {path: self.images[sha256].broken for path, sha256 in self.sha256.items()}
        return {**self.unreadable, **{path: reason for path, reason in broken.items() if reason is not None}}


def read_contents(
    paths: Sequence[Path], *, pixels: bool, workers: int | None = None, on_progress: OnCount | None = None
) -> Contents:
    """Read files, in threads; only hashes and sizes are kept.

    Args:
        paths: each is read once.
        pixels: decode each distinct content for its perceptual hash; otherwise only its header is read.
        workers: threads; one per core where None.
        on_progress: called for each file, in the caller's thread.
    """
    wanted = list(dict.fromkeys(paths))
    reader = _Reader(pixels)
    sha256: dict[Path, str] = {}
    unreadable: dict[Path, str] = {}
    with ThreadEngine(workers, name="negmine-read") as engine:
        for done, (path, content, reason) in enumerate(engine.map(reader.read, wanted), 1):
            if content is None:
                unreadable[path] = reason
            else:
                sha256[path] = content
            if on_progress is not None:
                on_progress(done, len(wanted))
    return Contents(sha256, reader.images, unreadable)


class _Reader:
    """Reads files; threads may do so at the same time, and each distinct content is decoded by one of them."""

    def __init__(self, pixels: bool) -> None:
        self.images: dict[str, ImageContent] = {}
        self._pixels = pixels
        self._taken: set[str] = set()
        self._lock = Lock()
        self._budget = Budget(_DECODING_BYTES)

    def read(self, path: Path) -> tuple[Path, str | None, str]:
        """The path with its sha256, or with the reason why it cannot be read."""
        try:
            source = read_source(path)
        except ImageError as error:
            return path, None, str(error)
        except (OSError, ValueError) as error:  # ValueError: a NUL in a name out of a list
            return path, None, reason_of(error)
        sha256 = source.sha256
        with self._lock:
            is_new = sha256 not in self._taken
            self._taken.add(sha256)
        if is_new:
            self.images[sha256] = self._look(source)
        return path, sha256, ""

    def _look(self, source: SourceImage) -> ImageContent:
        try:
            if not self._pixels and isinstance(source.content, bytes):
                return ImageContent(read_header(source.content).size_wh, None)
            with self._budget.hold(source.nbytes):
                image = source.decode()
                return ImageContent((image.shape[1], image.shape[0]), perceptual_hash(image))
        except ImageError as error:
            return ImageContent(None, None, str(error))
