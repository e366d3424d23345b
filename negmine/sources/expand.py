"""Turning what a user types (files, videos, folders, globs, lists, data sets) into a list of images."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Sequence
from functools import cache
from itertools import chain
from pathlib import Path

from negmine.cameras.address import CameraAddress, without_login
from negmine.errors import SourceError
from negmine.files import read_regular, reason_of
from negmine.paths import printable, sortable
from negmine.sources.base import SourceItem
from negmine.sources.data_yaml import data_root, missing_advice, moved, read_data_yaml, split_entries, tail_below
from negmine.sources.folders import IMAGE_SUFFIXES, images_under, names_under, suffixes
from negmine.sources.videos import items_of
from negmine.videos.config import VideoConfig
from negmine.videos.containers import VIDEO_SUFFIXES
from negmine.videos.names import frame_name, is_there
from negmine.walking import folders_under, is_litter

_YAML_SUFFIXES = frozenset({".yaml", ".yml"})
_LARGEST = 1 << 30  # bytes of a list
_BLANKS = " \t\r"  # around a line of a list
_EXPECTED = "name an image, video, folder, glob, .txt list or data.yaml"
_SUFFIXES = IMAGE_SUFFIXES | VIDEO_SUFFIXES


def expand_sources(
    sources: Sequence[str | Path], *, split: str | None = None, video: VideoConfig | None = None
) -> list[SourceItem]:
    """List the images that sources stand for; of a video, frames.

    The order is that of the sources, and by the bytes of the path inside each, so it is the same on every machine. A
    file that is reached twice, be it through a link, is listed once, by the name it was first reached by. Images named
    in a list need not exist, and videos in folders, globs and lists need not be whole: a scan skips and counts them.

    Args:
        sources: image and video files (of any name), folders (searched recursively, hidden ones left out), globs (`**`
            too), `.txt` lists (one path a line; `./` means the folder of the list), `data.yaml` files.
        split: which split of a `data.yaml`; all that it has where None.
        video: which frames of a video; the default where None.

    Raises:
        SourceError: where a source is missing, has no images, or cannot be read.
    """
    config = video or VideoConfig()
    found: dict[str, Sequence[SourceItem]] = {}
    real_folders: dict[str, str] = {}
    for source in map(str, sources):
        if (camera := CameraAddress.parse(source)) is not None:
            raise SourceError(
                f"source {camera.shown} is a camera, and `negmine scan` alone looks at these; {_EXPECTED}"
            )
        named = str(Path(source))
        for path, is_link in _expand(source, split):
            absolute = os.path.abspath(path)
            real = os.path.realpath(absolute) if is_link else _real(absolute, real_folders)
            if real not in found:
                items = items_of(absolute, config, is_named=path == named)
                found[absolute if real == absolute else real] = items  # one text for both, not two alike
    return list(chain.from_iterable(found.values()))


def _real(path: str, real_folders: dict[str, str]) -> str:
    """A file's path without links in its folders. These are resolved once each: a million images may lie in a few."""
    folder, name = os.path.split(path)
    if folder not in real_folders:
        real_folders[folder] = os.path.realpath(folder)
    return os.path.join(real_folders[folder], name)


def _expand(source: str, split: str | None) -> list[tuple[str, bool]]:
    """The names of images, each with whether it is a link itself."""
    if not source:
        raise SourceError(f"a source is empty; {_EXPECTED}")
    if os.path.isdir(source):
        return names_under(str(Path(source)), _SUFFIXES)
    if os.path.exists(source):
        return [(str(path), os.path.islink(path)) for path in _file(Path(source), split)]
    if frame_name(source) is not None and is_there(Path(source)):
        return [(source, False)]
    if glob.has_magic(source):
        return [(str(path), os.path.islink(path)) for path in _glob(source)]
    if os.path.islink(source):
        raise SourceError(f"source {printable(source)} is a broken link; repair the link or name the images")
    raise SourceError(f"source {printable(source)} does not exist; {_EXPECTED}")


def _file(path: Path, split: str | None) -> list[Path]:
    suffix = path.suffix.lower()
    if not path.is_file():
        raise SourceError(f"source {printable(path)} is neither a file nor a folder; {_EXPECTED}")
    if suffix in _YAML_SUFFIXES:
        document = read_data_yaml(path)
        root = data_root(path, document)
        entries = split_entries(path, document, split)
        return [image for entry in entries for image in images_of_entry(entry, path, root)]
    return _listed(path) if suffix == ".txt" else [path]


def images_of_entry(entry: Path, data_yaml: Path, root: Path) -> list[Path]:
    """The images of one entry of a split: a folder, a list, or an image. Those of a list need not exist.

    What a list names and is not there is looked for below the root of the data set as well.

    Args:
        entry: where it is.
        data_yaml: the file that names it, for messages.
        root: of the data set.

    Raises:
        SourceError: where it does not exist, or holds no image.
    """
    if os.path.isdir(entry):
        return images_under(entry)
    if os.path.isfile(entry) and entry.suffix.lower() not in _YAML_SUFFIXES:
        return _listed(entry, root) if entry.suffix.lower() == ".txt" else _file(entry, None)
    found = "is not a folder, list or image" if os.path.exists(entry) else "does not exist"
    named = without_login(printable(entry))
    raise SourceError(f"{printable(data_yaml)} names {named}, which {found}; {missing_advice(data_yaml)}")


