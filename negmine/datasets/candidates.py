"""The images that a label may be about: its claims are held against the paths of all images.

A label says where its image is in up to two ways: by its own place and name (`Annotations/cam1/0001.xml`), and by the
path that it states (`cam1/0001.jpg`). Either is held against the paths of all images, folder by folder from the end:

- Folders that both have must agree. Those that say what is in them (`images`, `labels`, `Annotations`) are passed over.
- The image at exactly that path is the one, unless another shares more folders with the label. Otherwise the case of
  letters, the Unicode normal form, the suffix, and folders that the label does not mention make no difference, where
  just one image is left.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from negmine.labels.base import Claim
from negmine.labels.folders import (
    are_siblings,
    fold,
    folders_below,
    is_kind,
    split_of_folder,
    telling_folders,
    telling_name,
)
from negmine.paths import RealPaths


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """An image that a label may belong to.

    Attributes:
        path: as it was given.
        real: without links.
        stem: of its name.
        suffix: of its name, with the dot.
        folders: below its root, folded, without those that only say what is in them and those of splits.
        split: the split that its folders name; None where they name none.
        above: the name of its root, folded; "" where that does not say whose the images are. A label then may well have
            folders that are not there.
        root_name: the inmost name of the root and those above it that tells, folded.
        is_own: whether the data set or the user says that it is one of these labels' images.
    """

    path: str
    real: str
    stem: str
    suffix: str
    folders: tuple[str, ...]
    split: str | None
    above: str
    root_name: str
    is_own: bool

    def is_called(self, claim: Claim) -> bool:
        """Whether it has the very name that a label says."""
        return self.stem == claim.stem and claim.suffix in ("", self.suffix)


class Candidates:
    """All images that labels may belong to, found by their names.

    Args:
        home: the folder that the labels are in.
    """

    def __init__(self, home: str | Path) -> None:
        self.real = RealPaths()
        self._home = telling_name(os.path.abspath(home))
        self._known: dict[str, Candidate] = {}
        self._by_stem: dict[str, list[Candidate]] = defaultdict(list)

    def __iter__(self) -> Iterator[Candidate]:
        return iter(self._known.values())

    def add(self, images: Iterable[str], root: str | Path, *, is_own: bool) -> None:
        """Add images under a root; one that was added before stays as it was.

        Args:
            images: paths.
            root: the folder from which labels count.
            is_own: whether the data set or the user says that the images of these labels are under this root.
        """
        root = os.path.abspath(root)
        folders_of = cache(lambda folder: telling_folders(folders_below(folder, root)))
        name = os.path.basename(root)
        above = "" if is_own or is_kind(name) else fold(name)
        root_name = telling_name(root)
        for image in images:
            real = self.real(image)
            if real not in self._known:
                folder, name = os.path.split(os.path.abspath(image))
                stem, suffix = os.path.splitext(name)
                candidate = Candidate(image, real, stem, suffix, *folders_of(folder), above, root_name, is_own)
                self._known[real] = candidate
                self._by_stem[fold(stem)].append(candidate)

    def find(self, claim: Claim | None, group: str) -> Found:
        """The images that a claim may be about.

        Args:
            claim: what a label says of its image.
            group: what the labels beside this one are of; see `Label`.
        """
        if claim is None or not claim.stem:
            return Found()
        place, named = _Place.of(claim, group, self._home), self._by_stem.get(fold(claim.stem), [])
        fitting = [each for each in named if place.fits(each)]
        likely = fitting
        if any(each.is_own and each.is_called(claim) for each in fitting):  # elsewhere, the name is another image's
            likely = [each for each in fitting if each.is_own]
        strange = tuple(each for each in named if each not in likely)
        exact = [each for each in likely if place.is_exactly(each, claim)]
        nearest = max((place.shared(each) for each in likely), default=0)
        is_clear = len(exact) == 1 and place.shared(exact[0]) == nearest
        return Found(tuple(exact if is_clear else likely), tuple(fitting), strange)


@dataclass(frozen=True, slots=True)
class Found:
    """The images that a claim may be about.

    Attributes:
        likely: just one where that is clear.
        fitting: all that it does not contradict, also where another fits better.
        strange: those that have its name, and that it contradicts, or that are kept elsewhere.
    """

    likely: tuple[Candidate, ...] = ()
    fitting: tuple[Candidate, ...] = ()
    strange: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a label says that its image is.

    Attributes:
        folders: those that tell.
        split: that the folders or the group name.
        group: the name of what the labels beside it are of.
        home: the name of the folder of all labels.
    """

    folders: tuple[str, ...]
    split: str | None
    group: str
    home: str

    @classmethod
    def of(cls, claim: Claim, group: str, home: str) -> _Place:
        """By a claim, the group of its label, and the name of the folder of all labels."""
        folders, named_split = telling_folders(claim.folders)
        return cls(folders, named_split or split_of_folder(group), fold(group), home)

    def fits(self, candidate: Candidate) -> bool:
        """Whether no folder of the one contradicts one of the other."""
        if self.split and candidate.split and self.split != candidate.split:
            return False
        shared = self.shared(candidate)
        if shared and self.folders[-shared:] != candidate.folders[-shared:]:
            return False
        inmost = candidate.folders[-1] if candidate.folders else candidate.root_name
        if not self.folders and (are_siblings(self.group, inmost) or are_siblings(self.home, inmost)):
            return False
        more = self.folders[: len(self.folders) - len(candidate.folders)] if candidate.folders else self.folders
        if more and are_siblings(more[-1], candidate.root_name):
            return False
        return not more or candidate.above in ("", more[-1])

    def shared(self, candidate: Candidate) -> int:
        """How many folders both have, if it fits."""
        return min(len(self.folders), len(candidate.folders))

    def is_exactly(self, candidate: Candidate, claim: Claim) -> bool:
        """Whether an image that fits has the very name, and is in no folder that the label does not mention."""
        if not candidate.is_called(claim):
            return False
        if candidate.split not in (None, self.split):
            return False
        is_group = self.group != self.home and candidate.folders[:1] == (self.group,)
        below = candidate.folders[1:] if is_group else candidate.folders
        return len(below) <= len(self.folders)
