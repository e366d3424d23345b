"""Batches at a ratio: positives are never dropped, negatives take turns."""

from collections import Counter
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from negmine.training.batches import MixedBatches


def _epochs(batches: MixedBatches, count: int) -> list[list[list[int]]]:
    return [list(batches) for _ in range(count)]


def test_without_negatives_every_batch_is_of_positives() -> None:
    batches = MixedBatches(range(10), [], batch=4, ratio=1.0, seed=0)
    epoch = list(batches)
    assert [len(batch) for batch in epoch] == [4, 4, 2]
    assert sorted(index for batch in epoch for index in batch) == list(range(10))


def test_half_and_half() -> None:
    batches = MixedBatches(range(8), range(100, 130), batch=4, ratio=1.0, seed=0)
    epoch = list(batches)
    assert len(epoch) == len(batches) == 4
    for batch in epoch:
        assert [index >= 100 for index in batch] == [False, False, True, True]


def test_one_batch_of_few_positives_keeps_the_ratio() -> None:
    (batch,) = list(MixedBatches([0, 1], range(100, 200), batch=16, ratio=2.0, seed=0))
    assert Counter(index >= 100 for index in batch) == {False: 2, True: 4}


@given(
    positives=st.integers(1, 40),
    negatives=st.integers(0, 40),
    batch=st.integers(2, 20),
    ratio=st.floats(0, 20),
    seed=st.integers(0, 3),
)
def test_every_positive_is_shown_once_an_epoch(
    positives: int, negatives: int, batch: int, ratio: float, seed: int
) -> None:
    batches = MixedBatches(range(positives), range(1000, 1000 + negatives), batch=batch, ratio=ratio, seed=seed)
    for epoch in _epochs(batches, 3):
        assert len(epoch) == len(batches)
        assert sorted(i for b in epoch for i in b if i < 1000) == list(range(positives))
        for drawn in epoch:
            assert 1 <= len(drawn) <= batch
            assert any(index < 1000 for index in drawn)
            assert any(index >= 1000 for index in drawn) == (negatives > 0 and ratio > 0)


@pytest.mark.parametrize(("ratio", "shown"), [(0.5, 100), (1.0, 200), (3.0, 600)])
def test_the_ratio_holds_over_an_epoch(ratio: float, shown: int) -> None:
    batches = MixedBatches(range(200), range(1000, 3000), batch=16, ratio=ratio, seed=0)
    count = sum(index >= 1000 for batch in batches for index in batch)
    assert count == pytest.approx(shown, rel=0.1)


def test_over_the_epochs_every_negative_is_shown_as_often_as_any_other() -> None:
    batches = MixedBatches(range(8), range(100, 112), batch=4, ratio=1.0, seed=0)
    shown = Counter(i for epoch in _epochs(batches, 3) for batch in epoch for i in batch if i >= 100)
    assert shown == dict.fromkeys(range(100, 112), 2)


def test_an_epoch_is_the_same_whether_or_not_those_before_it_were_drawn() -> None:
    def fresh() -> MixedBatches:
        return MixedBatches(range(11), range(100, 117), batch=4, ratio=1.5, seed=5)

    whole = _epochs(fresh(), 4)
    resumed = fresh()
    resumed.epoch = 2
    assert [list(resumed), list(resumed)] == whole[2:]
    assert whole[0] != whole[1]
    other = MixedBatches(range(11), range(100, 117), batch=4, ratio=1.5, seed=6)
    assert list(islice(other, 1)) != whole[0][:1]
