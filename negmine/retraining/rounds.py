"""The rounds: scan with the current weights, choose negatives, train, measure; each step is on disk before the next.

A step that is done is not done again: its last file says so. So a run that was killed resumes in the middle of a round,
and ends with the result of one that was not; a kill inside a training loses the epoch that was not finished.

The current weights are always the best so far, in scanning and as the start of the next training: nothing is built on a
round that lost. As the first round that gains little is the last, they are those of the round before. Weights are
calibrated as they are measured.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from negmine.detectors.weights_files import hash_weights
from negmine.files import copy_file, write_file
from negmine.retraining.calibrating import trained_weights
from negmine.retraining.context import Run
from negmine.retraining.measure import measure_round
from negmine.retraining.result import RoundResult
from negmine.retraining.selection import RoundCounts, select_negatives
from negmine.retraining.training_set import copy_start, place_negatives, read_negatives, write_data_yaml
from negmine.retraining.verdict import best_round, reason_to_stop
from negmine.training.base import EpochEnd, TrainingSet
from negmine.words import counted


def run_rounds(run: Run) -> tuple[tuple[RoundResult, ...], str | None]:
    """Make the rounds that are missing; after each, the best weights so far are in the folder.

    Returns:
        The start and every round, and why there was no further one; None where all were made.
    """
    config = run.config
    rounds = _done(run) or [_start(run)]
    while True:
        _keep(run, rounds)
        stop = reason_to_stop(rounds, min_gain=config.min_gain, max_recall_loss=config.max_recall_loss)
        if len(rounds) > config.rounds or (stop is not None and config.stop_early):
            return tuple(rounds), stop
        result = _round(run, len(rounds), rounds)
        if result is None:
            return tuple(rounds), "there is nothing to train on: the weights fire on no mined background"
        rounds.append(result)


def _done(run: Run) -> list[RoundResult]:
    """The rounds that are on disk."""
    rounds: list[RoundResult] = []
    while (path := run.folder.round(len(rounds)).metrics).is_file():
        rounds.append(RoundResult.from_dict(json.loads(path.read_text(encoding="utf-8"))))
    return rounds


def _keep(run: Run, rounds: Sequence[RoundResult]) -> None:
    """Bring the lines of the rounds and the best weights up to date."""
    lines = "".join(json.dumps(each.to_dict()) + "\n" for each in rounds).encode()
    folder, best = run.folder, best_round(rounds)
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


def _round(run: Run, number: int, rounds: Sequence[RoundResult]) -> RoundResult | None:
    """One round, from where it is; None where there is nothing to train on."""
    began, trained = run.ports.clock(), trained_weights(run, number)
    if trained.is_file():
        counts = select_negatives(run, number, trained)
    else:
        current = run.folder.round(best_round(rounds).number).weights
        counts = select_negatives(run, number, current)
        if counts is not None:
            _train(run, number, current)
    return None if counts is None else measure_round(run, number, counts, rounds[0].at_recall, began)


def _train(run: Run, number: int, current: Path) -> None:
    folder, images = run.folder.round(number), run.data.images
    negatives = (*read_negatives(run.folder, number), *images.empties)
    run.step(number, f"training on {counted(len(images.positives), 'image')} with objects and {len(negatives)} without")

    def tell(end: EpochEnd) -> None:
        run.listener.on_progress("epochs", end.epoch, end.epochs)

    data = TrainingSet(images.positives, negatives, images.val, run.data.class_names)
    trained = run.ports.trainer.train(current, data, folder.training, on_epoch=tell)
    copy_file(trained, trained_weights(run, number))
