"""The rounds: scan with the current weights, choose negatives, train, measure; each step is on disk before the next.

A step that is done is not done again: its last file says so. So a run that was killed resumes in the middle of a round,
and ends with the result of one that was not; a kill inside a training loses the epoch that was not finished.

The current weights, which scan and which the next training starts from, are those of the last round, unless it is
shown to be worse than the best before: nothing is built on a round that lost.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from negmine.detectors.weights_files import hash_weights
from negmine.evaluating.image_scores import ImageScores
from negmine.files import copy_file, write_file
from negmine.retraining.context import Run
from negmine.retraining.measure import measure_round, read_scores
from negmine.retraining.result import RoundResult
from negmine.retraining.selection import RoundCounts, select_negatives
from negmine.retraining.training_set import copy_start, place_negatives, read_negatives, write_data_yaml
from negmine.retraining.verdict import Standings, compare_config, reason_to_stop
from negmine.training.base import EpochEnd, TrainingSet
from negmine.words import counted


@dataclass(frozen=True, slots=True, eq=False)
class Rounds:
    """The rounds that were made.

    Attributes:
        results: of the start and every round.
        scores: what each found in the images that were measured on.
        standings: the rounds compared.
        stopped: why there was no further one; None where all were made.
    """

    results: tuple[RoundResult, ...]
    scores: tuple[ImageScores, ...]
    standings: Standings
    stopped: str | None


def run_rounds(run: Run) -> Rounds:
    """Make the rounds that are missing; after each, the best weights so far are in the folder."""
    config, nothing = run.config, "there is nothing to train on: the weights fire on no mined background"
    results = _done(run) or [_start(run)]
    scores = [read_scores(run, number) for number in range(len(results))]
    while True:
        standings = Standings.of(scores, compare_config(config))
        _keep(run, results, standings.best)
        stop = reason_to_stop(standings, min_gain=config.min_gain, max_recall_loss=config.max_recall_loss)
        if len(results) > config.rounds or (stop is not None and config.stop_early):
            return Rounds(tuple(results), tuple(scores), standings, stop)
        result = _round(run, len(results), standings.next_start, results[0].at_recall)
        if result is None:
            return Rounds(tuple(results), tuple(scores), standings, nothing)
        results.append(result)
        scores.append(read_scores(run, result.number))


def _done(run: Run) -> list[RoundResult]:
    """The rounds that are on disk."""
    rounds: list[RoundResult] = []
    while (path := run.folder.round(len(rounds)).metrics).is_file():
        rounds.append(RoundResult.from_dict(json.loads(path.read_text(encoding="utf-8"))))
    return rounds


def _keep(run: Run, rounds: Sequence[RoundResult], number: int) -> None:
    """Bring the lines of the rounds and the best weights up to date."""
    lines = "".join(json.dumps(each.to_dict()) + "\n" for each in rounds).encode()
    folder, best = run.folder, rounds[number]
    if not folder.rounds.is_file() or folder.rounds.read_bytes() != lines:
        write_file(folder.rounds, lines)
    if not folder.best.is_file() or hash_weights(folder.best) != best.weights_sha256:
        copy_file(folder.round(best.number).weights, folder.best)


def _start(run: Run) -> RoundResult:
    """Round 0: the weights as they came."""
    began, folder = run.ports.clock(), run.folder.round(0)
    if not folder.weights.is_file():
        copy_start(Path(run.detector.weights), folder.weights)
    write_data_yaml(folder, run.data.class_names, channels=run.data.channels, negatives=False)
    place_negatives(run.folder, 0, [], [])
    return measure_round(run, 0, RoundCounts(0, 0, 0, len(run.data.images.empties)), None, began)


def _round(run: Run, number: int, start: int, at_recall: float) -> RoundResult | None:
    """One round, from where it is, with the weights of the round `start`; None where there is nothing to train on."""
    began, folder = run.ports.clock(), run.folder.round(number)
    if folder.weights.is_file():
        counts = select_negatives(run, number, folder.weights)
    else:
        current = run.folder.round(start).weights
        counts = select_negatives(run, number, current)
        if counts is not None:
            _train(run, number, current)
    return None if counts is None else measure_round(run, number, counts, at_recall, began)


def _train(run: Run, number: int, current: Path) -> None:
    folder, images = run.folder.round(number), run.data.images
    negatives = (*read_negatives(run.folder, number), *images.empties)
    run.step(number, f"training on {counted(len(images.positives), 'image')} with objects and {len(negatives)} without")

    def tell(end: EpochEnd) -> None:
        run.listener.on_progress("epochs", end.epoch, end.epochs)

    data = TrainingSet(images.positives, negatives, images.val, run.data.class_names)
    trained = run.ports.trainer.train(current, data, folder.training, on_epoch=tell)
    copy_file(trained, folder.weights)
