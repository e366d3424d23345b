"""Near-duplicates: images whose perceptual hashes differ in a few bits."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

NEAR_BITS = 4  # of 64
_MIN_BITS_SET = 16  # of 64; half are, by the hash's median, and fewer where an image has almost no structure


def is_distinctive(phash: int) -> bool:
    """Whether a perceptual hash can be compared: images with almost no structure all have nearly the same hash."""
    return phash.bit_count() >= _MIN_BITS_SET


def near_groups(hashes: Mapping[str, int], *, bits: int = NEAR_BITS) -> list[list[str]]:
    """Group contents: near-duplicates of near-duplicates are in the same group.

    Args:
        hashes: perceptual hash by sha256.
        bits: two hashes that differ in so many or fewer are near.

    Returns:
        Every content in just one group; each group sorted, and the groups by their first.
    """
    distinctive = sorted(sha256 for sha256, phash in hashes.items() if is_distinctive(phash))
    numbers = near_components(_as_array([hashes[sha256] for sha256 in distinctive]), bits).tolist()
    number_of = dict(zip(distinctive, numbers, strict=True))
    groups: dict[int | str, list[str]] = {}
    for sha256 in sorted(hashes):
        groups.setdefault(number_of.get(sha256, sha256), []).append(sha256)
    return list(groups.values())


def near_any(hashes: Collection[int], others: Collection[int], *, bits: int = NEAR_BITS) -> set[int]:
    """Those of `hashes` that are near one of `others`."""
    ours, theirs = (_as_array(sorted(set(filter(is_distinctive, each)))) for each in (hashes, others))
    numbers = near_components(np.concatenate([ours, theirs]), bits)
    near: set[int] = set()
    for members in _members(numbers):
        left, against = ours[members[members < len(ours)]], theirs[members[members >= len(ours)] - len(ours)]
        for other in against:
            if not len(left):
                break
            is_near = np.bitwise_count(left ^ other) <= bits
            near.update(left[is_near].tolist())
            left = left[~is_near]
    return near


def without_near(hashes: Sequence[int], *, bits: int = NEAR_BITS) -> list[int]:
    """Go through hashes in order, and keep each that is not near one kept before.

    Returns:
        The indices of those kept.
    """
    first: dict[int, int] = {}
    distinctive = [index for index, phash in enumerate(hashes) if is_distinctive(phash)]
    dropped = {index for index in distinctive if first.setdefault(hashes[index], index) != index}  # equal to one before
    values, indices = _as_array(list(first)), np.array(list(first.values()), dtype=np.int64)
    for members in _members(near_components(values, bits)):
        while len(members):
            is_far = np.bitwise_count(values[members] ^ values[members[0]]) > bits
            dropped.update(indices[members[~is_far]][1:].tolist())
            members = members[is_far]
    return [index for index in range(len(hashes)) if index not in dropped]


def _members(numbers: Indices) -> list[Indices]:
    """The indices of each component that has more than one, rising."""
    order = np.argsort(numbers, kind="stable").astype(np.int64)
    parts = np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1)
    return [part for part in parts if len(part) > 1]


def _as_array(hashes: Sequence[int]) -> Hashes:
    return np.array(hashes, dtype=np.uint64)


_BITS = 64
_LARGE = 1000  # hashes with an equal band are split again by their other bits, where there are more

Hashes = npt.NDArray[np.uint64]
Indices = npt.NDArray[np.int64]


def near_components(hashes: Hashes, max_distance: int = 4) -> Indices:
    """Number hashes so that those linked by near pairs, directly or through others, have the same number.

    Two hashes are near at a Hamming distance of `max_distance` or less. Cut into `max_distance` + 1 bands of bits, two
    such hashes agree in at least one band, since so few differing bits cannot touch all (the pigeonhole principle;
    Norouzi et al., "Fast Search in Hamming Space with Multi-Index Hashing", 2012). So only hashes with an equal band
    are compared. Look-alikes have nearly as many pairs as there could be, so pairs are never all listed: the memory
    needed grows with the hashes alone.

    Args:
        hashes: [N] uint64, equal ones or not.
        max_distance: 0 to 63 bits.

    Returns:
        [N] int64, numbers below N.
    """
    if not 0 <= max_distance < _BITS:
        raise ValueError(f"expected a distance of 0 to {_BITS - 1} bits, found {max_distance}")
    distinct, inverse = np.unique(hashes, return_inverse=True)
    labels = np.arange(len(distinct), dtype=np.int64)
    waiting, size = list[Indices](), 0
    for pairs in _links(distinct, max_distance):
        waiting.append(pairs)
        size += len(pairs)
        if size > len(distinct):
            labels = _joined(labels, np.concatenate(waiting))
            waiting, size = [], 0
    if waiting:
        labels = _joined(labels, np.concatenate(waiting))
    return labels[inverse]


def _joined(labels: Indices, pairs: Indices) -> Indices:
    """The labels after the pairs are linked: each is the lowest index of its component, before and after."""
    while len(pairs := _differing(labels[pairs])):
        labels = labels.copy()
        np.minimum.at(labels, pairs.max(axis=1), pairs.min(axis=1))
        while not np.array_equal(further := labels[labels], labels):
            labels = further
    return labels


def _differing(pairs: Indices) -> Indices:
    differing: Indices = pairs[pairs[:, 0] != pairs[:, 1]]
    return differing


def _links(hashes: Hashes, max_distance: int, *, bits: int = _BITS, deeper: int = 1) -> Iterator[Indices]:
    """Near pairs [K, 2] of hashes that are all different: not all, but enough to link whatever all of them link.

    Args:
        hashes: [N] uint64.
        max_distance: bits.
        bits: how many of the lowest bits are in use.
        deeper: how often a large group may be split again, by its other bits.
    """
    for low, high in _bands(bits, max_distance):
        order, group = _grouped(hashes, low, high)
        large = np.bincount(group) > _LARGE
        yield from _side_by_side(hashes, order, group, ~large, max_distance)
        for number in np.flatnonzero(large):
            members = order[group == number]
            if deeper and high > low:
                rest = _without(hashes[members], low, high)
                within = _links(rest, max_distance, bits=bits - (high - low), deeper=deeper - 1)
            else:
                within = _trees(hashes[members], max_distance)
            yield from (members[pairs] for pairs in within)


def _trees(hashes: Hashes, max_distance: int) -> Iterator[Indices]:
    """Near pairs [K, 2] that span each component: a hash is looked for until it is found once, then no more."""
    found = [np.empty((0, 2), dtype=np.int64)]
    left = np.arange(len(hashes), dtype=np.int64)
    reached: list[int] = []
    while len(left):
        if not reached:
            reached, left, hashes_left = [int(left[0])], left[1:], hashes[left[1:]]
        at = reached.pop()
        near = np.bitwise_count(hashes_left ^ hashes[at]) <= max_distance
        if near.any():
            new, left, hashes_left = left[near], left[~near], hashes_left[~near]
            reached += new.tolist()
            found.append(np.stack([np.full_like(new, at), new], axis=1))
    yield np.concatenate(found)


def _bands(bits: int, max_distance: int) -> Iterator[tuple[int, int]]:
    """Where each band begins and ends."""
    return pairwise(bits * i // (max_distance + 1) for i in range(max_distance + 2))


def _grouped(hashes: Hashes, low: int, high: int) -> tuple[Indices, Indices]:
    """An order [N] in which hashes with an equal band lie side by side, and the number [N] of the group of each."""
    band = (hashes >> np.uint64(low)) & np.uint64((1 << (high - low)) - 1)
    order = np.argsort(band, kind="stable").astype(np.int64)
    ordered = band[order]
    return order, np.cumsum(np.append(True, ordered[1:] != ordered[:-1])[: len(order)]) - 1


def _side_by_side(
    hashes: Hashes, order: Indices, group: Indices, wanted: npt.NDArray[np.bool_], max_distance: int
) -> Iterator[Indices]:
    """Near pairs inside the wanted groups, whose members lie side by side in `order`; no group is written out."""
    ordered = hashes[order]
    starts = np.flatnonzero(wanted[group])
    step = 1  # each is compared with the one `step` after it
    while len(starts := starts[: np.searchsorted(starts, len(order) - step)]):
        starts = starts[group[starts] == group[starts + step]]
        near = starts[np.bitwise_count(ordered[starts] ^ ordered[starts + step]) <= max_distance]
        if len(near):
            yield np.stack([order[near], order[near + step]], axis=1)
        step += 1


def _without(hashes: Hashes, low: int, high: int) -> Hashes:
    """The hashes with bits `low` to `high` cut out."""
    below = hashes & np.uint64((1 << low) - 1)
    return below if high == _BITS else below | (hashes >> np.uint64(high)) << np.uint64(low)
