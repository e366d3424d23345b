"""From what a user types to a list of images: files, folders, globs, lists, data sets."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from negmine.errors import SourceError
from negmine.paths import printable, sortable
from negmine.sources.data_yaml import split_entries
from negmine.structures import ImageRef

# What OpenCV reads, by the names that such files have. A file named explicitly may have any name.
IMAGE_SUFFIXES = frozenset(
    ".avif .bmp .dib .exr .gif .hdr .jfif .jp2 .jpe .jpeg .jpg .mpo .pam .pbm .pfm .pgm .pic .png .pnm .ppm .pxm .ras "
    ".sr .tif .tiff .webp".split()
)
VIDEO_SUFFIXES = frozenset(".asf .avi .gifv .m4v .mkv .mov .mp4 .mpeg .mpg .ts .webm .wmv".split())


def expand_sources(sources: Sequence[str | Path], *, split: str | None = None) -> list[ImageRef]:
    """List the images that sources stand for.

    The order is that of the sources, and by the bytes of the path inside each, so it is the same on every machine. A
    file that is reached twice is listed once. Images named in a list need not exist: whoever reads them skips them.

    Args:
        sources: image files (of any name), folders (searched recursively, hidden ones left out), globs (`**` too),
            `.txt` lists (one path a line; `./` means the folder of the list), `data.yaml` files.
        split: which split of a `data.yaml`; all that it has where None.

    Raises:
        SourceError: where a source is missing or without images.
    """
    found: dict[bytes, ImageRef] = {}
    for source in sources:
        for path in _expand(str(source), split):
            absolute = Path(os.path.abspath(path))  # noqa: PTH100  (resolve would follow links, and names must stay)
            found.setdefault(sortable(absolute), ImageRef(absolute))
    return list(found.values())


def _expand(source: str, split: str | None) -> list[Path]:
    path = Path(source)
    if path.is_dir():
        return _folder(path)
    if path.exists():
        return _file(path, split)
    if glob.has_magic(source):
        return _glob(source)
    if path.is_symlink():
        raise SourceError(f"source {printable(source)} is a link to nothing; mend the link or name the images")
    raise SourceError(f"source {printable(source)} does not exist; name an image, folder, glob, .txt list or data.yaml")


def _file(path: Path, split: str | None) -> list[Path]:
    suffix = path.suffix.lower()
    if suffix == ".txt":
        return _list(path)
    if suffix in (".yaml", ".yml"):
        return [image for entry in split_entries(path, split) for image in _expand_entry(entry, path)]
    if suffix in VIDEO_SUFFIXES:
        raise SourceError(
            f"source {printable(path)} is a video, and this version reads images only; extract frames first, such as "
            "with: ffmpeg -i VIDEO -vf fps=1 FOLDER/%06d.png"
        )
    return [path]


def _expand_entry(entry: Path, data_yaml: Path) -> list[Path]:
    """The images of one entry of a split: a folder, a list, or an image."""
    if entry.is_dir():
        return _folder(entry)
    if entry.is_file():
        return _file(entry, None)
    raise SourceError(f"{printable(data_yaml)} names {printable(entry)}, which does not exist; mend its path or split")


def _folder(folder: Path) -> list[Path]:
    images = sorted(_walk(folder, set()), key=sortable)
    if not images:
        names = sorted(entry.name for entry in os.scandir(folder))
        there = f"there are {len(names)} other things, such as {printable(names[0])}" if names else "it is empty"
        raise SourceError(f"source {printable(folder)} holds no image (looked for {_suffixes()}): {there}")
    return images


def _walk(folder: Path, above: set[tuple[int, int]]) -> Iterator[Path]:
    """Image files under a folder; links are followed, but never round in circles."""
    stat = folder.stat()
    here = (stat.st_dev, stat.st_ino)
    if here in above:
        return
    for entry in os.scandir(folder):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _walk(Path(entry.path), above | {here})
        elif Path(entry.name).suffix.lower() in IMAGE_SUFFIXES:
            yield Path(entry.path)


def _glob(pattern: str) -> list[Path]:
    matches = [Path(match) for match in glob.glob(pattern, recursive=True)]  # noqa: PTH207  (patterns may be absolute)
    images = {path for path in matches if path.is_file() and path.suffix.lower() in IMAGE_SUFFIXES}
    if not images:
        what = "nothing" if not matches else f"{len(matches)} paths and no image (looked for {_suffixes()})"
        raise SourceError(f"source {printable(pattern)} matches {what}; mind the quotes around a pattern")
    return sorted(images, key=sortable)


def _list(path: Path) -> list[Path]:
    """The paths of a list. As in Ultralytics, `./` is the list's folder; a bare name is looked for there first."""
    try:
        lines = [line.rstrip("\r") for line in os.fsdecode(path.read_bytes()).removeprefix("\ufeff").split("\n")]
    except OSError as error:
        raise SourceError(f"source {printable(path)} cannot be read: {error.strerror}") from error
    names = [line for line in lines if line.strip()]
    if not names:
        raise SourceError(f"source {printable(path)} is an empty list; write one image path a line")
    return [_in_list(name, path.parent) for name in names]


def _in_list(name: str, folder: Path) -> Path:
    beside = folder / name  # an absolute name stays what it is
    return beside if name.startswith("./") or beside.exists() or not Path(name).exists() else Path(name)


def _suffixes() -> str:
    return " ".join(sorted(IMAGE_SUFFIXES))
