"""Ratios and the ranges that they should lie in."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from negmine.errors import ConfigError
from negmine.ratios.target import Ratio, Target, places_for_bank

TARGETS = ["1:1..1:2", "1:1", "3:2", "2:1..2:1.1", "10:1", "1:4..1:9.5", "ultralytics"]


@pytest.mark.parametrize(
    "text", ["", "1", "1:", ":1", "0:1", "1:0", "-1:1", "a:b", "1:1:1", "1e3:1", "nan:1", "9" * 5000 + ":1"]
)
def test_other_texts_than_ratios_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expected a ratio"):
        Ratio.parse(text)
    with pytest.raises(ConfigError):
        Target.parse(text)


@pytest.mark.parametrize("text", ["1:1..", "..1:1", "1:1..1:2..1:3", "1:2..1:1", "yolo"])
def test_other_texts_than_targets_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expected"):
        Target.parse(text)


@pytest.mark.parametrize(
    ("text", "positives", "fewest", "most"),
    [
        ("1:1..1:2", 1, 1, 2),
        ("1:1..1:2", 120, 120, 240),
        ("2:1..1:1", 5, 3, 5),
        ("1:1", 1000, 990, 1010),  # 1 %
        ("1:1", 10, 9, 11),  # at least one image
        ("1:1", 1, 0, 2),
        ("2:1", 5, 2, 3),  # 2.5 is asked for, 1.5 to 3.5 will do
        ("ultralytics", 90, 0, 10),  # 10 of 100
        ("ultralytics", 89, 0, 9),  # 10 of 99 would be over 10 %
        ("2:1..2:1.1", 1, 1, 1),  # no whole number is in it
    ],
)
def test_the_range_is_in_whole_images(text: str, positives: int, fewest: int, most: int) -> None:
    target = Target.parse(text)
    assert (target.fewest(positives), target.most(positives)) == (fewest, most)
    inside = [n for n in range(most + 50) if target.contains(positives, n)]
    assert inside == list(range(fewest, most + 1))


@settings(deadline=None)
@given(text=st.sampled_from(TARGETS), negatives=st.integers(0, 400))
def test_positives_for_is_the_fewest_that_will_do(text: str, negatives: int) -> None:
    target = Target.parse(text)
    needed = target.positives_for(negatives)
    assert target.most(needed) >= negatives
    assert needed == 1 or target.most(needed - 1) < negatives


@settings(deadline=None)
@given(text=st.sampled_from(TARGETS[:-1]), positives=st.integers(1, 10_000))
def test_what_augment_brings_about_meets_the_target(text: str, positives: int) -> None:
    target = Target.parse(text)
    assert target.contains(positives, target.asked.negatives_for(positives))


def test_a_ratio_is_rounded_up_and_written_as_it_was() -> None:
    ratio = Ratio.parse(" 3:2 ")
    assert ratio.negatives_for(4) == 3 and ratio.per_positive == Fraction(2, 3) and str(ratio) == "3:2"
    assert str(Ratio.parse("1:1.5")) == "1:1.5"


def test_enormous_ratios_are_answered_at_once() -> None:
    assert Target.parse("999999999:1").positives_for(1000) > 10**11


@pytest.mark.parametrize("text", ["1-1", "1:1..", "..1:2", "1:0", "ultralitics", "", "1:1..1:2..1:3"])
def test_a_refused_target_is_answered_with_the_forms_that_exist(text: str) -> None:
    with pytest.raises(ConfigError, match=r"P:N\.\.P:N \(1:1\.\.1:2\), P:N \(1:1\) or ultralytics, found"):
        Target.parse(text)


def test_the_name_of_a_target_may_be_written_large() -> None:
    assert Target.parse(" Ultralytics") == Target.parse("ultralytics")


@given(st.sampled_from(TARGETS), st.integers(1, 5000))
def test_what_the_limit_of_a_target_has_room_for_is_in_its_range(text: str, positives: int) -> None:
    target = Target.parse(text)
    room = target.limit.room_for(positives)
    assert room <= target.most(positives)
    if target.fewest(positives) <= target.high * positives:
        assert target.contains(positives, max(room, target.fewest(positives)))


@pytest.mark.parametrize(("places", "empties", "expected"), [(0, 0, 0), (10, 0, 10), (10, 3, 7), (10, 9, 5), (3, 9, 2)])
def test_half_of_the_places_at_least_are_for_the_bank(places: int, empties: int, expected: int) -> None:
    assert places_for_bank(places, empties) == expected
