"""What is the same picture, or nearly."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from negmine.ratios.alike import near_any, near_groups, tells_apart, without_near

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
    assert not tells_apart(plain) and tells_apart(A)
    assert near_groups({"a": plain, "b": plain}) == [["a"], ["b"]]
    assert near_any([plain], [plain]) == set()
    assert without_near([plain, plain]) == [0, 1]


@given(hashes)
def test_groups_hold_everything_once_and_no_near_pair_is_apart(values: list[int]) -> None:
    named = {f"{number:03d}": value for number, value in enumerate(values)}
    groups = near_groups(named)
    assert sorted(name for group in groups for name in group) == sorted(named)
    group_of = {name: number for number, group in enumerate(groups) for name in group}
    for first, second in combinations(named, 2):
        if distance(named[first], named[second]) <= 4:
            assert group_of[first] == group_of[second]


@given(hashes)
def test_of_near_ones_the_first_stays(values: list[int]) -> None:
    expected: list[int] = []
    for index, value in enumerate(values):
        if all(distance(value, values[kept]) > 4 for kept in expected):
            expected.append(index)
    assert without_near(values) == expected


@given(hashes, hashes)
def test_near_any_is_what_comparing_each_with_each_gives(ours: list[int], theirs: list[int]) -> None:
    assert near_any(ours, theirs) == {a for a in ours if any(distance(a, b) <= 4 for b in theirs)}
