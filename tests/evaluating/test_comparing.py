"""Better, worse, or too few images to tell; and how many more would."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scored import scores_of

from negmine.evaluating.comparing import CompareConfig, compare
from negmine.evaluating.image_scores import ImageScores, on_the_same_images

CONFIG = CompareConfig(conf=0.25, draws=300)
FOUND = [(1, [0.9 - number / 100]) for number in range(20)]


def fires(images: int, firing: range, *, labelled: list[tuple[int, list[float]]] = FOUND) -> ImageScores:
    return scores_of(labelled, [[0.95] if number in firing else [] for number in range(images)])


def test_a_detector_is_neither_better_nor_worse_than_itself() -> None:
    one = fires(40, range(10))
    found = compare(one, one, CONFIG)
    assert (found.outcome, found.ratio, found.low, found.high) == ("cannot tell", 1, 1, 1)
    assert found.needed is None and "too alike to tell apart" in found.verdict
    assert "the same number of false positives over recalls" in found.verdict and "interval" not in found.verdict


def test_the_ratio_and_the_outcome_both_ways() -> None:
    many, few = fires(100, range(60)), fires(100, range(6))
    better, worse = compare(many, few, CONFIG), compare(few, many, CONFIG)
    assert (better.outcome, worse.outcome) == ("better", "worse")
    assert better.ratio == pytest.approx(0.1) and worse.ratio == pytest.approx(10)
    assert better.low == pytest.approx(1 / worse.high, rel=0.1) and better.high < 1 and better.needed is None
    assert better.recalls == (pytest.approx(0.8), 1)


def test_a_difference_of_four_images_is_no_evidence() -> None:
    assert compare(fires(40, range(4)), fires(40, range(0)), CONFIG).outcome == "cannot tell"
    assert compare(fires(40, range(5)), fires(40, range(0)), CONFIG).outcome == "better"


def test_no_false_positive_counts_as_half_of_one() -> None:
    found = compare(fires(100, range(8)), fires(100, range(0)), CONFIG)
    assert found.ratio == pytest.approx(0.5 / 8) and found.outcome == "better"


def test_a_recall_that_is_not_reached_counts_as_a_hundred_per_image() -> None:
    blind = fires(100, range(8), labelled=[(1, [0.9 - n / 100] if n < 18 else []) for n in range(20)])
    found = compare(fires(100, range(8)), blind, CONFIG)
    short = sum(recall > 0.9 + 1e-9 for recall in np.linspace(0.8, 1, 9))
    assert found.ratio == pytest.approx(math.exp(short / 9 * math.log(100 / 0.08)))


@pytest.mark.parametrize("times", [1, 4])
def test_where_it_cannot_tell_it_says_how_many_more_would(times: int) -> None:
    before, after = fires(40 * times, range(8 * times)), fires(40 * times, range(5 * times, 10 * times))
    found = compare(before, after, CONFIG)
    if times == 1:
        assert (found.outcome, found.limited_by) == ("cannot tell", "backgrounds")
        assert found.needed is not None and 40 <= found.needed <= 400 and found.needed % 5 == 0
    assert found.ratio == pytest.approx(5 / 8)


def test_so_many_more_do_tell() -> None:
    needed = compare(fires(40, range(8)), fires(40, range(5)), CONFIG).needed or 0
    times = (40 + needed) / 40
    after = compare(fires(40 + needed, range(round(8 * times))), fires(40 + needed, range(round(5 * times))), CONFIG)
    assert after.outcome == "better"


def test_labelled_images_limit_where_recall_is_what_varies() -> None:
    """With few objects the threshold jumps, and with it the false positives, of which every background has many."""
    empty = [[0.9, 0.6, 0.6, 0.6, 0.6] for _ in range(200)]
    before = scores_of([(1, [0.95])] * 3 + [(1, [0.5])], empty)
    after = scores_of([(1, [0.95])] * 2 + [(1, [0.5])] * 2, empty)
    found = compare(before, after, CompareConfig(conf=0.7, draws=300))
    assert (found.outcome, found.limited_by) == ("cannot tell", "labelled images")


def test_frames_of_one_clip_are_less_evidence() -> None:
    clips = [str(number // 10) for number in range(20)] + [f"clip {number // 10}" for number in range(40)]
    before = [[0.95] if number < 20 else [] for number in range(40)]
    after = [[0.95] if number < 6 else [] for number in range(40)]
    apart = compare(scores_of(FOUND, before), scores_of(FOUND, after), CONFIG)
    together = compare(
        scores_of(FOUND, before, groups=clips), scores_of(FOUND, after, groups=clips), CONFIG
    )  # the 14 that differ are in two of four clips
    assert apart.outcome == "better" and together.high > apart.high


def test_the_same_seed_gives_the_same_interval() -> None:
    one, other = fires(40, range(8)), fires(40, range(5))
    assert compare(one, other, CONFIG) == compare(one, other, CONFIG)


def test_scores_are_read_back_as_they_were_written_and_brought_to_the_same_images() -> None:
    scores = scores_of([(2, [0.9, 0.125]), (1, [])], [[0.3], [], [0.7, 0.6]])
    again = ImageScores.from_dict(scores.to_dict())
    assert again.to_dict() == scores.to_dict()
    turned = ImageScores.from_dict({"images": scores.to_dict()["images"][::-1]})  # type: ignore[index]
    part = turned.only(np.array([True, False, True, True, True]))  # without image 3
    first, second = on_the_same_images([scores, part])
    assert first.keys == second.keys == ("image 0", "image 1", "image 2", "image 4")
    assert first.to_dict() == second.to_dict()