def _glob(pattern: str) -> list[Path]:
    asked_for = set(Path(pattern).parts)
    every = [Path(match) for match in _matches(pattern, set())]
    matches = [path for path in every if not any(map(is_litter, set(path.parts) - asked_for))]
    images = [path for path in matches if path.suffix.lower() in _SUFFIXES and os.path.isfile(path)]
    if not images:
        what = "nothing" if not matches else f"{len(matches)} paths and no image (looked for {suffixes()})"
        raise SourceError(f"source {printable(pattern)} matches {what}; check the pattern and the quotes around it")
    nearest_last = sorted(images, key=lambda path: (len(path.parts), sortable(path)), reverse=True)
    once = {os.path.realpath(path): path for path in nearest_last}  # `**` follows links, round circles too
    return sorted(once.values(), key=sortable)


def _matches(pattern: str, done: set[tuple[str, str]]) -> list[str]:
    """What a pattern matches. Where it has a `**`, no folder is searched twice, and links in circles end.

    Args:
        pattern: of `glob`.
        done: the folders, without links, that the rest of a pattern has been matched below.
    """
    parts = pattern.split(os.sep)
    if "**" not in parts:
        return glob.glob(pattern)
    at = parts.index("**")
    above = os.sep.join(parts[:at]) or (os.sep if at else os.curdir)
    rest = os.sep.join(parts[at + 1 :]).removeprefix(f"**{os.sep}") or "*"
    found = []
    for base in glob.glob(above):
        for folder in folders_under(base) if os.path.isdir(base) else ():
            if (key := (os.path.realpath(folder), rest)) not in done:
                done.add(key)
                found += _matches(os.path.join(glob.escape(folder), rest), done)
    return found


def _listed(path: Path, root: Path | None = None) -> list[Path]:
    """The paths in a list, a text file with one path a line; they need not exist.

    As in Ultralytics, `./` is the list's folder, and there are no comments. Another relative name is looked for in the
    list's folder first, then in the working folder, then in the root of its data set; or, for a list alone, below its
    folder without its own first folders, as in darknet's lists.

    Args:
        path: of the list.
        root: of the data set; None for a list that was named alone.

    Raises:
        SourceError: where the list cannot be read, is not text, or is empty.
    """
    try:
        data = read_regular(path, most=_LARGEST)
    except OSError as error:
        raise SourceError(f"source {printable(path)} cannot be read: {reason_of(error)}") from error
    if b"\0" in data:
        raise SourceError(
            f"source {printable(path)} is not a list of paths in UTF-8 (it has NUL bytes); save it as UTF-8"
        )
    lines = os.fsdecode(data.removeprefix(b"\xef\xbb\xbf")).split("\n")  # splitlines() would cut names apart
    names = [without_login(line.rstrip("\r")) for line in lines if line.strip(_BLANKS)]
    if not names:
        raise SourceError(f"source {printable(path)} is an empty list; write one image path a line")
    there = cache(os.path.exists)  # of folders: a million images may lie in a few
    located = {name: _located(name, path.parent, root, there) for name in dict.fromkeys(names)}
    return [located[name] for name in names]


def _located(name: str, folder: Path, root: Path | None, there: Callable[[str], bool]) -> Path:
    """Where a line's path is; as written, or, where there is nothing, without the blanks around it."""
    bare = name.strip(_BLANKS)
    slashes = bare.replace("\\", "/")  # a list that was written on Windows
    spellings = [each.rstrip("/") or each for each in dict.fromkeys((name, bare, slashes))]
    places = [os.path.join(folder, each) for each in spellings]  # an absolute name stays what it is
    if not bare.startswith("./"):
        places += spellings
    if root is not None:
        places.append(os.path.join(root, slashes))
    found = next((place for place in dict.fromkeys(places) if _exists(place, there)), None)
    if found is not None:
        return Path(found)
    return (moved(bare, root, there) if root is not None else _of_darknet(slashes, folder, there)) or folder / bare


def _exists(path: str, there: Callable[[str], bool]) -> bool:
    if not there(os.path.dirname(path) or os.curdir):  # neither a folder nor the video of a frame
        return False
    return os.path.exists(path) or (frame_name(path) is not None and is_there(Path(path)))


def _of_darknet(name: str, folder: Path, there: Callable[[str], bool]) -> Path | None:
    """Where a relative path is without its first folders, but for the last: darknet was started above the list."""
    tail = None if os.path.isabs(name) or os.pardir in name.split("/") else tail_below(name, folder, there)
    return tail if tail is not None and tail.parent != folder else None
