"""Near hashes linked: the same as comparing each with each, and not quadratic."""

from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from negmine.images.near_duplicates import near_components


def as_hashes(values: list[int]) -> np.ndarray:
    return np.array(values, dtype=np.uint64)


def sorted_components(numbers: np.ndarray) -> list[list[int]]:
    members: dict[int, list[int]] = {}
    for index, number in enumerate(numbers.tolist()):
        members.setdefault(number, []).append(index)
    return list(members.values())


def slow_components(hashes: np.ndarray, distance: int = 4) -> list[list[int]]:
    """Each compared with each."""
    numbers = np.arange(len(hashes))
    for index in range(len(hashes)):
        near = np.flatnonzero(np.bitwise_count(hashes ^ hashes[index]) <= distance)
        linked = np.isin(numbers, numbers[near])
        numbers[linked] = numbers[linked].min()
    return sorted_components(numbers)


@pytest.mark.parametrize("values", [[], [5], [0, 2**64 - 1]])
def test_nothing_near_is_linked_to_nothing(values: list[int]) -> None:
    numbers = near_components(as_hashes(values))
    assert numbers.dtype == np.int64 and len(set(numbers.tolist())) == len(values)


@settings(max_examples=200, deadline=None)
@given(data=st.data(), distance=st.integers(0, 8))
def test_it_links_what_comparing_each_with_each_links(data: st.DataObject, distance: int) -> None:
    bases = data.draw(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=5))
    flips = st.lists(st.integers(0, 63), max_size=10)
    drawn = data.draw(st.lists(st.tuples(st.sampled_from(bases), flips), max_size=25))
    hashes = as_hashes([base ^ sum(1 << bit for bit in set(bits)) for base, bits in drawn])
    assert sorted_components(near_components(hashes, distance)) == slow_components(hashes, distance)


def test_every_place_of_four_differing_bits_is_found() -> None:
    for bits in itertools.combinations(range(0, 64, 5), 4):
        other = sum(1 << bit for bit in bits)
        assert sorted_components(near_components(as_hashes([0, other]))) == [[0, 1]]
    assert sorted_components(near_components(as_hashes([0, 0b11111]))) == [[0], [1]]


def test_equal_hashes_and_chains_are_one_component() -> None:
    chain = [(1 << 4 * link) - 1 for link in range(17)]
    assert sorted_components(near_components(as_hashes([*chain, 7, 7]), 4)) == [list(range(19))]
    assert sorted_components(near_components(as_hashes([7, 3, 7]), 0)) == [[0, 2], [1]]


def test_a_distance_that_is_none_is_refused() -> None:
    for distance in (-1, 64):
        with pytest.raises(ValueError, match="0 to 63"):
            near_components(as_hashes([1]), distance)


def test_of_a_hundred_thousand_those_that_are_near_are_found() -> None:
    """Comparing each with each would take minutes."""
    hashes = np.random.default_rng(0).integers(0, 2**64, size=100_000, dtype=np.uint64)
    hashes[1::1000] = hashes[::1000] ^ np.uint64(0b1011)
    linked = [each for each in sorted_components(near_components(hashes)) if len(each) > 1]
    assert linked == [[index, index + 1] for index in range(0, 100_000, 1000)]


def test_a_hundred_thousand_that_share_a_band_are_split_again() -> None:
    """Without that, they would all be compared with each other."""
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**64, size=100_000, dtype=np.uint64) & ~np.uint64(0xFFF)  # the lowest band of five
    flips = [sum(1 << int(bit) for bit in rng.choice(64, size=4, replace=False)) for _ in range(200)]
    hashes[200:400] = hashes[:200] ^ np.array(flips, dtype=np.uint64)
    linked = [each for each in sorted_components(near_components(hashes)) if len(each) > 1]
    assert linked == [[index, index + 200] for index in range(200)]


def test_many_that_share_a_band_do_not_fill_the_memory() -> None:
    """8,000 hashes that are equal in 51 bits are one group; all their pairs at once would be half a gigabyte."""
    hashes = np.arange(8000, dtype=np.uint64) << np.uint64(51)
    tracemalloc.start()
    numbers = near_components(hashes, 1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sorted_components(numbers) == [list(range(8000))]  # each is one bit from one below it, down to 0
    assert peak < 50e6


@pytest.mark.parametrize("shared", [0, 0xFFF, 0xFFF << 52, 0x1FFF << 25, (1 << 26) - 1, (1 << 44) - 1])
def test_it_is_the_same_where_many_share_bands(shared: int) -> None:
    rng = np.random.default_rng(shared % 1000)
    hashes = rng.integers(0, 2**64, size=2500, dtype=np.uint64) & ~np.uint64(shared)
    near = [hashes[:500] ^ np.uint64(1 << 51) ^ np.uint64(1 << int(bit)) for bit in rng.choice(64, 4, replace=False)]
    hashes = np.concatenate([hashes, *near])
    assert sorted_components(near_components(hashes)) == slow_components(hashes)


def test_a_chain_inside_a_large_group_is_followed_to_its_end() -> None:
    hashes = np.arange(3000, dtype=np.uint64) << np.uint64(52)  # each is one bit from one below it, down to 0
    apart = hashes ^ np.uint64(0b11)
    (one, other) = sorted_components(near_components(np.concatenate([hashes, apart]), 1))
    assert (one, other) == (list(range(3000)), list(range(3000, 6000)))
