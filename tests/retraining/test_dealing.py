"""Images are dealt out to folds: groups stay whole, and each fold gets its part of each kind."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from negmine.retraining.dealing import ImageKind, deal, groups_with

OBJECT, BACKGROUND, EMPTY = ImageKind
Groups = list[list[str]]


def named(kinds: list[list[ImageKind]]) -> tuple[Groups, dict[str, ImageKind]]:
    groups = [[f"{number}-{index}" for index in range(len(group))] for number, group in enumerate(kinds)]
    return groups, {
        name: kind for group, of in zip(groups, kinds, strict=True) for name, kind in zip(group, of, strict=True)
    }


def test_nothing_is_dealt_from_nothing() -> None:
    assert deal([], {}, 3, seed=0) == {}


def test_large_groups_go_first_so_that_folds_end_alike() -> None:
    groups, kinds = named([[OBJECT]] * 4 + [[OBJECT] * 4])
    number_of = deal(groups, kinds, 2, seed=0)
    assert sorted(Counter(number_of.values()).values()) == [4, 4]


def test_another_seed_deals_otherwise_and_the_same_the_same() -> None:
    groups, kinds = named([[BACKGROUND]] * 40)
    assert deal(groups, kinds, 3, seed=0) == deal(groups[::-1], kinds, 3, seed=0) != deal(groups, kinds, 3, seed=1)


KINDS = st.lists(st.lists(st.sampled_from(list(ImageKind)), min_size=1, max_size=4), max_size=12)


@given(KINDS, st.integers(1, 5))
def test_groups_stay_whole_and_every_fold_gets_each_kind_that_there_is_enough_of(
    of: list[list[ImageKind]], folds: int
) -> None:
    groups, kinds = named(of)
    number_of = deal(groups, kinds, folds, seed=0)
    assert number_of.keys() == kinds.keys() and set(number_of.values()) <= set(range(folds))
    assert all(len({number_of[name] for name in group}) == 1 for group in groups)
    wanted = [kind for kind in (OBJECT, BACKGROUND) if groups_with(groups, kinds, kind) >= folds]
    if len(wanted) == 2:
        for kind in wanted:
            assert {number_of[name] for name in kinds if kinds[name] is kind} == set(range(folds))
