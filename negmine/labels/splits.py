"""The images of a labelled data set, by split."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from negmine.errors import TruthError
from negmine.labels.folders import canonical_split, folders_below, split_of_folder, telling_folders
from negmine.paths import printable, sortable
from negmine.sources.folders import IMAGE_SUFFIXES
from negmine.walking import files_in

TRAIN = "train"
VAL = "val"
TEST = "test"
TRAINVAL = "trainval"  # some Pascal VOC data sets have only this and test
WHOLE = "all"  # the one split of a data set that has no splits
UNLISTED = "unlisted"  # images that none of the data set's lists names


@dataclass(frozen=True, slots=True)
class Split:
    """Some images of a data set.

    Attributes:
        name: as in the data set, such as `train`; `all` where it has no splits.
        images: every image file, labelled or not, each once.
        is_whole: whether the data set has this split alone, whatever its name is.
    """

    name: str
    images: tuple[Path, ...]
    is_whole: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """What a data set lists.

    Attributes:
        splits: in the data set's own order.
        lost: labels, and lines of lists, whose image does not exist, by name.
    """

    splits: tuple[Split, ...]
    lost: tuple[str, ...] = ()


def choose_splits(splits: Sequence[Split], only: str | None, data: Path) -> tuple[Split, ...]:
    """All splits, or the one that is asked for.

    Raises:
        TruthError: where there is no such split.
    """
    require_split(only, [split.name for split in splits], data)
    wanted = split_called(only, [split.name for split in splits])
    return tuple(split for split in splits if wanted in (None, split.name))


def split_called(only: str | None, names: Sequence[str]) -> str | None:
    """The split that a user means: the one of that name, else `val` for `valid`, and the like."""
    return only if only is None or only in names else canonical_split(only)


def require_split(only: str | None, names: Sequence[str], data: Path) -> None:
    """Refuse a split that the data set does not have.

    Raises:
        TruthError: naming those that it has.
    """
    if only is None or split_called(only, names) in names:
        return
    present = ", ".join(name for name in names if name != WHOLE) or "one without a name"
    raise TruthError(f"{printable(data)} has no split {only!r}, only {present}; name another")


def with_neighbours(images: Iterable[Path]) -> tuple[Path, ...]:
    """Images, and all other images in the same folders; litter is left out, as it is in sources.

    Raises:
        SourceError: where a folder cannot be searched.
    """
    known = dict.fromkeys(images)
    for folder in sorted({image.parent for image in known}, key=sortable):
        known |= dict.fromkeys(folder / name for name in files_in(str(folder), IMAGE_SUFFIXES))
    return tuple(sorted(known, key=sortable))


def splits_by_folder(images: Sequence[Path], root: Path) -> tuple[Split, ...]:
    """Sort images into the splits that their folders below the root name; one split where none does."""
    members: dict[str, list[Path]] = {}
    for image in images:
        _, split = telling_folders(folders_below(str(image.absolute().parent), str(root.absolute())))
        members.setdefault(split or UNLISTED, []).append(image)
    if set(members) <= {UNLISTED}:
        return (Split(WHOLE, tuple(images), is_whole=True),)
    return named_splits(members)


def named_splits(members: Mapping[str, Sequence[Path]]) -> tuple[Split, ...]:
    """Splits in the usual order, by their usual names; those without images of any name but these come last.

    A year is left out, as in `train2017`, where that leaves the names different.
    """
    bare = {name: re.sub(r"\d{4}$", "", split_of_folder(name) or name) for name in members}
    if len(set(bare.values())) < len(bare):
        bare = {name: name for name in members}
    order = {name: index for index, name in enumerate((TRAIN, VAL, TRAINVAL, TEST))}
    ranked = sorted(members, key=lambda name: (name == UNLISTED, order.get(bare[name], len(order)), sortable(name)))
    return tuple(Split(bare[name], tuple(members[name])) for name in ranked)
