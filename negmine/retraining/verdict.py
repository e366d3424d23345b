"""Which round is best, and when to stop: decided by false positives on held-out images, on a curve, with the evidence.

Rounds are compared by the level of their curves: the mean log of false positives per image over a range of recalls that
ends at the recall that every round must reach (`negmine.evaluating.metrics.curve_level`). A bootstrap over images says
how far the difference would move on other images. Of rounds that cannot be told apart, the one with the fewest false
positives at the recall to keep is chosen. Only evidence ends the rounds at once; without it, two rounds without an
improvement end them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from negmine.evaluating.comparing import CompareConfig, Comparison, Level, Levels, levels_of
from negmine.evaluating.image_scores import ImageScores, on_the_same_images
from negmine.retraining.config import RetrainConfig

PATIENCE = 2  # rounds without an improvement


@dataclass(frozen=True, slots=True, eq=False)
class Standings:
    """The rounds compared on the same images; the first is the start.

    Attributes:
        levels: compares any two.
        rounds: the level of each round's curve.
        against_start: each round against the start; None for the start itself.
    """

    levels: Levels
    rounds: tuple[Level, ...]
    against_start: tuple[Comparison | None, ...]

    @classmethod
    def of(cls, scores: Sequence[ImageScores], config: CompareConfig) -> Standings:
        """Compare the rounds by their scores on held-out images, those that all of them have."""
        levels, rounds = levels_of(on_the_same_images(scores), config)
        against = (None, *(levels.compare(rounds[0], each) for each in rounds[1:]))
        return cls(levels, tuple(rounds), against)

    @property
    def best(self) -> int:
        """The best round by the point estimate, of equals the first; see `best_of`."""
        return self.best_of(len(self.rounds))

    @property
    def next_start(self) -> int:
        """The round whose weights the next one continues from: the last, unless it is shown to be worse."""
        last = len(self.rounds) - 1
        compared = self.against_best_before
        return self.best if compared is not None and compared.outcome == "worse" else last

    @property
    def against_best_before(self) -> Comparison | None:
        """The last round against the best before; None where there is only the start."""
        if len(self.rounds) == 1:
            return None
        return self.levels.compare(self.rounds[self.best_of(len(self.rounds) - 1)], self.rounds[-1])

    def best_of(self, count: int) -> int:
        """The best of the first so many rounds.

        A round is a candidate if a threshold of it reaches the recall to keep, and its curve is lower than that of the
        start. Of those that cannot be told from the lowest curve, the best has the fewest false positives at the recall
        to keep, where the result will be used: few at lower recalls do not make up for more there.
        """
        start, observed = self.rounds[0].observed, [level.observed for level in self.rounds]
        lower = [n for n in range(1, count) if self.rounds[n].reaches and observed[n] < start]
        if not lower:
            return 0
        lowest = self.rounds[min(lower, key=lambda number: (observed[number], number))]
        alike = [n for n in lower if self.levels.compare(lowest, self.rounds[n]).outcome != "worse"]
        return min(alike, key=lambda number: (self.rounds[number].most_false, observed[number], number))


def compare_config(config: RetrainConfig) -> CompareConfig:
    """How the rounds of a retraining are compared."""
    return CompareConfig(conf=config.conf, recall_loss=config.max_recall_loss, seed=config.seed)


def reason_to_stop(standings: Standings, *, min_gain: float, max_recall_loss: float) -> str | None:
    """Why to stop; None where another round may help.

    Args:
        standings: the start and all rounds so far.
        min_gain: share by which a round must lower the false positives: it is the last where the interval says that it
            does not.
        max_recall_loss: how much recall may be lost.
    """
    last = len(standings.rounds) - 1
    if standings.rounds[last].most_false == 0:
        return "no false positives are left on held-out images at equal recall"
    compared = standings.against_best_before
    if compared is None:
        return None
    best = standings.best_of(last)
    before = f"round {best}" if best else "the start"
    if compared.outcome == "worse" and not standings.rounds[last].reaches:
        end = standings.levels.recalls[1]
        return f"recall fell by more than {max_recall_loss:g}: no threshold of round {last} reaches {end:.3f}"
    if compared.outcome == "worse":
        return f"round {last} is worse than {before}: {compared.evidence}"
    if compared.low > 1 - min_gain:
        return f"round {last} does not lower false positives by {min_gain:.0%} from {before}: {compared.evidence}"
    if last - standings.best >= PATIENCE:
        best_now = f"round {standings.best}" if standings.best else "the start"
        return f"{PATIENCE} rounds in a row did not improve on {best_now}"
    return None
