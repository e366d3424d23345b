"""Files in folders, without what desktops and editors leave there: one walk for images, labels and predictions."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from negmine.errors import SourceError
from negmine.paths import printable

# In lower case. What is hidden, such as .ipynb_checkpoints or ._a.jpg, needs no mention, nor do the backups of editors,
# such as a.xml~, #a.xml# and a.xml.bak: they have suffixes of their own.
_LITTER = frozenset(
    {
        "__macosx",  # what macOS adds to archives
        "__pycache__",
        "@eadir",  # Synology: thumbnails, in folders that are called as the images are
        "#recycle",  # Synology
        "@recycle",  # QNAP
        "$recycle.bin",  # Windows
        "recycler",  # Windows XP
        "system volume information",  # Windows
        "thumbs.db",  # Windows
        "desktop.ini",  # Windows
        "lost+found",  # ext4
    }
)


def is_litter(name: str) -> bool:
    """Whether a file or folder of this name is nobody's data: it is hidden, or a desktop or office program made it."""
    return name.startswith((".", "~$")) or name.lower() in _LITTER


def paths_under(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """What `files_under` lists, as paths."""
    return [Path(name) for name, _ in files_under(str(folder), suffixes)]


def files_under(folder: str, suffixes: Collection[str]) -> list[tuple[str, bool]]:
    """Files under a folder, however deep, sorted by the bytes of their paths; a million take a few seconds.

    Litter is passed over. Links are followed, after all else, so that a file has its own folder's name where it has
    one; each folder is searched once, so links in circles end. A link to nothing is listed, to be missed by who reads
    it.

    Args:
        folder: where to begin; it may have any name itself.
        suffixes: of the files, in lower case, such as `.xml`; `A.XML` has it too.

    Returns:
        Path and whether the file is a link itself.

    Raises:
        SourceError: where a folder cannot be searched.
    """
    return sorted(_walk(folder, suffixes), key=lambda each: os.fsencode(each[0]))


def first_under(folder: Path, suffixes: Collection[str]) -> Path | None:
    """Any one of the files that `files_under` lists; None where there is none."""
    return next((Path(path) for path, _ in _walk(str(folder), suffixes)), None)


def folders_under(folder: str) -> Iterator[str]:
    """A folder, and all below it that `files_under` searches, each once: links in circles end.

    Raises:
        SourceError: where a folder cannot be searched.
    """
    return (here for here, _ in _walk_folders(folder))


def _walk(folder: str, suffixes: Collection[str]) -> Iterator[tuple[str, bool]]:
    for _, files in _walk_folders(folder):
        for entry, is_link in files:
            if _is_wanted(entry, is_link, suffixes):
                yield entry.path, is_link


def _walk_folders(folder: str) -> Iterator[tuple[str, list[tuple[os.DirEntry[str], bool]]]]:
    """Each folder with what is in it and is no folder, each with whether it is a link."""
    seen: set[tuple[int, int]] = set()
    folders, links = [folder], list[str]()
    while folders or links:
        here = folders.pop() if folders else links.pop(0)
        files = []
        for entry in _entries(here, seen):
            is_link = entry.is_symlink()
            if not (os.path.isdir(entry.path) if is_link else entry.is_dir()):
                files.append((entry, is_link))
            elif not is_litter(entry.name):
                (links if is_link else folders).append(entry.path)
        yield here, files


def files_in(folder: str, suffixes: Collection[str]) -> list[str]:
    """The names that `files_under` would list of one folder alone, sorted by their bytes.

    Raises:
        SourceError: where it cannot be searched.
    """
    return [entry.name for entry in _entries(folder, set()) if _is_wanted(entry, entry.is_symlink(), suffixes)]


def _is_wanted(entry: os.DirEntry[str], is_link: bool, suffixes: Collection[str]) -> bool:
    """Whether it is a file of such a suffix, and no litter."""
    name = entry.name
    return os.path.splitext(name)[1].lower() in suffixes and not is_litter(name) and _may_be_read(entry, is_link)


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
