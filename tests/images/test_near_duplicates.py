"""What is the same picture, or nearly."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from negmine.images.near_duplicates import is_distinctive, near_any, near_groups, without_near

A = 0xFFFF_FFFF_0000_0000  # as many bits as a picture with something in it has
hashes = st.lists(
    st.integers(0, 40).map(lambda n: A ^ sum(1 << (i * 5 + j) for i, j in enumerate([n % 5, n % 4, n % 3])))
)


def distance(first: int, second: int) -> int:
    return (first ^ second).bit_count()


def test_nothing_is_in_no_group() -> None:
    assert near_groups({}) == []
    assert near_any([], [A]) == near_any([A], []) == set()
    assert without_near([]) == []


@pytest.mark.parametrize(("bits", "together"), [(0, True), (4, True), (5, False)])
def test_up_to_four_bits_are_the_same(bits: int, together: bool) -> None:
    other = A ^ ((1 << bits) - 1)
    assert near_groups({"b": A, "a": other}) == ([["a", "b"]] if together else [["a"], ["b"]])
    assert (near_any([A], [other]) == {A}) is together
    assert without_near([A, other]) == ([0] if together else [0, 1])


def test_a_chain_of_near_duplicates_is_one_group() -> None:
    links = {name: A ^ ((1 << 3 * number) - 1) for number, name in enumerate("dacb")}
    assert near_groups(links) == [["a", "b", "c", "d"]]


def test_pictures_with_next_to_nothing_in_them_are_told_by_their_bytes_alone() -> None:
    plain = 1 << 63
    assert not is_distinctive(plain) and is_distinctive(A)
    assert near_groups({"a": plain, "b": plain}) == [["a"], ["b"]]
    assert near_any([plain], [plain]) == set()
    assert without_near([plain, plain]) == [0, 1]


def linked(named: dict[str, int], bits: int) -> list[list[str]]:
    """Groups by comparing each with each, and joining until nothing changes."""
    groups = [[name] for name in sorted(named)]
    for first, second in combinations(sorted(named), 2):
        if distance(named[first], named[second]) <= bits and min(map(count, (named[first], named[second]))) >= 16:
            one, other = (next(group for group in groups if name in group) for name in (first, second))
            if one is not other:
                groups.remove(other)
                one.extend(other)
    return sorted(map(sorted, groups))


def count(value: int) -> int:
    return value.bit_count()


@st.composite
def around(draw: st.DrawFn) -> list[int]:
    """Hashes within a few bits of one of some bases, the last of which is of a picture with next to nothing in it."""
    bases = [A, *draw(st.lists(st.integers(0, 2**64 - 1), max_size=3)), 1 << 63]
    flips = st.lists(st.integers(0, 63), max_size=6)
    drawn = draw(st.lists(st.tuples(st.sampled_from(bases), flips), max_size=30))
    return [base ^ sum(1 << bit for bit in set(bits)) for base, bits in drawn]


@settings(deadline=None)
@given(around(), around(), st.integers(0, 9))
def test_they_are_what_comparing_each_with_each_gives(values: list[int], others: list[int], bits: int) -> None:
    named = {f"{number * 7 % 31:02d}": value for number, value in enumerate(values)}
    assert near_groups(named, bits=bits) == linked(named, bits)
    kept: list[int] = []
    for index, value in enumerate(values):
        if not is_distinctive(value) or all(
            distance(value, values[before]) > bits for before in kept if is_distinctive(values[before])
        ):
            kept.append(index)
    assert without_near(values, bits=bits) == kept
    ours, theirs = (list(filter(is_distinctive, each)) for each in (values, others))
    assert near_any(values, others, bits=bits) == {a for a in ours if any(distance(a, b) <= bits for b in theirs)}


def near_a(number: int, flips: int) -> list[int]:
    """Look-alikes of A."""
    rng = np.random.default_rng(0)
    return [A ^ sum(1 << int(bit) for bit in rng.choice(64, flips, replace=False)) for _ in range(number)]


@pytest.mark.slow_after(1)
@pytest.mark.parametrize("flips", [1, 2, 3])
@pytest.mark.parametrize(
    "work",
    [
        lambda many: near_groups({f"{number:05d}": value for number, value in enumerate(many)}),
        without_near,
        lambda many: near_any(many[::2], many[1::2]),
    ],
    ids=["near_groups", "without_near", "near_any"],
)
def test_look_alikes_do_not_fill_the_memory(work: Callable[[list[int]], object], flips: int) -> None:
    """A fixed camera's 2,000 pictures have up to 2,000,000 near pairs."""
    many = near_a(2000, flips)
    tracemalloc.start()
    work(many)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8e6


def test_look_alikes_are_one_group_and_few_stay() -> None:
    many = near_a(3000, 3)
    (group,) = near_groups({f"{number:04d}": value for number, value in enumerate(many)})
    assert len(group) == 3000
    kept = without_near(many)
    assert all(distance(many[one], many[other]) > 4 for one, other in combinations(kept, 2))
    assert all(any(distance(value, many[index]) <= 4 for index in kept) for value in many)
    far, near = (A ^ (1 << 64) - 1 ^ sum(1 << bit for bit in range(30, 34 + more)) for more in (1, 0))
    assert near_any([*many, far], [many[0], near]) == {far} | {each for each in many if distance(each, many[0]) <= 4}


@settings(deadline=None)
@given(hashes)
def test_groups_hold_everything_once_and_no_near_pair_is_apart(values: list[int]) -> None:
    named = {f"{number:03d}": value for number, value in enumerate(values)}
    groups = near_groups(named)
    assert sorted(name for group in groups for name in group) == sorted(named)
    group_of = {name: number for number, group in enumerate(groups) for name in group}
    for first, second in combinations(named, 2):
        if distance(named[first], named[second]) <= 4:
            assert group_of[first] == group_of[second]


@settings(deadline=None)
@given(hashes)
def test_of_near_ones_the_first_stays(values: list[int]) -> None:
    expected: list[int] = []
    for index, value in enumerate(values):
        if all(distance(value, values[kept]) > 4 for kept in expected):
            expected.append(index)
    assert without_near(values) == expected


@settings(deadline=None)
@given(hashes, hashes)
def test_near_any_is_what_comparing_each_with_each_gives(ours: list[int], theirs: list[int]) -> None:
    assert near_any(ours, theirs) == {a for a in ours if any(distance(a, b) <= 4 for b in theirs)}
