"""Which label belongs to an image: by where the image is; by its name, only if the labels' own image is nowhere."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Generic, TypeVar

from negmine.errors import LabelError

_T = TypeVar("_T")


class LabelIndex(Generic[_T]):
    """Finds the labels of an image.

    A label whose image was found belongs to that file alone: another file of the same name elsewhere is another
    picture, and taking the label for it would put targets into negatives. A label whose image was not found (the images
    are kept elsewhere) belongs to the one image of its name, or of its stem.
    """

    def __init__(self) -> None:
        self._by_path: dict[Path, list[_T]] = defaultdict(list)
        self._by_name: dict[str, list[_T]] = defaultdict(list)

    def add(self, label: _T, image: Path | None, names: Iterable[str]) -> None:
        """File a label under its image, or under the names that its image may have."""
        if image is not None:
            self._by_path[image.resolve()].append(label)
            return
        for name in dict.fromkeys(names):
            self._by_name[name].append(label)

    def find(self, image: Path) -> _T | None:
        """The label of an image, None where it has none.

        Raises:
            LabelError: where several claim it.
        """
        for found in (self._by_path.get(image.resolve()), self._by_name.get(image.name), self._by_name.get(image.stem)):
            if found:
                if len(found) > 1:
                    raise LabelError(
                        f"{len(found)} labels claim this image; keep one, or name the folder of just one set"
                    )
                return found[0]
        return None


def first_existing(folders: Iterable[Path], names: Iterable[str]) -> Path | None:
    """The first file that is there, trying every name in a folder before the next folder."""
    for folder in folders:
        for name in names:
            if name and os.path.isfile(folder / name):  # noqa: PTH113  (a name out of a label may hold a NUL)
                return folder / name
    return None
