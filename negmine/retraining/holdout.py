"""Splitting pictures by what is in them: some are only ever measured on, and so are their copies and near-duplicates.

Which side a picture is on depends on its bytes and the seed alone, not on its name, its place in a list or how many
others there are. So pictures that are added later move none of the others, but for those that they are near to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from negmine.images.near_duplicates import near_groups


@dataclass(frozen=True, slots=True)
class Sides:
    """Contents by their sha256, sorted.

    Attributes:
        held_out: only measured on.
        rest: mined, or trained on.
    """

    held_out: tuple[str, ...]
    rest: tuple[str, ...]


def split_by_content(hashes: Mapping[str, int], *, share: float, seed: int) -> Sides:
    """Hold out about `share` of the groups of near-duplicates.

    Args:
        hashes: perceptual hash by sha256.
        share: of 1.
        seed: another one holds out others.
    """
    held_out: list[str] = []
    rest: list[str] = []
    for group in near_groups(hashes):
        (held_out if _rank(group[0], seed) < share else rest).extend(group)
    return Sides(tuple(sorted(held_out)), tuple(sorted(rest)))


def split_as_named(hashes: Mapping[str, int], held_out: Collection[str]) -> Sides:
    """Hold out what is named, and leave out of the rest what is nearly the same as any of it.

    Args:
        hashes: perceptual hash by sha256.
        held_out: the sha256 of some.
    """
    near = {sha256 for group in near_groups(hashes) if not set(held_out).isdisjoint(group) for sha256 in group}
    return Sides(tuple(sorted(held_out)), tuple(sorted(set(hashes) - near)))


def _rank(sha256: str, seed: int) -> float:
    """A number from 0 to 1 that looks random and is always the same."""
    digest = hashlib.sha256(f"{seed}:{sha256}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
