"""Dealing images out to folds or splits: what belongs together stays together, and each gets its part of every kind."""

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


def assign_folds(
    groups: Sequence[Sequence[str]], kinds: Mapping[str, ImageKind], folds: int, *, seed: int
) -> dict[str, int]:
    """Number the fold of each image; see `assign_shares`, here with equal shares.

    Every fold has an image with objects and a background wherever there are as many groups with one.

    Args:
        groups: sha256 of images that stay together; each image is in one group.
        kinds: of each image, by sha256.
        folds: how many.
        seed: of equally large groups another one goes first with another seed.

    Returns:
        The number of the fold, from 0, by sha256.
    """
    return assign_shares(groups, kinds, [1.0] * folds, seed=seed)


def assign_shares(
    groups: Sequence[Sequence[str]], kinds: Mapping[str, ImageKind], shares: Sequence[float], *, seed: int
) -> dict[str, int]:
    """Number the part of each image, so that each part gets its share of every kind.

    Groups are dealt one by one, large ones first, each to the part that is the furthest from its share of the group's
    scarcest kind, as Webster's method gives out seats. Those that hold both objects and background go first. The last
    groups of a kind go to the parts that have none of it.

    Args:
        groups: sha256 of images that stay together; each image is in one group.
        kinds: of each image, by sha256.
        shares: of each part, over 0; what they add up to makes no difference.
        seed: of equally large groups another one goes first with another seed.

    Returns:
        The number of the part, from 0, by sha256.
    """
    counts = [Counter(kinds[sha256] for sha256 in group) for group in groups]
    left = Counter(min(count) for count in counts if count)
    loads = [Counter[ImageKind]() for _ in shares]
    number_of: dict[str, int] = {}
    for index in sorted(range(len(groups)), key=lambda i: (*_turn(counts[i]), seeded_rank(groups[i][0], seed))):
        group, count = groups[index], counts[index]
        without = [number for number, load in enumerate(loads) if count and not load[min(count)]]
        among = without if count and left[min(count)] <= len(without) else range(len(shares))
        part = min(among, key=lambda number: (*_quotients(loads[number], count, shares[number]), number))
        loads[part] += count
        left[min(count, default=ImageKind.EMPTY)] -= 1
        number_of |= dict.fromkeys(group, part)
    return number_of


def _quotients(load: Counter[ImageKind], count: Counter[ImageKind], share: float) -> list[float]:
    """How full a part would be of each kind of a group with half of it, the scarcest first."""
    return [(load[kind] + count[kind] / 2) / share for kind in sorted(count)]


def groups_with(groups: Sequence[Sequence[str]], kinds: Mapping[str, ImageKind], kind: ImageKind) -> int:
    """How many of the groups hold an image of a kind; no more folds than that can each have one."""
    return sum(any(kinds[sha256] is kind for sha256 in group) for group in groups)


def _turn(count: Counter[ImageKind]) -> tuple[int, int]:
    """When a group is dealt: by what it holds, and large ones before small ones."""
    with_objects, background = ImageKind.WITH_OBJECTS in count, ImageKind.BACKGROUND in count
    if with_objects:
        return (0 if background else 1), -count.total()
    return (2 if background else 3), -count.total()
