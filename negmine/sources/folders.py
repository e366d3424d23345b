"""Image files under a folder."""

from __future__ import annotations

import os
from pathlib import Path

from negmine.errors import SourceError
from negmine.paths import printable

# What OpenCV reads, by the names that such files have. A file named explicitly may have any name.
# HEIC is not read; but phones fill folders with it, and a counted skip that says so beats silence.
IMAGE_SUFFIXES = frozenset(
    ".avif .bmp .dib .gif .hdr .heic .heif .jfif .jp2 .jpe .jpeg .jpg .mpo .pam .pbm .pfm .pgm .pic .png .pnm .ppm "
    ".pxm .ras .sr .tif .tiff .webp".split()
)


def images_under(folder: Path) -> list[Path]:
    """Image files under a folder, however deep, sorted by the bytes of their paths; what is hidden is left out.

    Links are followed, after all else, so that a file has its own folder's name where it has one; each folder is
    searched once, so links in circles end.

    Raises:
        SourceError: where a folder cannot be searched, or there is no image.
    """
    return [Path(name) for name, _ in names_under(str(folder))]


def names_under(folder: str) -> list[tuple[str, bool]]:
    """What `images_under` lists, as text, each with whether it is a link itself; a million take a few seconds.

    Raises:
        SourceError: where a folder cannot be searched, or there is no image.
    """
    images: list[tuple[str, bool]] = []
    seen: set[tuple[int, int]] = set()
    folders, links = [folder], list[str]()
    while folders or links:
        here = folders.pop() if folders else links.pop(0)
        for entry in _entries(here, seen):
            if entry.name.startswith("."):
                continue
            is_link = entry.is_symlink()
            if os.path.isdir(entry.path) if is_link else entry.is_dir():
                (links if is_link else folders).append(entry.path)
            elif os.path.splitext(entry.name)[1].lower() in IMAGE_SUFFIXES and _may_be_read(entry, is_link):
                images.append((entry.path, is_link))
    if not images:
        raise SourceError(
            f"source {printable(folder)} holds no image (looked for {suffixes()}): {_there(Path(folder))}"
        )
    images.sort(key=lambda image: os.fsencode(image[0]))
    return images


def suffixes() -> str:
    """The names that image files have, for messages."""
    return " ".join(sorted(IMAGE_SUFFIXES))


def _entries(folder: str, seen: set[tuple[int, int]]) -> list[os.DirEntry[str]]:
    """What is in a folder that was not seen before, in the order of bytes, so that the same link is followed first."""
    try:
        stat = os.stat(folder)
        if (stat.st_dev, stat.st_ino) in seen:
            return []
        seen.add((stat.st_dev, stat.st_ino))
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: os.fsencode(entry.name))
    except OSError as error:
        raise SourceError(
            f"folder {printable(folder)} cannot be searched: {error.strerror}; correct its permissions or leave it out"
        ) from error


def _may_be_read(entry: os.DirEntry[str], is_link: bool) -> bool:
    """Pipes and devices are not: reading one could wait for ever. A link to nothing is left to be skipped, counted."""
    if not is_link and entry.is_file():  # the folder's listing says so, without a look at the file
        return True
    return os.path.isfile(entry.path) or not os.path.exists(entry.path)


def _there(folder: Path) -> str:
    names = sorted(os.listdir(folder), key=os.fsencode)
    return f"there are {len(names)} other things, such as {printable(names[0])}" if names else "it is empty"
