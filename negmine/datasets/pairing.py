"""Which label belongs to which image. Nothing is guessed: what could be either of two is a conflict.

A label says where its image is in up to two ways: by its own place and name (`Annotations/cam1/0001.xml`), and by the
path that it states (`cam1/0001.jpg`). Either is held against the paths of all images, folder by folder from the end:

- Folders that both have must agree. Those that say what is in them (`images`, `labels`, `Annotations`) are passed over.
- The image at exactly that path is the one. Otherwise the case of letters, the Unicode normal form, the suffix, and
  folders that the label does not mention make no difference, where just one image is left.
- Two images that fit, two labels for one image, or a label that states another image than its own name: a conflict.
- An image of the right name in a folder of another name (`cam2/0001.jpg`) is another image. Where the label found no
  image of its own, that one is in conflict too: its label may have been put into the wrong folder.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from negmine.errors import LabelError
from negmine.labels.base import Claim, Label
from negmine.labels.folders import (
    are_siblings,
    fold,
    folders_below,
    is_kind,
    split_of_folder,
    telling_folders,
    telling_name,
)
from negmine.paths import RealPaths, printable
from negmine.words import counted

_SHOWN = 3  # names in a message


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

    def __contains__(self, real: str) -> bool:
        return real in self._known

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

    def find(self, claim: Claim | None, group: str) -> tuple[list[Candidate], list[Candidate]]:
        """The images that fit a claim, just one where that is clear; and those that only have its name.

        Args:
            claim: what a label says of its image.
            group: what the labels beside this one are of; see `Label`.
        """
        if claim is None or not claim.stem:
            return [], []
        if claim.is_absolute:
            whole = os.sep + os.path.join(*claim.folders, claim.stem + claim.suffix)
            if (same := self._known.get(self.real(whole))) is not None:
                return [same], []
        place, named = _Place.of(claim, group, self._home), self._by_stem.get(fold(claim.stem), [])
        fitting = self.fitting(claim, group)
        if any(each.is_own and each.is_called(claim) for each in fitting):  # elsewhere, the name is another image's
            fitting = [each for each in fitting if each.is_own]
        exact = [each for each in fitting if place.is_exactly(each, claim)]
        strange = [each for each in named if each not in fitting]
        return (exact if len(exact) == 1 else fitting), strange

    def fitting(self, claim: Claim | None, group: str) -> list[Candidate]:
        """All images that fit a claim, also where another fits it better."""
        if claim is None:
            return []
        place = _Place.of(claim, group, self._home)
        return [each for each in self._by_stem.get(fold(claim.stem), []) if place.fits(each)]


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
        shared = min(len(self.folders), len(candidate.folders))
        if shared and self.folders[-shared:] != candidate.folders[-shared:]:
            return False
        inmost = candidate.folders[-1] if candidate.folders else candidate.root_name
        if not self.folders and (are_siblings(self.group, inmost) or are_siblings(self.home, inmost)):
            return False
        more = self.folders[: len(self.folders) - len(candidate.folders)] if candidate.folders else self.folders
        if more and are_siblings(more[-1], candidate.root_name):
            return False
        return not more or candidate.above in ("", more[-1])

    def is_exactly(self, candidate: Candidate, claim: Claim) -> bool:
        """Whether an image that fits has the very name, and is in no folder that the label does not mention."""
        if not candidate.is_called(claim):
            return False
        if candidate.split not in (None, self.split):
            return False
        is_group = self.group != self.home and candidate.folders[:1] == (self.group,)
        below = candidate.folders[1:] if is_group else candidate.folders
        return len(below) <= len(self.folders)


@dataclass(frozen=True, slots=True)
class Pairing:
    """Which label each image has.

    Attributes:
        label_of: an image without links, to its label.
        images: those of the data set that have a label, or are in conflict.
        conflicts: an image without links, to why it is not clear which label it has.
        labels: how many there are.
        contested: names of labels that are in conflict.
        orphans: names of labels that found no image.
        looked_in: the folders where images were looked for, for a message.
        namesakes: images without links that have no label, and the name of one that has.
    """

    label_of: Mapping[str, Label]
    images: tuple[str, ...]
    conflicts: Mapping[str, str]
    labels: int
    contested: tuple[str, ...]
    orphans: tuple[str, ...]
    looked_in: tuple[str, ...]
    namesakes: frozenset[str]

    @property
    def paired(self) -> int:
        """How many labels have an image."""
        return self.labels - len(self.contested) - len(self.orphans)

    def __str__(self) -> str:
        """How many labels found their image, and which did not."""
        said = f"{counted(self.labels, 'label')}: {self.paired} paired"
        if self.contested:
            said += f", {len(self.contested)} in conflict ({_few(self.contested)})"
        if self.orphans:
            where = f"; looked in {', '.join(self.looked_in)}" if self.looked_in else ""
            said += f", {len(self.orphans)} found no image ({_few(self.orphans)}{where})"
        return said


def pair(
    labels: Collection[Label],
    candidates: Candidates,
    by_rule: Callable[[str], Label | None],
    looked_in: Sequence[str] = (),
) -> Pairing:
    """Pair labels with images.

    Args:
        labels: of one data set.
        candidates: all images.
        by_rule: the label that the format itself gives an image, by a fixed rule.
        looked_in: where the images are from, for messages.
    """
    images: dict[Label, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        if (label := by_rule(candidate.path)) is not None:
            images[label].append(candidate)
    ruled = {each.real for found in images.values() for each in found}
    strange: dict[Label, list[Candidate]] = {}
    needless = set[Label]()  # whose image has a label by rule
    for label in labels:
        if label not in images:
            found, others = _images_of(label, candidates)
            if label.is_stray:
                found, others, is_needless = _of_stray(label, found, others, ruled)
                needless |= {label} if is_needless else set()
            images[label], strange[label] = found, others
    claims: dict[str, list[Label]] = defaultdict(list)
    doubts: dict[str, str] = {}
    for label in labels:
        for each in images[label]:
            claims[each.real].append(label)
    doubts |= {real: _several_labels(owners) for real, owners in claims.items() if not _are_alike(owners)}
    for label in (label for owners in claims.values() if len(owners) > 1 for label in owners):
        near = [each.real for claim in (label.own, label.stated) for each in candidates.fitting(claim, label.group)]
        doubts |= dict.fromkeys((real for real in near if real not in claims), _one_too_many(label))
    for label in labels:
        if len(images[label]) > 1:
            doubts |= dict.fromkeys((each.real for each in images[label]), _several_images(label, images[label]))
    for label, others in strange.items():
        free = [each.real for each in others if each.real not in claims] if not images[label] else []
        doubts |= dict.fromkeys(free, _elsewhere(label))
    counted_labels = [label for label in labels if images[label] or (label not in needless and label.is_of_an_image)]
    namesakes = {
        each.real
        for label in labels
        for claim in (label.own, label.stated)
        for each in candidates.fitting(claim, label.group)
    }
    return Pairing(
        {real: owners[0] for real, owners in claims.items() if real not in doubts},
        tuple(each.path for each in candidates if each.is_own and (each.real in claims or each.real in doubts)),
        doubts,
        len(counted_labels),
        tuple(printable(label.name) for label in counted_labels if any(each.real in doubts for each in images[label])),
        tuple(printable(label.name) for label in counted_labels if not images[label]),
        tuple(looked_in),
        frozenset(namesakes - claims.keys() - doubts.keys()),
    )


def _of_stray(
    label: Label, found: Sequence[Candidate], others: Sequence[Candidate], ruled: Collection[str]
) -> tuple[list[Candidate], list[Candidate], bool]:
    """The images of a label that is in no place of its format: those of just its folders that have no label by rule.

    Returns:
        The images, those that only have its name, and whether there is no need of it.
    """
    folders, _ = telling_folders(label.own.folders if label.own else ())
    just = [each for each in found if each.folders == folders]
    near = [each for each in (*others, *(each for each in found if each not in just)) if each.real not in ruled]
    free = [each for each in just if each.real not in ruled]
    return free, near, bool(just or found or others) and not free and not near


def _are_alike(labels: Sequence[Label]) -> bool:
    """Whether labels of one image say the same, as copies do."""
    if len(labels) == 1:
        return True
    try:
        return len({label.hash() for label in labels}) == 1
    except LabelError:
        return False


def _images_of(label: Label, candidates: Candidates) -> tuple[list[Candidate], list[Candidate]]:
    """The images that a label may belong to, and those that only have the right name."""
    own, near = candidates.find(label.own, label.group)
    stated, near_stated = candidates.find(label.stated, label.group)
    if label.own and label.stated and {*own, *stated} & {*near, *near_stated}:  # each contradicts the other
        return [], list(dict.fromkeys([*own, *stated, *near, *near_stated]))
    if len(stated) == 1 and (not own or stated[0] in own):
        return stated, []
    if len(own) == 1 and (not stated or own[0] in stated):
        return own, []
    return list(dict.fromkeys([*own, *stated])), [*near, *near_stated]


def _several_images(label: Label, images: Sequence[Candidate]) -> str:
    paths = [os.path.abspath(each.path) for each in images]
    root = os.path.commonpath(list(map(os.path.dirname, paths)))
    names = " and ".join(printable(os.path.relpath(path, root)) for path in paths[:_SHOWN])
    told = f"one label, {printable(label.name)},"
    if label.own and label.stated and fold(label.own.stem) != fold(label.stated.stem):
        return (
            f"{told} has the name of one image and states another, {printable(label.stated.stem)}, and there are "
            f"{names}; correct what it states, or its name"
        )
    return f"{told} could be that of {names}; name the image in the label, or keep one of them"


def _several_labels(labels: Sequence[Label]) -> str:
    names = _few([label.name for label in labels])
    return f"{len(labels)} labels claim this image ({names}); keep one, or name the folder of just one set"


def _one_too_many(label: Label) -> str:
    return (
        f"the label {printable(label.name)} may be of this image, since the one that it names has another label too; "
        "state the image with its folder"
    )


def _elsewhere(label: Label) -> str:
    return (
        f"the label {printable(label.name)} has the name of this image, is of another folder, and found no image "
        "there; put both into folders of the same name, or remove the label"
    )


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(printable(os.path.basename(name) or name) for name in names[:_SHOWN])
    return shown + (", ..." if len(names) > _SHOWN else "")
