"""The rounds: scan with the current weights, choose, mix, train, measure; each step is on disk before the next.

A step that is done is not done again: its last file says so. So a run that was killed goes on in the middle of a round,
and its result is that of one that was not; a kill inside a training loses the epoch that was not whole.

The current weights are always the best so far, in scanning and as the start of the next training: nothing is built on a
round that lost. As the first round that gains little is the last, they are those of the round before.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from negmine.detectors.weights_files import hash_weights
from negmine.errors import ConfigError
from negmine.evaluating.figures import ModelFigures
from negmine.files import copy_file, write_file
from negmine.retraining.files import copy_start
from negmine.retraining.layout import place_negatives, read_negatives, write_data_yaml
from negmine.retraining.mixing import Mix, mix_of
from negmine.retraining.parts import Parts
from negmine.retraining.pictures import named
from negmine.retraining.result import RoundResult
from negmine.retraining.verdict import best_round, reason_to_stop
from negmine.training.base import EpochEnd, TrainingSet


def run_rounds(parts: Parts) -> tuple[tuple[RoundResult, ...], str | None]:
    """Make the rounds that are not made yet; whatever happens, the best weights so far are the result so far.

    Returns:
        The start and every round, and why there was no further one; None where all were made.
    """
    config = parts.config
    rounds = _done(parts) or [_start(parts)]
    while True:
        _keep(parts, rounds)
        stop = reason_to_stop(rounds, min_gain=config.min_gain, max_recall_loss=config.max_recall_loss)
        if len(rounds) > config.rounds or (stop is not None and config.stop_early):
            return tuple(rounds), stop
        result = _round(parts, len(rounds), rounds)
        if result is None:
            return tuple(rounds), "there is nothing to train on: the weights fire on no background that is mined"
        rounds.append(result)


def _done(parts: Parts) -> list[RoundResult]:
    """The rounds that are on disk."""
    rounds: list[RoundResult] = []
    while (path := parts.layout.round(len(rounds)).metrics).is_file():
        rounds.append(RoundResult.from_dict(json.loads(path.read_text(encoding="utf-8"))))
    return rounds


def _keep(parts: Parts, rounds: Sequence[RoundResult]) -> None:
    """Bring the lines of the rounds and the best weights up to date."""
    lines = "".join(json.dumps(each.to_dict()) + "\n" for each in rounds).encode()
    layout, best = parts.layout, best_round(rounds)
    if not layout.rounds.is_file() or layout.rounds.read_bytes() != lines:
        write_file(layout.rounds, lines)
    if not layout.best.is_file() or hash_weights(layout.best) != best.weights_sha256:
        copy_file(layout.round(best.number).weights, layout.best)


def _start(parts: Parts) -> RoundResult:
    """Round 0: the weights as they came."""
    began, folder = parts.clock(), parts.layout.round(0)
    if not folder.weights.is_file():
        copy_start(parts.start, folder.weights)
    write_data_yaml(folder, parts.class_names, negatives=False)
    place_negatives(parts.layout, folder, [], [])
    return _measure(parts, 0, Mix(0, 0, 0, len(parts.placed.empties)), None, began)


def _round(parts: Parts, number: int, rounds: Sequence[RoundResult]) -> RoundResult | None:
    """One round, from where it is; None where there is nothing to train on."""
    began, folder = parts.clock(), parts.layout.round(number)
    if folder.weights.is_file():
        mix = mix_of(parts, number, folder.weights)
    else:
        current = parts.layout.round(best_round(rounds).number).weights
        mix = mix_of(parts, number, current)
        if mix is not None:
            _train(parts, number, current)
    return None if mix is None else _measure(parts, number, mix, rounds[0].at_recall, began)


def _train(parts: Parts, number: int, current: Path) -> None:
    folder = parts.layout.round(number)
    negatives = (*read_negatives(parts.layout, folder), *parts.placed.empties)
    positives = parts.placed.positives
    parts.step(number, f"training on {len(positives)} images with objects and {len(negatives)} without")

    def tell(end: EpochEnd) -> None:
        parts.on_progress("epochs", end.epoch, end.epochs)

    data = TrainingSet(positives, negatives, parts.placed.val, parts.class_names)
    trained = parts.trainer.train(current, data, folder.training, on_epoch=tell)
    copy_file(trained, folder.weights)


def _measure(parts: Parts, number: int, mix: Mix, at_recall: float | None, began: float) -> RoundResult:
    """Measure a round's weights; `at_recall` is None for the start, whose own recall decides."""
    folder, yardstick = parts.layout.round(number), parts.yardstick
    parts.step(
        number, f"measuring on {len(yardstick.labelled)} labelled images and {len(yardstick.backgrounds)} backgrounds"
    )
    detector = parts.open_detector(replace(parts.detector, weights=str(folder.weights), conf=yardstick.config.floor))
    evidence = yardstick.look(detector, lambda done, total: parts.on_progress("images measured", done, total))
    if at_recall is None:
        recall = yardstick.figures(evidence).recall or 0.0
        if not recall:
            raise ConfigError(
                f"the start weights find no object of the data at --conf {parts.config.conf:g} and --imgsz "
                f"{parts.detector.imgsz}, so no recall can be kept; name weights that were trained on it, or a lower "
                "--conf"
            )
        at_recall = recall - parts.config.max_recall_loss
        if at_recall <= 0:
            raise ConfigError(
                f"expected a max-recall-loss under {recall:.3f}, the recall of the start, found "
                f"{parts.config.max_recall_loss:g}; lower it"
            )
    figures = yardstick.figures(evidence, at_recall)
    if evidence.skipped:
        skipped = named({each.source: each.reason for each in evidence.skipped})
        mix = replace(mix, notes=(*mix.notes, f"{len(evidence.skipped)} images were not measured on: {skipped}"))
    result = _result(number, hash_weights(folder.weights), mix, figures, at_recall, parts.clock() - began)
    document = result.to_dict() | {"figures": figures.to_dict()}
    write_file(folder.metrics, (json.dumps(document, indent=1) + "\n").encode())
    return result


def _result(number: int, sha256: str, mix: Mix, figures: ModelFigures, at_recall: float, seconds: float) -> RoundResult:
    return RoundResult(
        number=number,
        weights_sha256=sha256,
        negatives=mix.chosen + mix.variants + mix.empties if number else 0,
        fresh=mix.fresh,
        chosen=mix.chosen,
        variants=mix.variants,
        empties=mix.empties if number else 0,
        held_out=figures.background_images,
        conf=figures.conf,
        fppi=figures.fppi,
        images_with_fp=figures.images_with_fp,
        recall=figures.recall or 0.0,
        precision=figures.precision,
        at_recall=at_recall,
        threshold_at_recall=figures.threshold_at_recall,
        fppi_at_recall=figures.fppi_at_recall,
        map50=figures.map50,
        map50_95=figures.map50_95,
        lamr=figures.lamr,
        seconds=round(seconds, 3),
        notes=mix.notes,
    )
