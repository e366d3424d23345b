"""Clusters of look-alikes: vectors put in by hand."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

import negmine.comparing.clusters
from negmine.comparing.clusters import clusters

Vectors = npt.NDArray[np.float32]


def at_angles(*degrees: float) -> Vectors:
    """Vectors of length 1 in a plane."""
    radians = np.radians(degrees)
    return np.column_stack([np.cos(radians), np.sin(radians)]).astype(np.float32)


COS_10 = float(np.cos(np.radians(10.5)))


def test_no_vectors_have_no_clusters() -> None:
    assert clusters(np.zeros((0, 2), dtype=np.float32), 0.9).tolist() == []


def test_members_are_like_their_leader_and_no_chain_joins_what_differs() -> None:
    """0, 10 and 20 degrees: each is like the next, and the third is not like the first."""
    assert clusters(at_angles(0, 10, 20), COS_10).tolist() == [1, 1, 2]
    assert clusters(at_angles(10, 0, 20), COS_10).tolist() == [1, 1, 1]


def test_the_nearest_leader_takes_a_vector_and_the_hardest_of_equal_ones() -> None:
    assert clusters(at_angles(0, 16, 9), COS_10).tolist() == [1, 2, 2]
    assert clusters(at_angles(16, -16, 0), float(np.cos(np.radians(17)))).tolist() == [1, 2, 1]


def test_numbers_follow_the_hardest_member() -> None:
    assert clusters(at_angles(90, 0, 91, 180, 1), COS_10).tolist() == [1, 2, 1, 3, 2]


def test_a_vector_of_nothing_is_like_no_other() -> None:
    assert clusters(np.zeros((3, 2), dtype=np.float32), 0.5).tolist() == [1, 2, 3]


@given(st.integers(0, 10**6), st.integers(1, 60))
def test_it_makes_no_difference_how_many_are_compared_at_once(seed: int, count: int) -> None:
    vectors = np.random.default_rng(seed).normal(size=(count, 3)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    whole = clusters(vectors, 0.9)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(negmine.comparing.clusters, "_BLOCK", 4)
        patch.setattr(negmine.comparing.clusters, "_LEADERS", 3)
        assert clusters(vectors, 0.9).tolist() == whole.tolist()
    leaders = [int(np.flatnonzero(whole == number)[0]) for number in range(1, whole.max() + 1)]
    assert leaders == sorted(leaders)
    assert all(vectors[index] @ vectors[leaders[number - 1]] > 0.8999 for index, number in enumerate(whole.tolist()))
    assert all(vectors[one] @ vectors[other] < 0.9001 for one in leaders for other in leaders if one != other)
