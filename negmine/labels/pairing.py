"""Which label belongs to which image.

A label belongs to the image file that it names, or that has its stem, in the folders where its format keeps images.
Where there is no such file, it belongs to any image of that name or stem. The formats say where they look; the rules
are here. (YOLO goes the other way, from the image to the one label file that it may have.)
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from negmine.errors import LabelError
from negmine.paths import printable, sortable

_T = TypeVar("_T")


class RealPaths:
    """Resolves links; unlike `Path.resolve` it never raises, not even for links in a circle.

    Each folder is resolved once, since a hundred thousand images may lie in a few.
    """

    def __init__(self) -> None:
        self._folders: dict[str, str] = {}

    def __call__(self, path: Path) -> str:
        """The path without links."""
        folder, name = os.path.split(path)
        if name in ("", os.curdir, os.pardir) or os.path.islink(path):  # noqa: PTH114  (raises for no path, however odd)
            return os.path.realpath(path)
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        return os.path.join(self._folders[folder], name)  # noqa: PTH118  (the paths are text)


class LabelIndex(Generic[_T]):
    """Finds the label of an image.

    A label whose image was found belongs to that file alone: a file of the same name elsewhere is another image, and
    using the label for it would put targets into negatives. A label whose image was not found (the images are kept
    elsewhere) belongs to the image of its name or stem.
    """

    def __init__(self) -> None:
        self._real = RealPaths()
        self._by_path: dict[str, list[_T]] = defaultdict(list)
        self._by_name: dict[str, list[_T]] = defaultdict(list)
        self._contested: dict[str, tuple[str, ...]] = {}

    def add(self, label: _T, images: Sequence[Path], names: Iterable[str]) -> None:
        """Add a label under its image, or, where that was not found, under the names that it may have.

        A label with several images is ambiguous: `find` raises for each of them.
        """
        for image in images:
            self._by_path[self._real(image)].append(label)
            if len(images) > 1:
                self._contested[self._real(image)] = tuple(each.name for each in images)
        for name in () if images else dict.fromkeys(names):
            self._by_name[name].append(label)

    def find(self, image: Path) -> _T | None:
        """The label of an image, None where it has none.

        Raises:
            LabelError: where several labels claim the image, or its label could be another image's as well.
        """
        key = self._real(image)
        if key in self._contested:
            names = " and ".join(map(printable, self._contested[key]))
            raise LabelError(f"one label could be that of {names}; name the image in the label, or keep one of them")
        claims = self._by_path.get(key) or [*self._by_name.get(image.name, []), *self._by_name.get(image.stem, [])]
        labels = list({id(claim): claim for claim in claims}.values())
        if len(labels) > 1:
            raise LabelError(f"{len(labels)} labels claim this image; keep one, or name the folder of just one set")
        return labels[0] if labels else None


class ImageFinder:
    """Finds the image of a label by name, then by stem; each folder is listed once.

    Args:
        suffixes: of images, in lower case.
    """

    def __init__(self, suffixes: Collection[str]) -> None:
        self._suffixes = suffixes
        self._listings: dict[Path, Mapping[str, list[Path]]] = {}

    def find(self, folders: Sequence[Path], name: str | None, stem: str) -> list[Path]:
        """The file called `name` in the first folder that has one; else all of the first folder with images of `stem`.

        Args:
            folders: where to look, in order.
            name: of the image with its suffix; None where the label does not say.
            stem: the label's own, without suffix.
        """
        if name and (named := _first_existing(folders, name)):
            return [named]
        return next((images for folder in folders if (images := self._by_stem(folder).get(stem))), [])

    def _by_stem(self, folder: Path) -> Mapping[str, list[Path]]:
        if folder not in self._listings:
            by_stem: dict[str, list[Path]] = defaultdict(list)
            for path in _files_in(folder):
                if path.suffix.lower() in self._suffixes:
                    by_stem[path.stem].append(path)
            self._listings[folder] = dict(by_stem)
        return self._listings[folder]


def find_named(likely: Sequence[Path], possible: Sequence[Path], name: str) -> list[Path]:
    """The file called `name` in the first of the likely folders that has one; else those in all possible folders.

    Several are found where any of them could be meant; a file that is reached through links as well is one.
    """
    first = _first_existing(likely, name)
    found = [first] if first else [image for folder in possible if (image := _first_existing([folder], name))]
    return list({os.path.realpath(image): image for image in found}.values())


def _first_existing(folders: Iterable[Path], name: str) -> Path | None:
    """The file of this name in the first of the folders that holds one."""
    return next((folder / name for folder in folders if os.path.isfile(folder / name)), None)  # noqa: PTH113  (a NUL)


def _files_in(folder: Path) -> list[Path]:
    """What is in a folder; nothing where it cannot be listed."""
    try:
        return sorted(folder.iterdir(), key=sortable)
    except OSError:
        return []
