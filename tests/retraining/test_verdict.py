"""Which round is best, and when it is enough."""

from __future__ import annotations

from pathlib import Path

import pytest

from negmine.retraining.result import RetrainResult, RoundResult
from negmine.retraining.verdict import best_round, reason_to_stop


def rounds(*fppi_at_recall: float | None) -> list[RoundResult]:
    """Rounds with these false positives at equal recall."""
    return [
        RoundResult(
            number=number, weights_sha256="", negatives=0, fresh=0, chosen=0, variants=0, empties=0,
            background_images=10, conf=0.25, fppi=9.0 - number, images_with_fp=3, recall=0.9, precision=0.5,
            at_recall=0.89,
            threshold_at_recall=None if fppi is None else 0.5, fppi_at_recall=fppi, map50=0.8, map50_95=0.5, lamr=0.3,
            seconds=1.0, notes=("a",),
        )
        for number, fppi in enumerate(fppi_at_recall)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fppi", "best"),
    [
        ((1.0,), 0),
        ((1.0, 0.5), 1),
        ((1.0, 1.5), 0),  # never something worse than it got
        ((1.0, 1.0), 0),  # of equals the earlier
        ((1.0, 0.5, 0.2, 0.3), 2),
        ((1.0, None), 0),  # no threshold reaches the recall
        ((1.0, None, 0.4), 2),
        ((0.0, 0.0), 0),
    ],
)
def test_the_best_has_the_fewest_false_positives_at_equal_recall(fppi: tuple[float | None, ...], best: int) -> None:
    assert best_round(rounds(*fppi)).number == best


@pytest.mark.parametrize(
    ("fppi", "said"),
    [
        ((1.0,), None),
        ((0.0,), "no false positives are left"),
        ((1.0, 0.94), None),
        ((1.0, 0.96), "did not fall by 5%"),
        ((1.0, 0.95), None),  # five in a hundred are not less than five
        ((1.0, 1.2), "did not fall by 5%"),
        ((1.0, 0.5, 0.49), "from 0.500 to 0.490"),
        ((1.0, 0.5, 0.0), "no false positives are left"),
        ((1.0, None), "recall fell by more than 0.01: no threshold reaches 0.890"),
    ],
)
def test_it_stops_when_a_round_gains_little_or_loses_recall(fppi: tuple[float | None, ...], said: str | None) -> None:
    reason = reason_to_stop(rounds(*fppi), min_gain=0.05, max_recall_loss=0.01)
    assert (reason is None) if said is None else (reason is not None and said in reason)


def test_a_round_is_read_back_as_it_was_written() -> None:
    (only,) = rounds(0.25)
    assert RoundResult.from_dict(only.to_dict() | {"figures": {}}) == only


@pytest.mark.parametrize(
    ("fppi", "said"), [((0.76, 0.12), "use --conf 0.5: recall 0.89 or more"), ((0.5, 0.7), "nothing helped")]
)
def test_the_verdict_says_what_to_do(fppi: tuple[float, float], said: str) -> None:
    every = tuple(rounds(*fppi))
    here = Path("x")
    result = RetrainResult(here, here, every, best_round(every).number, None, (), here, here, here, 640, 1.0)
    assert said in result.verdict
    assert ("FPPI 0.76 -> 0.12" in result.verdict) is result.improved
