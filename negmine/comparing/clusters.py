"""Clusters of negatives that look alike: each is led by its hardest, and every member is like the leader itself.

So no chain of small steps joins what differs, and one look at the leader shows what is in the cluster. (Leader
clustering, Hartigan, "Clustering Algorithms", 1975, with the best leader in place of the first.)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from negmine.images.near_duplicates import is_distinctive
from negmine.places import ALIKE_BITS
from negmine.structures import FloatArray, IntArray

Vectors = npt.NDArray[np.float32]

_HASH_BITS = 64
HASH_LIKENESS = 1 - 2 * (ALIKE_BITS + 0.5) / _HASH_BITS  # cosine from which the vectors of two hashes look alike
_BLOCK = 1024  # rows that are compared at once
_LEADERS = 8192  # that they are compared with at once


def clusters(vectors: Vectors, likeness: float) -> IntArray:
    """Number vectors so that those that look alike have the same number.

    Args:
        vectors: [N, D] of length 1, hardest first. One of length 0 is like no other.
        likeness: cosine from which two look alike.

    Returns:
        [N] from 1, in the order of the leaders.
    """
    numbers = np.zeros(len(vectors), dtype=np.int64)
    leaders: list[int] = []
    for start in range(0, len(vectors), _BLOCK):
        block = vectors[start : start + _BLOCK]
        best, nearest = _nearest(block, vectors, leaders)
        within, fresh = block @ block.T, list[int]()
        for row in range(len(block)):
            if fresh:
                new = int(np.argmax(within[row, fresh]))
                if within[row, fresh[new]] > best[row]:
                    best[row], nearest[row] = within[row, fresh[new]], len(leaders) + new
            if best[row] < likeness:
                nearest[row] = len(leaders) + len(fresh)
                fresh.append(row)
            numbers[start + row] = nearest[row] + 1
        leaders += [start + row for row in fresh]
    return numbers


def hash_vectors(hashes: Sequence[int]) -> Vectors:
    """Perceptual hashes as vectors [N, 64] of signs, of length 1; of length 0 where one cannot be compared."""
    values = np.array(hashes, dtype=np.uint64)
    bits = (values[:, None] >> np.arange(_HASH_BITS, dtype=np.uint64)) & np.uint64(1)  # [N, 64]
    vectors = (2 * bits.astype(np.float32) - 1) / np.float32(_HASH_BITS**0.5)
    vectors[[not is_distinctive(phash) for phash in hashes]] = 0
    return vectors


def _nearest(block: Vectors, vectors: Vectors, leaders: list[int]) -> tuple[FloatArray, IntArray]:
    """The highest cosine [B] of each row of a block with a leader, and the number [B] of that leader, from 0."""
    best = np.full(len(block), -np.inf)
    nearest = np.zeros(len(block), dtype=np.int64)
    for low in range(0, len(leaders), _LEADERS):
        cosines = block @ vectors[leaders[low : low + _LEADERS]].T  # [B, L]
        at = cosines.argmax(axis=1)
        highest = cosines[np.arange(len(block)), at].astype(np.float64)
        better = highest > best
        best[better], nearest[better] = highest[better], at[better] + low
    return best, nearest
