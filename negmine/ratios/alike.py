"""Which pictures are the same, or nearly so: by the hash of their bytes, or by what they show."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from negmine.ratios.near import Hashes, Indices, near_components

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
    told = sorted(sha256 for sha256, phash in hashes.items() if tells_apart(phash))
    numbers = near_components(_as_array([hashes[sha256] for sha256 in told]), bits).tolist()
    number_of = dict(zip(told, numbers, strict=True))
    groups: dict[int | str, list[str]] = {}
    for sha256 in sorted(hashes):
        groups.setdefault(number_of.get(sha256, sha256), []).append(sha256)
    return list(groups.values())


def near_any(hashes: Collection[int], others: Collection[int], *, bits: int = NEAR_BITS) -> set[int]:
    """Those of `hashes` that are near one of `others`."""
    ours, theirs = (_as_array(sorted(set(filter(tells_apart, each)))) for each in (hashes, others))
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
    """Go through hashes in their order, and keep each that is near none kept before.

    Returns:
        The indices of those kept.
    """
    first: dict[int, int] = {}
    told = [index for index, phash in enumerate(hashes) if tells_apart(phash)]
    fallen = {index for index in told if first.setdefault(hashes[index], index) != index}  # equal to one before
    values, indices = _as_array(list(first)), np.array(list(first.values()), dtype=np.int64)
    for members in _members(near_components(values, bits)):
        while len(members):
            apart = np.bitwise_count(values[members] ^ values[members[0]]) > bits
            fallen.update(indices[members[~apart]][1:].tolist())
            members = members[apart]
    return [index for index in range(len(hashes)) if index not in fallen]


def _members(numbers: Indices) -> list[Indices]:
    """The indices of each component that has more than one, rising."""
    order = np.argsort(numbers, kind="stable").astype(np.int64)
    parts = np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1)
    return [part for part in parts if len(part) > 1]


def _as_array(hashes: Sequence[int]) -> Hashes:
    return np.array(hashes, dtype=np.uint64)
