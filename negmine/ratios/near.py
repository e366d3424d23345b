"""Groups of 64-bit hashes that differ in few bits, without comparing each with each."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

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
