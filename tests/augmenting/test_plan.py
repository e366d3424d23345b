"""Quotas: even, never less than what is there, and the same after a stop half-way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from negmine.augmenting.plan import even_quotas


@pytest.mark.parametrize(
    ("existing", "total", "expected"),
    [
        ([], 5, []),
        ([0, 0, 0], 0, [0, 0, 0]),
        ([0, 0, 0], 7, [3, 2, 2]),  # what does not divide goes to the hardest
        ([5, 0, 0], 9, [5, 2, 2]),  # nobody loses what is there
        ([0, 4, 0], 3, [0, 4, 0]),  # more is there than asked
        ([1, 0, 0], 2, [1, 1, 0]),
        ([0, 2, 0], 5, [2, 2, 1]),
    ],
)
def test_by_hand(existing: list[int], total: int, expected: list[int]) -> None:
    assert even_quotas(existing, total) == expected


@given(st.lists(st.integers(0, 20), min_size=1, max_size=12), st.integers(0, 200))
def test_the_sum_is_right_and_the_spread_even(existing: list[int], total: int) -> None:
    quotas = even_quotas(existing, total)
    assert sum(quotas) == max(total, sum(existing))
    assert all(quota >= has for quota, has in zip(quotas, existing, strict=True))
    raised = [quota for quota, has in zip(quotas, existing, strict=True) if quota > has]
    if raised:
        assert max(raised) - min(raised) <= 1 and max(raised) - min(quotas) <= 1


@given(st.lists(st.integers(0, 9), min_size=1, max_size=8), st.integers(0, 60), st.data())
def test_a_stop_anywhere_changes_nothing(existing: list[int], total: int, data: st.DataObject) -> None:
    quotas = even_quotas(existing, total)
    stopped, left = [], data.draw(st.integers(0, sum(quotas) - sum(existing)))
    for has, quota in zip(existing, quotas, strict=True):  # variants are made negative by negative
        made = min(left, quota - has)
        left -= made
        stopped.append(has + made)
    assert even_quotas(stopped, total) == quotas
