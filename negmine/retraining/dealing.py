"""Dealing images out to folds: near-duplicates stay together, and every fold gets its part of each kind of image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from enum import IntEnum

from negmine.held_out import seeded_rank


class ImageKind(IntEnum):
    """What an image is measured for, the scarcest kind first."""

    WITH_OBJECTS = 0
    BACKGROUND = 1
    EMPTY = 2  # labelled, without objects


def deal(groups: Sequence[Sequence[str]], kinds: Mapping[str, ImageKind], folds: int, *, seed: int) -> dict[str, int]:
    """Number the fold of each image.

    Groups are dealt one by one, each to the fold that has the fewest images of the group's scarcest kind. Those that
    hold both objects and background go first. So every fold has an image with objects and a background wherever there
    are as many groups with one.

    Args:
        groups: sha256 of images that stay together; each image is in one group.
        kinds: of each image, by sha256.
        folds: how many.
        seed: of equally large groups another one goes first with another seed.

    Returns:
        The number of the fold, from 0, by sha256.
    """
    counts = [Counter(kinds[sha256] for sha256 in group) for group in groups]
    loads = [Counter[ImageKind]() for _ in range(folds)]
    number_of: dict[str, int] = {}
    for index in sorted(range(len(groups)), key=lambda i: (*_turn(counts[i]), seeded_rank(groups[i][0], seed))):
        group, count = groups[index], counts[index]
        fold = min(range(folds), key=lambda number: (*(loads[number][kind] for kind in sorted(count)), number))
        loads[fold] += count
        number_of |= dict.fromkeys(group, fold)
    return number_of


def groups_with(groups: Sequence[Sequence[str]], kinds: Mapping[str, ImageKind], kind: ImageKind) -> int:
    """How many of the groups hold an image of a kind; no more folds than that can each have one."""
    return sum(any(kinds[sha256] is kind for sha256 in group) for group in groups)


def _turn(count: Counter[ImageKind]) -> tuple[int, int]:
    """When a group is dealt: by what it holds, and large ones before small ones."""
    with_objects, background = ImageKind.WITH_OBJECTS in count, ImageKind.BACKGROUND in count
    if with_objects:
        return (0 if background else 1), -count.total()
    return (2 if background else 3), -count.total()
