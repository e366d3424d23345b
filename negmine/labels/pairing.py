"""Which label belongs to an image: by where the image is; by its name, only if the labels' own image is nowhere."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from negmine.errors import LabelError
from negmine.paths import printable

_T = TypeVar("_T")


class RealPaths:
    """Tells the file behind all links; `Path.resolve` would raise where they go round in a circle.

    Folders are resolved once each, since a hundred thousand images may lie in a few.
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
    """Finds the labels of an image.

    A label whose image was found belongs to that file alone: another file of the same name elsewhere is another
    picture, and taking the label for it would put targets into negatives. A label whose image was not found (the images
    are kept elsewhere) belongs to the image of its name or stem.
    """

    def __init__(self) -> None:
        self._real = RealPaths()
        self._by_path: dict[str, list[_T]] = defaultdict(list)
        self._by_name: dict[str, list[_T]] = defaultdict(list)
        self._contested: dict[str, tuple[str, ...]] = {}

    def add(self, label: _T, images: Sequence[Path], names: Iterable[str]) -> None:
        """File a label under its image, or under the names that its image may have where there is none.

        Several images are one too many: none of them gets the label, and asking for one is an error.
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
            LabelError: where several claim it, or where its label could as well be another image's.
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


def first_existing(folders: Iterable[Path], name: str) -> Path | None:
    """The file of this name in the first of the folders that holds one."""
    return next((folder / name for folder in folders if os.path.isfile(folder / name)), None)  # noqa: PTH113  (a NUL)
