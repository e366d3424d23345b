"""Which label belongs to which image. Nothing is guessed: what could be either of two is a conflict.

What images a label may be about is told by `Candidates`. From there:

- Two images that fit, two labels for one image, or a label that states another image than its own name: a conflict.
- An image of the right name in a folder of another name (`cam2/0001.jpg`) is another image. Where the label found no
  image of its own, that one is in conflict too: its label may have been put into the wrong folder.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from negmine.datasets.candidates import Candidate, Candidates
from negmine.errors import LabelError
from negmine.labels.base import Label
from negmine.labels.folders import fold, telling_folders
from negmine.paths import printable
from negmine.words import counted

_SHOWN = 3  # names in a message


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
