"""Batches at a ratio: images with and without objects take turns, each kind for itself."""

from collections import Counter
from collections.abc import Sequence
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from negmine.training.batches import MixedBatches, positives_per_batch


def _batches(
    positives: Sequence[int], negatives: Sequence[int], *, batch: int = 4, ratio: float = 1.0, seed: int = 0, steps: int
) -> MixedBatches:
    return MixedBatches(positives, negatives, batch=batch, ratio=ratio, seed=seed, steps=steps)


def _passes(batches: MixedBatches, count: int) -> list[list[list[int]]]:
    return [list(batches) for _ in range(count)]


def test_without_negatives_every_batch_is_of_positives() -> None:
    drawn = list(_batches(range(10), [], steps=5))
    assert [len(batch) for batch in drawn] == [4, 4, 4, 4, 4]
    assert Counter(index for batch in drawn for index in batch) == dict.fromkeys(range(10), 2)


def test_half_and_half() -> None:
    batches = _batches(range(8), range(100, 130), steps=6)
    drawn = list(batches)
    assert len(drawn) == len(batches) == 6
    for batch in drawn:
        assert [index >= 100 for index in batch] == [False, False, True, True]


def test_one_batch_of_few_positives_keeps_the_ratio() -> None:
    (batch,) = list(_batches([0, 1], range(100, 200), batch=16, ratio=2.0, steps=1))
    assert Counter(index >= 100 for index in batch) == {False: 2, True: 4}


@given(
    positives=st.integers(1, 40),
    negatives=st.integers(0, 40),
    batch=st.integers(2, 20),
    ratio=st.floats(0, 20),
    seed=st.integers(0, 3),
    steps=st.integers(1, 12),
)
def test_every_image_is_shown_as_often_as_any_other_of_its_kind(
    positives: int, negatives: int, batch: int, ratio: float, seed: int, steps: int
) -> None:
    batches = _batches(
        range(positives), range(1000, 1000 + negatives), batch=batch, ratio=ratio, seed=seed, steps=steps
    )
    shown: Counter[int] = Counter(dict.fromkeys([*range(positives)], 0))
    mixed = negatives > 0 and ratio > 0
    for drawn in (each for whole in _passes(batches, 3) for each in whole):
        assert 1 <= len(drawn) <= batch
        of_objects = sum(index < 1000 for index in drawn)
        assert of_objects == positives_per_batch(positives, negatives, batch=batch, ratio=ratio) >= 1
        assert any(index >= 1000 for index in drawn) == mixed
        shown.update(drawn)
        for kind in (range(positives), range(1000, 1000 + negatives) if mixed else range(0)):
            counts = [shown[index] for index in kind]
            assert not counts or max(counts) - min(counts) <= 1


@pytest.mark.parametrize(("ratio", "shown"), [(0.5, 100), (1.0, 200), (3.0, 600)])
def test_the_ratio_holds(ratio: float, shown: int) -> None:
    in_batch = positives_per_batch(200, 2000, batch=16, ratio=ratio)
    batches = _batches(range(200), range(1000, 3000), batch=16, ratio=ratio, steps=200 // in_batch)
    count = sum(index >= 1000 for batch in batches for index in batch)
    assert count == pytest.approx(shown, rel=0.1)


def test_a_pass_is_the_same_whether_or_not_those_before_it_were_drawn() -> None:
    def fresh() -> MixedBatches:
        return _batches(range(11), range(100, 117), ratio=1.5, seed=5, steps=7)

    whole = _passes(fresh(), 4)
    resumed = fresh()
    resumed.passed = 2
    assert [list(resumed), list(resumed)] == whole[2:]
    assert whole[0] != whole[1]
    other = _batches(range(11), range(100, 117), ratio=1.5, seed=6, steps=7)
    assert list(islice(other, 1)) != whole[0][:1]


def test_the_length_of_a_pass_changes_no_order() -> None:
    short, long = (_batches(range(11), range(100, 117), ratio=1.5, seed=5, steps=steps) for steps in (3, 9))
    assert [batch for drawn in _passes(short, 3) for batch in drawn] == list(long)
