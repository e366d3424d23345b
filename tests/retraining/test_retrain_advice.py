"""Each cause is named where the figures show it, and only there."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from scored import scores_of

from negmine.evaluating.comparing import Comparison
from negmine.evaluating.image_scores import ImageScores
from negmine.retraining.advice import Evidence, advise
from negmine.retraining.result import RoundResult

FOUND = [(1, [0.9 - number / 20]) for number in range(10)]  # half of them score 0.7 or more
FAINT = scores_of(FOUND, [[0.5], [0.6], []])
SURE = scores_of(FOUND, [[0.5], [0.8], []])
BETTER = Comparison("better", 0.1, 0.05, 0.2, (0.7, 0.9))


def unsure(limited_by: str, needed: int | None = 60) -> Comparison:
    return Comparison("cannot tell", 0.8, 0.5, 1.2, (0.7, 0.9), limited_by, needed)  # type: ignore[arg-type]


def round_of(number: int, fresh: int, with_fp: int) -> RoundResult:
    return RoundResult(
        number=number, weights_sha256="", negatives=0, fresh=fresh, chosen=0, variants=0, empties=0, steps=0,
        background_images=50, conf=0.25, fppi=1.0, images_with_fp=with_fp, recall=0.9, precision=0.5, at_recall=0.89,
        threshold_at_recall=0.5, fppi_at_recall=0.1, map50=0.8, map50_95=0.5, lamr=0.3, intervals={}, seconds=1.0,
    )  # fmt: skip


ROUNDS = [round_of(0, 0, 20), round_of(1, 100, 8), round_of(2, 20, 4)]


def advice(
    comparison: Comparison | None = BETTER,
    *,
    rounds: Sequence[RoundResult] = ROUNDS,
    scores: Sequence[ImageScores] = (FAINT, FAINT, FAINT),
    steps: int = 300,
    best: int = 1,
    by_share: bool = True,
) -> tuple[str, ...]:
    return advise(Evidence(rounds, scores, best, comparison, steps, by_share))


def test_nothing_is_said_where_no_cause_shows() -> None:
    assert advice() == ()
    assert advice(None, rounds=ROUNDS[:1], scores=[SURE], steps=1, best=0) == ()


def test_too_few_steps() -> None:
    (said,) = advice(unsure("backgrounds", None), steps=32)
    assert "each training took 32 steps" in said and "--steps 150 or more" in said
    assert advice(BETTER, steps=32) == () and advice(unsure("backgrounds", None), steps=150) == ()


def test_a_larger_share_is_advised_only_where_a_share_is_held_out() -> None:
    shares, folds = (advice(unsure("backgrounds", 20), by_share=each)[0] for each in (True, False))
    assert shares == f"{folds}, or hold out more of them with --holdout"


@pytest.mark.parametrize(
    ("limit", "how"), [("backgrounds", "give more with --backgrounds"), ("labelled images", "label more images")]
)
def test_too_few_images_to_tell(limit: str, how: str) -> None:
    (said,) = advice(unsure(limit))
    assert f"too few {limit} are held out" in said and "about 60 more" in said and how in said
    assert advice(unsure(limit, None)) == ()


def test_backgrounds_unlike_those_held_out() -> None:
    (said,) = advice(rounds=[round_of(0, 0, 20), round_of(1, 100, 16), round_of(2, 20, 15)])
    assert "learned the mined backgrounds (false positives on 100, then on 20)" in said
    assert "not those held out (on 20, then on 16)" in said
    for rounds in (
        ROUNDS,  # those held out are mended as well
        [round_of(0, 0, 20), round_of(1, 100, 18), round_of(2, 60, 18)],  # nothing was learned
        [round_of(0, 0, 5), round_of(1, 100, 5), round_of(2, 20, 5)],  # too few to say
        [round_of(0, 0, 20), round_of(1, 100, 16)],  # nobody has looked at the mined ones again
    ):
        assert advice(rounds=rounds) == ()


def test_targets_without_a_label() -> None:
    (said,) = advice(scores=[SURE, SURE, SURE])
    assert "1 held-out image without targets has false positives that score like targets" in said and "11.png" in said
    assert advice(scores=[SURE, FAINT, FAINT]) == ()  # it was learned
    assert advice(scores=[FAINT, SURE, SURE]) == ()  # it is new
    blind = scores_of([(1, []) for _ in FOUND], [[0.9], [], []])
    assert advice(scores=[blind, blind, blind]) == ()  # there is nothing to compare with
