"""Which round is best, and when to stop: decided by held-out false positives at equal recall alone."""

from __future__ import annotations

from collections.abc import Sequence

from negmine.retraining.result import RoundResult


def best_round(rounds: Sequence[RoundResult]) -> RoundResult:
    """The round with the fewest false positives per image at the recall that all must reach; of equals the first.

    A round that reaches the recall at no threshold is not a candidate. The start, round 0, always reaches it, so the
    result is never worse than the start.
    """
    return min(rounds, key=lambda each: (each.fppi_at_recall is None, each.fppi_at_recall or 0.0, each.number))


def reason_to_stop(rounds: Sequence[RoundResult], *, min_gain: float, max_recall_loss: float) -> str | None:
    """Why to stop; None where another round may help.

    Args:
        rounds: the start and all rounds so far.
        min_gain: share by which a round must lower the false positives.
        max_recall_loss: how much recall may be lost.
    """
    last = rounds[-1]
    if last.fppi_at_recall is None:
        return (
            f"recall fell by more than {max_recall_loss:g}: no threshold reaches {last.at_recall:.3f} (it is "
            f"{last.recall:.3f} at {last.conf:g})"
        )
    if len(rounds) > 1:
        before = best_round(rounds[:-1]).fppi_at_recall or 0.0
        if last.fppi_at_recall > before * (1 - min_gain):
            return (
                f"held-out false positives did not fall by {min_gain:.0%} at equal recall: from {before:.3f} to "
                f"{last.fppi_at_recall:.3f} per image"
            )
    if last.fppi_at_recall == 0:
        return "no false positives are left on held-out images at equal recall"
    return None
