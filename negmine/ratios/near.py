"""Pairs of 64-bit hashes that differ in few bits, without comparing each with each."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

_BITS = 64

Hashes = npt.NDArray[np.uint64]
Indices = npt.NDArray[np.int64]


def near_pairs(hashes: Hashes, max_distance: int = 4) -> Indices:
    """Find every pair of hashes at a Hamming distance of `max_distance` or less.

    Cut into `max_distance` + 1 bands of bits, two such hashes agree in at least one band, since so few differing bits
    cannot touch all (the pigeonhole principle; Norouzi et al., "Fast Search in Hamming Space with Multi-Index Hashing",
    2012). So only hashes with an equal band are compared: 100,000 that have nothing to do with each other in about a
    second. The memory needed grows with the hashes and the pairs found, whatever the hashes are.

    Args:
        hashes: [N] uint64. Equal ones are compared once, but all their pairs are returned.
        max_distance: 0 to 63 bits.

    Returns:
        [K, 2] int64, sorted: indices into `hashes`, the first below the second.
    """
    if not 0 <= max_distance < _BITS:
        raise ValueError(f"expected a distance of 0 to {_BITS - 1} bits, found {max_distance}")
    distinct, inverse, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    between = _pairs_of_distinct(distinct, max_distance)
    members = np.argsort(inverse, kind="stable").astype(np.int64)
    pairs = _written_out(between, members, counts.astype(np.int64))
    pairs.sort(axis=1)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def _pairs_of_distinct(hashes: Hashes, max_distance: int) -> Indices:
    """The near pairs [K, 2] of hashes that are all different, in no order."""
    found = [np.empty((0, 2), dtype=np.int64)]
    for band in _bands(hashes, max_distance + 1):
        order = np.argsort(band, kind="stable")
        ordered_band, ordered = band[order], hashes[order]
        starts = np.arange(len(hashes) - 1)
        step = 1  # each is compared with the one `step` after it; a band's equals lie side by side
        while len(starts := starts[: np.searchsorted(starts, len(hashes) - step)]):
            starts = starts[ordered_band[starts] == ordered_band[starts + step]]
            near = starts[np.bitwise_count(ordered[starts] ^ ordered[starts + step]) <= max_distance]
            if len(near):
                found.append(np.stack([order[near], order[near + step]], axis=1))
            step += 1
    pairs = np.concatenate(found)
    pairs.sort(axis=1)
    return np.unique(pairs, axis=0)  # a pair may agree in several bands


def _bands(hashes: Hashes, count: int) -> Iterator[Hashes]:
    """Cut the bits into bands of sizes as equal as can be."""
    edges = [_BITS * i // count for i in range(count + 1)]
    for low, high in pairwise(edges):
        yield (hashes >> np.uint64(low)) & np.uint64((1 << (high - low)) - 1)


def _written_out(between: Indices, members: Indices, counts: Indices) -> Indices:
    """From pairs of distinct hashes to pairs of all that have them.

    Args:
        between: [K, 2] pairs of distinct hashes.
        members: [N] indices of all hashes, the equal ones side by side.
        counts: [D] how often each distinct hash is there.
    """
    firsts = np.cumsum(counts) - counts
    own: list[Indices] = [_of_equals(members[at : at + n]) for at, n in zip(firsts, counts, strict=True) if n > 1]
    left, right = between[:, 0], between[:, 1]
    sizes = counts[left] * counts[right]
    pair = np.repeat(np.arange(len(between)), sizes)
    number = np.arange(len(pair)) - np.repeat(np.cumsum(sizes) - sizes, sizes)  # which of its pair's combinations
    width = counts[right][pair]
    across = np.stack(
        [members[firsts[left][pair] + number // width], members[firsts[right][pair] + number % width]], axis=1
    )
    return np.concatenate([*own, across.reshape(-1, 2)])


def _of_equals(members: Indices) -> Indices:
    return np.stack([members[side] for side in np.triu_indices(len(members), k=1)], axis=1)
