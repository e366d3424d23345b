"""Which pictures are the same, or nearly so: by the hash of their bytes, or by what they show."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from negmine.ratios.near import near_pairs

NEAR_BITS = 4  # of 64
_MIN_BITS_SET = 16  # half of 64 are, by the hash's median; fewer where next to nothing is in the picture


def tells_apart(phash: int) -> bool:
    """Whether a perceptual hash says something: those of pictures with hardly any structure are all nearly the same."""
    return phash.bit_count() >= _MIN_BITS_SET


def near_groups(hashes: Mapping[str, int], *, bits: int = NEAR_BITS) -> list[list[str]]:
    """Sort contents into groups: near-duplicates of near-duplicates are in one.

    Args:
        hashes: perceptual hash by sha256.
        bits: two hashes that differ in so many or fewer are near.

    Returns:
        Every content in just one group; each group sorted, and the groups by their first.
    """
    parents = {sha256: sha256 for sha256 in hashes}

    def root(sha256: str) -> str:
        while parents[sha256] != sha256:
            parents[sha256] = parents[parents[sha256]]
            sha256 = parents[sha256]
        return sha256

    told = sorted(sha256 for sha256, phash in hashes.items() if tells_apart(phash))
    for first, second in _pairs([hashes[sha256] for sha256 in told], bits):
        low, high = sorted((root(told[first]), root(told[second])))
        parents[high] = low
    groups: dict[str, list[str]] = {}
    for sha256 in sorted(hashes):
        groups.setdefault(root(sha256), []).append(sha256)
    return list(groups.values())


def near_any(hashes: Collection[int], others: Collection[int], *, bits: int = NEAR_BITS) -> set[int]:
    """Those of `hashes` that are near one of `others`."""
    ours, theirs = sorted(set(filter(tells_apart, hashes))), sorted(set(filter(tells_apart, others)))
    if not ours or not theirs:
        return set()
    crossing = (pair for pair in _pairs([*ours, *theirs], bits) if pair[0] < len(ours) <= pair[1])
    return {ours[first] for first, _ in crossing}


def without_near(hashes: Sequence[int], *, bits: int = NEAR_BITS) -> list[int]:
    """Go through hashes in their order, and keep each that is near none kept before.

    Returns:
        The indices of those kept.
    """
    told = [index for index, phash in enumerate(hashes) if tells_apart(phash)]
    earlier: dict[int, list[int]] = {}
    for first, second in _pairs([hashes[index] for index in told], bits):
        earlier.setdefault(told[second], []).append(told[first])
    kept: dict[int, None] = {}
    for index in range(len(hashes)):
        if not any(before in kept for before in earlier.get(index, ())):
            kept[index] = None
    return list(kept)


def _pairs(hashes: Sequence[int], bits: int) -> list[list[int]]:
    pairs: list[list[int]] = near_pairs(np.array(hashes, dtype=np.uint64), bits).tolist()
    return pairs
