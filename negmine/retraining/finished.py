"""Reading back a retraining that is finished: what it says of its result, and what each round found where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from negmine.errors import ConfigError
from negmine.evaluating.image_scores import ImageScores
from negmine.evaluating.seen import SeenImage
from negmine.files import reason_of
from negmine.paths import printable
from negmine.retraining.documents import as_record, reading
from negmine.retraining.folder import RetrainFolder
from negmine.retraining.measure import scores_in
from negmine.retraining.result import RoundResult


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a retraining says of its result; see `RetrainResult`."""

    start: str
    weights: str
    best: int
    improved: bool
    conf: float | None
    verdict: str
    advice: tuple[str, ...]
    stopped: str | None
    notes: tuple[str, ...]
    folds: int
    imgsz: int | None


@dataclass(frozen=True, slots=True)
class AgainstStart:
    """A round compared with the start; see `Comparison`."""

    outcome: str
    fppi_ratio: float
    fppi_ratio_interval: tuple[float, ...]
    recalls: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class OnOthers:
    """What the retraining brings on images that did not choose the round; see `cross_fit.Report`."""

    chosen_by_halves: tuple[int, ...]
    at_recall: float
    fppi_before: float | None
    fppi_after: float | None
    fppi_after_interval: tuple[float | None, ...]
    fppi_difference_interval: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, eq=False)
class FinishedRetraining:
    """A retraining that is finished.

    Attributes:
        out: its folder.
        verdict: what it says of its result.
        on_others: figures of images that did not choose the round.
        rounds: of the start and every round, blends last.
        against_start: each round compared with the start; None for the start.
        scores: what each round found in the images that were measured on.
        seen: where each found it; None for a round of an older negmine, which did not write that down.
        seed: of its samples.
    """

    out: Path
    verdict: Verdict
    on_others: OnOthers
    rounds: tuple[RoundResult, ...]
    against_start: tuple[AgainstStart | None, ...]
    scores: tuple[ImageScores, ...]
    seen: tuple[tuple[SeenImage, ...] | None, ...]
    seed: int

    @property
    def shown(self) -> int:
        """The round to compare with the start: the best; where that is the start, the last that was trained, or 0."""
        if self.verdict.best:
            return self.verdict.best
        return max((each.number for each in self.rounds if each.blended is None), default=0)

    def conf_of(self, number: int) -> float:
        """The score from which a detection of a round counts: where it keeps the recall, or the user's own."""
        found = self.rounds[number]
        if number == 0 or found.shifts is not None or found.threshold_at_recall is None:
            return found.conf
        return found.threshold_at_recall


def read_finished(out: str | Path) -> FinishedRetraining:
    """Read a finished retraining.

    Raises:
        ConfigError: where the folder holds none, one that is not finished, or a damaged one.
    """
    folder = RetrainFolder(Path(out))
    where = printable(folder.out)
    try:
        if not folder.state.is_file():
            raise ConfigError(f"expected the folder of a retraining, found no retrain.json in {where}; name its --out")
        if not folder.result.is_file():
            raise ConfigError(
                f"the retraining in {where} is not finished: it has no result.json; run the same `negmine retrain` "
                "command with --resume"
            )
        with reading(folder.result) as document:
            verdict = as_record(Verdict, document)
            on_others = as_record(OnOthers, document["report"])
            rounds = tuple(RoundResult.from_dict(each) for each in document["rounds"])
            against = tuple(None if each is None else _against(each) for each in document["comparisons"])
            _check(verdict, on_others, rounds, against)
        seen = tuple(_seen(folder.round(each.number).detections) for each in rounds)
        scores = tuple(scores_in(folder.round(each.number).scores) for each in rounds)
        return FinishedRetraining(folder.out, verdict, on_others, rounds, against, scores, seen, _seed(folder.state))
    except OSError as error:
        name = printable(error.filename) if error.filename else where
        raise ConfigError(
            f"{name}: {reason_of(error)}; put back what was there, or name the folder of another retraining"
        ) from error


def _against(document: Mapping[str, object]) -> AgainstStart:
    found = as_record(AgainstStart, document)
    if len(found.fppi_ratio_interval) != 2 or len(found.recalls) != 2:
        raise ValueError("an interval has two ends")
    return found


def _check(
    verdict: Verdict, on_others: OnOthers, rounds: Sequence[RoundResult], against: Sequence[AgainstStart | None]
) -> None:
    numbers = [each.number for each in rounds]
    if not rounds or numbers != list(range(len(rounds))) or len(against) != len(rounds) or against[0] is not None:
        raise ValueError("its rounds are not numbered from 0")
    if verdict.best not in numbers:
        raise ValueError("the best is none of its rounds")
    if len(on_others.chosen_by_halves) not in (0, 2) or not set(on_others.chosen_by_halves) <= set(numbers):
        raise ValueError("what a half chose is none of its rounds")
    if verdict.conf is not None and not 0 <= verdict.conf <= 1:
        raise ValueError("expected conf from 0 to 1")


def _seen(path: Path) -> tuple[SeenImage, ...] | None:
    if not path.is_file():
        return None
    with reading(path) as document:
        return tuple(SeenImage.from_dict(each) for each in document["images"])


def _seed(path: Path) -> int:
    with reading(path) as document:
        seed = document["settings"]["seed"]
        if type(seed) is not int or seed < 0:
            raise ValueError("a seed is a whole number")
        return seed
