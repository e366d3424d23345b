"""Which backgrounds are only measured on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from negmine.images.near_duplicates import near_groups
from negmine.retraining.holdout import Sides, split_by_content

BASE = 0xFFFF_FFFF_0000_0000


def contents(numbers: list[int]) -> dict[str, int]:
    """Pictures, some of them near-duplicates: one in four differs from the one before in two bits."""
    found = {}
    for number in numbers:
        spread = int.from_bytes(hashlib.sha256(str(number // 4).encode()).digest()[:8], "big") | BASE
        found[hashlib.sha256(f"picture {number}".encode()).hexdigest()] = spread ^ (3 if number % 4 == 1 else 0)
    return found


pictures = st.lists(st.integers(0, 200), unique=True).map(contents)
shares, seeds = st.floats(0.05, 0.95), st.integers(0, 50)


def split(hashes: Mapping[str, int], share: float = 0.2, seed: int = 0) -> Sides:
    return split_by_content(hashes, share=share, seed=seed)


def test_nothing_is_on_neither_side() -> None:
    assert split({}) == Sides((), ())


@given(pictures, shares, seeds)
def test_every_picture_is_on_one_side(hashes: dict[str, int], share: float, seed: int) -> None:
    sides = split(hashes, share, seed)
    assert sorted((*sides.held_out, *sides.rest)) == sorted(hashes)


@given(pictures, shares, seeds)
def test_near_duplicates_are_on_the_same_side(hashes: dict[str, int], share: float, seed: int) -> None:
    held_out = set(split(hashes, share, seed).held_out)
    for group in near_groups(hashes):
        assert len({sha256 in held_out for sha256 in group}) == 1


@given(pictures, shares, seeds, st.randoms(use_true_random=False))
def test_the_order_of_the_pictures_changes_nothing(
    hashes: dict[str, int], share: float, seed: int, random: object
) -> None:
    shuffled = list(hashes.items())
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert split(dict(shuffled), share, seed) == split(hashes, share, seed)


@given(pictures, pictures, shares, seeds)
def test_new_pictures_move_no_other_unless_they_join_its_group(
    hashes: dict[str, int], more: dict[str, int], share: float, seed: int
) -> None:
    both = more | hashes
    joined = {sha256 for group in near_groups(both) if not set(group) <= set(hashes) for sha256 in group}
    before, after = set(split(hashes, share, seed).held_out), set(split(both, share, seed).held_out)
    for sha256 in set(hashes) - joined:
        assert (sha256 in before) == (sha256 in after)


def test_about_the_share_is_held_out_and_another_seed_holds_out_others() -> None:
    many = {hashlib.sha256(str(n).encode()).hexdigest(): 0 for n in range(2000)}
    first, second = split(many, seed=0), split(many, seed=1)
    assert 340 < len(first.held_out) < 460
    assert 40 < len(set(first.held_out) & set(second.held_out)) < 130  # a fifth of a fifth
