"""Which label belongs to which image. Nothing is guessed: what could be either of two is a conflict.

A label says where its image is in up to two ways: by its own place and name (`Annotations/cam1/0001.xml`), and by the
path that it states (`cam1/0001.jpg`). Either is held against the paths of all images, folder by folder from the end:

- Folders that both have must agree. Those that say what is in them (`images`, `labels`, `Annotations`) are passed over.
- The image at exactly that path is the one, unless another shares more folders with the label. Otherwise the case of
  letters, the Unicode normal form, the suffix, and folders that the label does not mention make no difference, where
  just one image is left.
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


@dataclass(slots=True, eq=False)
class _Match:
    """A label, and the images that it may be of.

    Attributes:
        label: the label.
        images: just one where that is clear.
        strange: those that only have its name.
        fitting: all that it does not contradict.
        is_needless: whether it is of an image that has a label by rule.
    """

    label: Label
    images: Sequence[Candidate]
    strange: Sequence[Candidate] = ()
    fitting: Sequence[Candidate] = ()
    is_needless: bool = False

    @property
    def counts(self) -> bool:
        """Whether it is a label, and not a file that only looks like one."""
        return bool(self.images) or (not self.is_needless and self.label.is_of_an_image)


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
    matches = _matches(labels, candidates, by_rule)
    claims: dict[str, list[_Match]] = defaultdict(list)
    for match in matches:
        for each in match.images:
            claims[each.real].append(match)
    doubts = _doubts(matches, claims)
    namesakes = {each.real for match in matches for each in match.fitting}
    counted_ones = [match for match in matches if match.counts]
    contested = [match for match in counted_ones if any(each.real in doubts for each in match.images)]
    return Pairing(
        label_of={real: owners[0].label for real, owners in claims.items() if real not in doubts},
        images=tuple(each.path for each in candidates if each.is_own and (each.real in claims or each.real in doubts)),
        conflicts=doubts,
        labels=len(counted_ones),
        contested=tuple(printable(match.label.name) for match in contested),
        orphans=tuple(printable(match.label.name) for match in counted_ones if not match.images),
        looked_in=tuple(looked_in),
        namesakes=frozenset(namesakes - claims.keys() - doubts.keys()),
    )


def _matches(labels: Collection[Label], candidates: Candidates, by_rule: Callable[[str], Label | None]) -> list[_Match]:
    """The images of each label: those that it has by rule, else those that its claims are about."""
    ruled: dict[Label, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        if (label := by_rule(candidate.path)) is not None:
            ruled[label].append(candidate)
    taken = {each.real for images in ruled.values() for each in images}
    matches = []
    for label in labels:
        match = _match(label, candidates)
        if label in ruled:
            match.images, match.strange = ruled[label], ()
        elif label.is_stray:
            _narrow_stray(match, taken)
        matches.append(match)
    return matches


def _doubts(matches: Sequence[_Match], claims: Mapping[str, Sequence[_Match]]) -> dict[str, str]:
    """Why it is not clear which label an image has, by image."""
    doubts: dict[str, str] = {}
    for real, owners in claims.items():
        if len(owners) > 1:
            for owner in owners:
                near = (each.real for each in owner.fitting if each.real not in claims)
                doubts |= dict.fromkeys(near, _one_too_many(owner.label))
            if not _are_alike([owner.label for owner in owners]):
                doubts[real] = _several_labels([owner.label for owner in owners])
    for match in matches:
        if len(match.images) > 1:
            doubts |= dict.fromkeys((each.real for each in match.images), _several_images(match.label, match.images))
        elif not match.images:
            free = (each.real for each in match.strange if each.real not in claims)
            doubts |= dict.fromkeys(free, _elsewhere(match.label))
    return doubts


def _narrow_stray(match: _Match, taken: Collection[str]) -> None:
    """Leave a label that is in no place of its format the image of just its folders that has no label by rule."""
    folders, _ = telling_folders(match.label.own.folders if match.label.own else ())
    every = [*match.images, *match.strange]
    free = [each for each in every if each.real not in taken]
    match.images = [each for each in match.images if each in free and each.folders == folders]
    match.strange = [each for each in free if each not in match.images]
    match.is_needless = bool(every) and not free


def _are_alike(labels: Sequence[Label]) -> bool:
    """Whether labels of one image say the same, as copies do."""
    if len(labels) == 1:
        return True
    try:
        return len({label.hash() for label in labels}) == 1
    except LabelError:
        return False


def _match(label: Label, candidates: Candidates) -> _Match:
    """The images that a label may be of by its own place and by the path that it states; neither may contradict."""
    own, stated = candidates.find(label.own, label.group), candidates.find(label.stated, label.group)
    fitting = list(dict.fromkeys([*own.fitting, *stated.fitting]))
    strange = list(dict.fromkeys([*own.strange, *stated.strange]))
    one, other = set(own.likely), set(stated.likely)
    if label.own and label.stated and (one & set(stated.strange) or other & set(own.strange)):
        return _Match(label, [], [*own.likely, *stated.likely, *strange], fitting)
    if one & other and 1 in (len(one), len(other)):
        return _Match(label, list(one & other), [], fitting)
    return _Match(label, list(dict.fromkeys([*own.likely, *stated.likely])), strange, fitting)


def _several_images(label: Label, images: Sequence[Candidate]) -> str:
    paths = [os.path.abspath(each.path) for each in images]
    root = os.path.commonpath(list(map(os.path.dirname, paths)))
    names = " and ".join(printable(os.path.relpath(path, root)) for path in paths[:_SHOWN])
    told = f"label {printable(label.name)}"
    if label.own and label.stated and fold(label.own.stem) != fold(label.stated.stem):
        return (
            f"{told} has the name of one image and states another, {printable(label.stated.stem)}; both {names} exist; "
            "correct what it states, or rename it"
        )
    return f"{told} could belong to {names}; state the image in the label, or keep one of them"


def _several_labels(labels: Sequence[Label]) -> str:
    names = _few([label.name for label in labels])
    return f"{len(labels)} labels claim this image ({names}); keep one, or name the folder of just one set"


def _one_too_many(label: Label) -> str:
    return (
        f"label {printable(label.name)} may belong to this image, since the image that it names has another label too; "
        "state the image with its folder"
    )


def _elsewhere(label: Label) -> str:
    return (
        f"label {printable(label.name)} has the name of this image and is for another folder, so it may not belong to "
        "it; put both into folders of the same name, or remove the label"
    )


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(printable(os.path.basename(name) or name) for name in names[:_SHOWN])
    return shown + (", ..." if len(names) > _SHOWN else "")
