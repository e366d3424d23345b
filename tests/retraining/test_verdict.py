"""Which round is best, and when it is enough: on a curve, and with evidence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from scored import scores_of

from negmine.evaluating.comparing import CompareConfig
from negmine.evaluating.image_scores import ImageScores
from negmine.evaluating.metrics.bootstrap import Interval
from negmine.retraining.cross_fit import Report
from negmine.retraining.result import RetrainResult, RoundResult
from negmine.retraining.verdict import Standings, reason_to_stop

CONFIG = CompareConfig(conf=0.25, recall_loss=0.01, draws=200)
OBJECTS = 20  # found at scores from 0.95 down to 0.4, so that each recall has its own threshold


def model(firing: int, *, first: int = 0, images: int = 60, found: int = OBJECTS) -> ImageScores:
    """A detector that fires on so many backgrounds, from `first` on, at a score that no recall of interest escapes."""
    labelled = [(1, [0.95 - 0.55 * number / OBJECTS] if number < found else []) for number in range(OBJECTS)]
    return scores_of(labelled, [[0.9] if first <= number < first + firing else [] for number in range(images)])


def standings(*scores: ImageScores) -> Standings:
    return Standings.of(scores, CONFIG)


def stop(of: Standings) -> str | None:
    return reason_to_stop(of, min_gain=0.05, max_recall_loss=0.01)


@pytest.mark.parametrize(
    ("firing", "best"),
    [
        ((30,), 0),
        ((30, 5), 1),
        ((30, 31), 0),  # no worse estimate than the start is handed back
        ((30, 30), 0),  # of equals the earlier
        ((30, 10, 3, 5), 2),
        ((30, 29), 1),  # what cannot be told apart is decided by the estimate
        ((0, 0), 0),
    ],
)
def test_the_best_has_the_fewest_false_positives_on_the_curve(firing: tuple[int, ...], best: int) -> None:
    assert standings(*map(model, firing)).best == best


def test_of_rounds_that_cannot_be_told_apart_the_one_with_the_fewest_at_the_recall_to_keep_is_best() -> None:
    labelled = [(1, [0.95 - 0.55 * number / OBJECTS]) for number in range(OBJECTS)]
    high, low = 0.9, 0.45  # the second counts at the highest recalls alone
    few_above = scores_of(labelled, [[high] * (n < 1) + [low] * (n < 12) for n in range(60)])
    few_there = scores_of(labelled, [[high] * (n < 3) for n in range(60)])
    found = standings(model(30), few_above, few_there)
    assert found.rounds[1].observed < found.rounds[2].observed
    assert found.best == 2
    assert standings(model(30), few_there, few_above).best == 1
    many_there = scores_of(labelled, [[high] * (n < 1) + [low] * (n < 25) for n in range(60)])
    assert standings(model(30), model(20), many_there).best == 2  # evidence decides


def test_a_round_that_no_threshold_brings_to_the_recall_is_no_candidate() -> None:
    blind = model(0, found=19)
    assert standings(model(30), blind).best == 0
    assert standings(model(30), blind, model(5)).best == 2


def test_a_round_that_loses_at_one_recall_by_luck_is_not_refused() -> None:
    """Six false positives became nine at the highest recall, and fewer at every other."""
    labelled = [(1, [0.95 - 0.55 * number / OBJECTS]) for number in range(OBJECTS)]
    high, low = 0.9, 0.45  # the second counts at the highest recalls alone
    start = scores_of(labelled, [[high] if number < 6 else [] for number in range(45)])
    after = scores_of(labelled, [[low] if number < 9 else [] for number in range(45)])
    found = standings(start, after)
    assert found.best == 1 and stop(found) is None
    assert found.against_start[1] is not None and found.against_start[1].outcome == "better"


@pytest.mark.parametrize(
    ("rounds", "said"),
    [
        ([model(30)], None),
        ([model(0)], "no false positives are left"),
        ([model(30), model(10)], None),
        ([model(30), model(31, first=20)], None),  # perhaps luck
        ([model(30), model(10), model(0)], "no false positives are left"),
        ([model(10), model(40)], "round 1 is worse than the start: 4 times the false positives over recalls 0.79"),
        ([model(30), model(30)], "round 1 does not lower false positives by 5% from the start"),
        ([model(30), model(31, first=20), model(32, first=10)], "2 rounds in a row did not improve on the start"),
        (
            [model(30), model(15), model(16, first=9), model(17, first=20)],
            "2 rounds in a row did not improve on round 1",
        ),
        ([model(30), model(10, found=10)], "recall fell by more than 0.01: no threshold of round 1 reaches 0.990"),
    ],
)
def test_it_stops_on_evidence_or_after_two_rounds_without_an_improvement(
    rounds: Sequence[ImageScores], said: str | None
) -> None:
    reason = stop(standings(*rounds))
    assert (reason is None) if said is None else (reason is not None and said in reason)


def test_the_next_round_continues_from_the_last_unless_it_is_shown_to_be_worse() -> None:
    assert standings(model(30)).next_start == 0
    assert standings(model(30), model(31, first=20)).next_start == 1
    assert standings(model(10), model(40)).next_start == 0


def test_rounds_are_compared_on_the_images_that_all_of_them_have() -> None:
    whole, part = model(30), model(30, images=50)
    found = standings(whole, part)
    assert found.rounds[0].observed == found.rounds[1].observed


def result_of(*scores: ImageScores, stopped: str | None = None) -> RetrainResult:
    found, here = standings(*scores), Path("x")
    rounds = tuple(
        RoundResult(
            number=number, weights_sha256="", negatives=0, fresh=0, chosen=0, variants=0, empties=0, steps=0,
            background_images=10, conf=0.25, fppi=9.0 - number, images_with_fp=3, recall=0.9, precision=0.5,
            at_recall=0.89, threshold_at_recall=0.5, fppi_at_recall=0.1, map50=0.8, map50_95=0.5, lamr=0.3,
            intervals={"fppi": [0.1, None]}, seconds=1.0, notes=("a",),
        )
        for number in range(len(scores))
    )  # fmt: skip
    report = Report(("the start", "round 1"), 1, (1, 1), 0.89, 0.76, 0.12, Interval(0.1, 0.2), Interval(-0.7, -0.5))
    return RetrainResult(
        here, here, rounds, found.best, found.against_start, report, ("do it",), stopped, (), here, here, here, 640, 1.0
    )


def test_a_round_is_read_back_as_it_was_written() -> None:
    only = result_of(model(1)).rounds[0]
    assert RoundResult.from_dict(only.to_dict() | {"figures": {}}) == only


def test_the_verdict_says_what_to_do_and_what_the_evidence_is() -> None:
    better = result_of(model(30), model(5))
    assert better.verdict.startswith(
        "use --conf 0.5: recall 0.89 or more (the start has 0.90 at 0.25), FPPI 0.76 -> 0.12"
    )
    assert "; better: 0.17 times the false positives over recalls 0.79 to 0.99 (90 % interval 0." in better.verdict
    unsure = result_of(model(10), model(7))
    evidence = r"cannot tell with \d+ labelled images and \d+ backgrounds: 0\.7 times .*more backgrounds would"
    assert re.search(evidence, unsure.verdict)
    assert "nothing helped" in result_of(model(5), model(6)).verdict
    document = better.to_dict()
    assert document["comparisons"][0] is None and document["comparisons"][1]["outcome"] == "better"  # type: ignore[index]
    assert document["advice"] == ["do it"] and document["report"]["chosen_by_halves"] == [1, 1]  # type: ignore[index]
