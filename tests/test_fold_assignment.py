"""Images are dealt out to folds: groups stay whole, and each fold gets its part of each kind."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from negmine.fold_assignment import ImageKind, assign_folds, assign_shares, groups_with

OBJECT, BACKGROUND, EMPTY = ImageKind
Groups = list[list[str]]


def named(kinds: list[list[ImageKind]]) -> tuple[Groups, dict[str, ImageKind]]:
    groups = [[f"{number}-{index}" for index in range(len(group))] for number, group in enumerate(kinds)]
    return groups, {
        name: kind for group, of in zip(groups, kinds, strict=True) for name, kind in zip(group, of, strict=True)
    }


def test_nothing_is_dealt_from_nothing() -> None:
    assert assign_folds([], {}, 3, seed=0) == {}


def test_large_groups_go_first_so_that_folds_end_alike() -> None:
    groups, kinds = named([[OBJECT]] * 4 + [[OBJECT] * 4])
    number_of = assign_folds(groups, kinds, 2, seed=0)
    assert sorted(Counter(number_of.values()).values()) == [4, 4]


def test_another_seed_deals_otherwise_and_the_same_the_same() -> None:
    groups, kinds = named([[BACKGROUND]] * 40)
    assert (
        assign_folds(groups, kinds, 3, seed=0)
        == assign_folds(groups[::-1], kinds, 3, seed=0)
        != assign_folds(groups, kinds, 3, seed=1)
    )


KINDS = st.lists(st.lists(st.sampled_from(list(ImageKind)), min_size=1, max_size=4), max_size=12)


@given(KINDS, st.integers(1, 5))
def test_groups_stay_whole_and_every_fold_gets_each_kind_that_there_is_enough_of(
    of: list[list[ImageKind]], folds: int
) -> None:
    groups, kinds = named(of)
    number_of = assign_folds(groups, kinds, folds, seed=0)
    assert number_of.keys() == kinds.keys() and set(number_of.values()) <= set(range(folds))
    assert all(len({number_of[name] for name in group}) == 1 for group in groups)
    wanted = [kind for kind in (OBJECT, BACKGROUND) if groups_with(groups, kinds, kind) >= folds]
    if len(wanted) == 2:
        for kind in wanted:
            assert {number_of[name] for name in kinds if kinds[name] is kind} == set(range(folds))


@given(st.lists(st.sampled_from([1, 2, 5]), max_size=40), st.sampled_from([(0.8, 0.2), (0.7, 0.2, 0.1), (0.5, 0.5)]))
def test_each_part_gets_its_share_but_for_one_group(sizes: list[int], shares: tuple[float, ...]) -> None:
    groups, kinds = named([[BACKGROUND] * size for size in sizes])
    number_of = assign_shares(groups, kinds, shares, seed=0)
    counts = Counter(number_of.values())
    assert len(counts) == min(len(shares), len(groups))  # none is empty while there is a group for it
    if len(groups) >= 10:
        assert all(abs(counts[i] - share * len(kinds)) <= max(sizes) for i, share in enumerate(shares))


def test_shares_of_what_can_be_divided_are_exact() -> None:
    groups, kinds = named([[OBJECT]] * 20 + [[BACKGROUND]] * 10)
    number_of = assign_shares(groups, kinds, (0.8, 0.2), seed=3)
    assert Counter((kinds[name], number) for name, number in number_of.items()) == {
        (OBJECT, 0): 16, (OBJECT, 1): 4, (BACKGROUND, 0): 8, (BACKGROUND, 1): 2
    }  # fmt: skip
