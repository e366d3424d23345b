"""The manifests in one folder: each data set that keeps its images or lists there has its own.

Two data sets may have the same images and name them in different lists, as the folds of a cross-validation do. What was
added to several stays until it is taken out of the last.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from negmine.exporting.in_place.manifest import MANIFEST, Added, Owner
from negmine.exporting.in_place.places import Place
from negmine.paths import real_path

_NAME = "negmine-added-{}.json"  # of the second and further ones
_NAMES = re.compile(r"negmine-added(?:-(\d{1,6}))?\.json")


@dataclass(frozen=True, slots=True)
class Manifests:
    """Some of the manifests in a folder.

    Attributes:
        home: the folder.
        every: what each data set has added, the oldest name first.
    """

    home: Path
    every: tuple[Added, ...]

    @classmethod
    def read(cls, home: Path) -> Manifests:
        """Read those in a folder.

        Raises:
            ExportError: where one is none that negmine has written, or a newer negmine has.
        """
        names = [path.name for path in home.iterdir()] if home.is_dir() else []
        found = {int(match[1] or 1): match[0] for name in names if (match := _NAMES.fullmatch(name))}
        read = [Added.read(home, name) for _, name in sorted(found.items())]
        return cls(home, tuple(each for each in read if each is not None))

    def of(self, owner: Owner) -> Added | None:
        """What was added to a data set; None where nothing was."""
        return next((each for each in self.every if each.owner == owner), None)

    def of_or_new(self, place: Place) -> Added:
        """The same, or nothing yet, under a name that is free.

        Raises:
            ExportError: where what is added to the data set would be in another one too; see `require_apart`.
        """
        if (found := self.of(place.owner)) is not None:
            return found
        self.require_apart(place.owner, is_listed=bool(place.indexes))
        taken = {each.name for each in self.every}
        names = (MANIFEST, *(_NAME.format(number) for number in range(2, len(taken) + 2)))
        return Added(place.format, place.owner, name=next(name for name in names if name not in taken))

    def require_apart(self, owner: Owner, *, is_listed: bool) -> None:
        """Refuse a data set that cannot be told from another one in the folder.

        What is in a folder of images belongs to every data set that has the folder, unless each names its images in a
        list or COCO file of its own.

        Args:
            owner: the data set.
            is_listed: whether it names its images.

        Raises:
            ExportError: naming the other one.
        """
        files = self._files_of(owner)
        for each in self.every:
            if not is_listed or not each.texts or not files.isdisjoint(self._files_of(each.owner)):
                each.require_owner(owner, self.home)

    def beside(self, owner: Owner) -> Manifests:
        """Those of other data sets."""
        return Manifests(self.home, tuple(each for each in self.every if each.owner != owner))

    @property
    def files(self) -> frozenset[Path]:
        """The files that were added."""
        return frozenset(root / name for root, each in self._by_root() for name in each.files)

    @property
    def folders(self) -> frozenset[Path]:
        """The folders that were made for them."""
        return frozenset(root / name for root, each in self._by_root() for name in each.folders)

    def _by_root(self) -> list[tuple[Path, Added]]:
        """What was added, each with the folder that its names are in, which is looked up once."""
        return [(self._root(each.owner), each) for each in self.every]

    def _root(self, owner: Owner) -> Path:
        return real_path(self.home / owner.root)

    def _files_of(self, owner: Owner) -> set[str]:
        """The files that describe a data set, or name its images."""
        return {os.path.normpath(self._root(owner) / name) for name in owner.files}
