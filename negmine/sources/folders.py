"""Image files under a folder."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from negmine.errors import SourceError
from negmine.paths import printable
from negmine.walking import files_under

# What OpenCV reads, by the names that such files have. A file named explicitly may have any name.
# HEIC is not read; but phones fill folders with it, and a counted skip that says so beats silence.
IMAGE_SUFFIXES = frozenset(
    ".avif .bmp .dib .gif .hdr .heic .heif .jfif .jp2 .jpe .jpeg .jpg .mpo .pam .pbm .pfm .pgm .pic .png .pnm .ppm "
    ".pxm .ras .sr .tif .tiff .webp".split()
)


def images_under(folder: Path) -> list[Path]:
    """Image files under a folder, however deep, sorted by the bytes of their paths; see `walking.files_under`.

    Raises:
        SourceError: where a folder cannot be searched, or there is no image.
    """
    return [Path(name) for name, _ in names_under(str(folder))]


def names_under(folder: str, wanted: Collection[str] = IMAGE_SUFFIXES) -> list[tuple[str, bool]]:
    """What `images_under` lists, as text, each with whether it is a link itself; or files of other suffixes.

    Raises:
        SourceError: where a folder cannot be searched, or there is no image.
    """
    images = files_under(folder, wanted)
    if not images:
        raise SourceError(
            f"source {printable(folder)} holds no image (looked for {suffixes()}): {_there(Path(folder))}"
        )
    return images


def suffixes() -> str:
    """The names that image files have, for messages."""
    return " ".join(sorted(IMAGE_SUFFIXES))


def _there(folder: Path) -> str:
    names = sorted(os.listdir(folder), key=os.fsencode)
    return f"there are {len(names)} other things, such as {printable(names[0])}" if names else "it is empty"
