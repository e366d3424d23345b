"""Near pairs of hashes: the same as comparing each with each, and not quadratic."""

from __future__ import annotations

import itertools
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from negmine.ratios.near import near_components, near_pairs


def brute_force(hashes: list[int], distance: int) -> list[list[int]]:
    return [
        [i, j] for i, j in itertools.combinations(range(len(hashes)), 2)
        if (hashes[i] ^ hashes[j]).bit_count() <= distance
    ]  # fmt: skip


def as_hashes(values: list[int]) -> np.ndarray:
    return np.array(values, dtype=np.uint64)


@pytest.mark.parametrize("values", [[], [5], [0, 2**64 - 1]])
def test_nothing_near_gives_no_pairs(values: list[int]) -> None:
    pairs = near_pairs(as_hashes(values))
    assert pairs.shape == (0, 2) and pairs.dtype == np.int64


@settings(max_examples=200, deadline=None)
@given(data=st.data(), distance=st.integers(0, 8))
def test_it_finds_what_comparing_each_with_each_finds(data: st.DataObject, distance: int) -> None:
    bases = data.draw(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=5))
    flips = st.lists(st.integers(0, 63), max_size=10)
    drawn = data.draw(st.lists(st.tuples(st.sampled_from(bases), flips), max_size=25))
    hashes = [base ^ sum(1 << bit for bit in set(bits)) for base, bits in drawn]
    assert near_pairs(as_hashes(hashes), distance).tolist() == brute_force(hashes, distance)


def test_every_place_of_four_differing_bits_is_found() -> None:
    for bits in itertools.combinations(range(0, 64, 5), 4):
        other = sum(1 << bit for bit in bits)
        assert near_pairs(as_hashes([0, other])).tolist() == [[0, 1]]
    assert not len(near_pairs(as_hashes([0, 0b11111])))


def test_equal_hashes_are_pairs_too() -> None:
    assert near_pairs(as_hashes([7, 2**60, 7, 6, 7])).tolist() == brute_force([7, 2**60, 7, 6, 7], 4)


def test_a_distance_that_is_none_is_refused() -> None:
    for distance in (-1, 64):
        with pytest.raises(ValueError, match="0 to 63"):
            near_pairs(as_hashes([1]), distance)
        with pytest.raises(ValueError, match="0 to 63"):
            near_components(as_hashes([1]), distance)


def test_a_hundred_thousand_take_seconds() -> None:
    hashes = np.random.default_rng(0).integers(0, 2**64, size=100_000, dtype=np.uint64)
    hashes[1::1000] = hashes[::1000] ^ np.uint64(0b1011)
    started = time.perf_counter()
    pairs = near_pairs(hashes)
    assert time.perf_counter() - started < 20  # comparing each with each takes minutes
    assert {(i, i + 1) for i in range(0, 100_000, 1000)} <= set(map(tuple, pairs.tolist()))


def test_many_that_share_a_band_do_not_fill_the_memory() -> None:
    """8,000 hashes that are equal in 51 bits are one group; all their pairs at once would be half a gigabyte."""
    hashes = np.arange(8000, dtype=np.uint64) << np.uint64(51)
    tracemalloc.start()
    pairs = near_pairs(hashes, 1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    one_bit_up = ([i, i | 1 << bit] for i in range(8000) for bit in range(13) if not i >> bit & 1)
    assert pairs.tolist() == sorted(pair for pair in one_bit_up if pair[1] < 8000)
    assert peak < 50e6


def test_thousands_that_share_a_band_are_split_again() -> None:
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**64, size=100_000, dtype=np.uint64) & ~np.uint64(0xFFF)  # the lowest band of five
    flips = [sum(1 << int(bit) for bit in rng.choice(64, size=4, replace=False)) for _ in range(200)]
    hashes[200:400] = hashes[:200] ^ np.array(flips, dtype=np.uint64)
    started = time.perf_counter()
    pairs = near_pairs(hashes)
    assert time.perf_counter() - started < 15  # without that, it takes more than a minute
    assert pairs.tolist() == [[i, i + 200] for i in range(200)]


@pytest.mark.parametrize("shared", [0xFFF, 0xFFF << 52, 0x1FFF << 25, (1 << 44) - 1])
def test_what_is_split_again_is_found_all_the_same(shared: int) -> None:
    rng = np.random.default_rng(shared % 1000)
    hashes = rng.integers(0, 2**64, size=2500, dtype=np.uint64) & ~np.uint64(shared)
    near = [hashes[:500] ^ np.uint64(1 << 51) ^ np.uint64(1 << int(bit)) for bit in rng.choice(64, 4, replace=False)]
    hashes = np.concatenate([hashes, *near])
    rows = (np.flatnonzero(np.bitwise_count(hashes[i + 1 :] ^ hashes[i]) <= 4) + i + 1 for i in range(len(hashes)))
    assert near_pairs(hashes).tolist() == [[i, int(j)] for i, row in enumerate(rows) for j in row]


def sorted_components(numbers: np.ndarray) -> list[list[int]]:
    members: dict[int, list[int]] = {}
    for index, number in enumerate(numbers.tolist()):
        members.setdefault(number, []).append(index)
    return list(members.values())


@pytest.mark.parametrize("values", [[], [5], [0, 2**64 - 1]])
def test_nothing_near_is_linked_to_nothing(values: list[int]) -> None:
    numbers = near_components(as_hashes(values))
    assert numbers.dtype == np.int64 and len(set(numbers.tolist())) == len(values)


def test_equal_hashes_and_chains_are_one_component() -> None:
    chain = [(1 << 4 * link) - 1 for link in range(17)]
    assert sorted_components(near_components(as_hashes([*chain, 7, 7]), 4)) == [list(range(19))]
    assert sorted_components(near_components(as_hashes([7, 3, 7]), 0)) == [[0, 2], [1]]


@pytest.mark.parametrize("shared", [0, 0xFFF, 0xFFF << 52, 0x1FFF << 25, (1 << 26) - 1, (1 << 44) - 1])
def test_components_are_those_of_all_pairs_where_many_share_bands(shared: int) -> None:
    rng = np.random.default_rng(shared % 1000)
    hashes = rng.integers(0, 2**64, size=2500, dtype=np.uint64) & ~np.uint64(shared)
    near = [hashes[:500] ^ np.uint64(1 << 51) ^ np.uint64(1 << int(bit)) for bit in rng.choice(64, 4, replace=False)]
    hashes = np.concatenate([hashes, *near])
    expected = np.arange(len(hashes))
    for first, second in near_pairs(hashes).tolist():
        expected[expected == expected[second]] = expected[first]
    assert sorted_components(near_components(hashes)) == sorted_components(expected)


def test_a_chain_inside_a_large_group_is_followed_to_its_end() -> None:
    hashes = np.arange(3000, dtype=np.uint64) << np.uint64(52)  # each is one bit from one below it, down to 0
    apart = hashes ^ np.uint64(0b11)
    (one, other) = sorted_components(near_components(np.concatenate([hashes, apart]), 1))
    assert (one, other) == (list(range(3000)), list(range(3000, 6000)))
