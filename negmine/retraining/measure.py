"""Measuring the weights of a round on what is held out, at the recall of the start."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from negmine.detectors.weights_files import hash_weights
from negmine.errors import ConfigError
from negmine.evaluating.config import EvalConfig
from negmine.evaluating.figures import ModelFigures, figures
from negmine.evaluating.image_scores import ImageScores
from negmine.evaluating.intervals import FigureIntervals, SampledFigures, figure_samples
from negmine.evaluating.seen import seen_images
from negmine.files import write_file
from negmine.paths import first_few
from negmine.retraining.calibrating import MatchedRound
from negmine.retraining.context import Run
from negmine.retraining.documents import reading
from negmine.retraining.result import RoundResult
from negmine.retraining.selection import RoundCounts
from negmine.words import counted


def measure_round(
    run: Run, number: int, found: MatchedRound, counts: RoundCounts, at_recall: float | None, began: float
) -> RoundResult:
    """Derive the figures of a round from what it found, and write them down.

    Args:
        run: the retraining.
        number: of the round.
        found: in the images that are held out.
        counts: what it was trained on.
        at_recall: the recall that false positives are compared at; None for the start, whose own recall decides.
        began: when the round began, by the clock of the run.

    Raises:
        ConfigError: where the start finds no object, or fewer than may be lost.
    """
    folder = run.folder.round(number)
    sha256 = hash_weights(folder.weights)
    matched = replace(found.matched, sha256=sha256)
    config = EvalConfig(conf=run.config.conf, labels=run.config.labels)
    if at_recall is None:
        at_recall = _recall_to_keep(run, figures(matched, config).recall or 0.0)
    measured = figures(matched, config, at_recall=at_recall)
    scores = ImageScores.of(
        matched, conf=config.conf, group_of=lambda image: run.data.groups.get(image.sha256, image.sha256)
    )
    write_file(folder.scores, (json.dumps(scores.to_dict()) + "\n").encode())
    lowest = min(config.conf, config.conf if measured.threshold_at_recall is None else measured.threshold_at_recall) / 2
    seen = seen_images(matched, scores, lowest, config.match)
    rows = {"lowest": lowest, "images": [image.to_dict() for image in seen]}
    write_file(folder.detections, (json.dumps(rows) + "\n").encode())
    intervals = _intervals(run, scores, at_recall)
    counts = replace(counts, notes=(*counts.notes, *found.notes))
    if matched.skipped:
        skipped = first_few({each.source: each.reason for each in matched.skipped})
        note = f"{counted(len(matched.skipped), 'image')} not measured on: {skipped}"
        counts = replace(counts, notes=(*counts.notes, note))
    result = _result(number, counts, measured, intervals, sha256, run.ports.clock() - began)
    result = replace(result, shifts=found.shifts)
    document = result.to_dict() | {"figures": measured.to_dict()}
    write_file(folder.metrics, (json.dumps(document, indent=1) + "\n").encode())
    return result


def read_scores(run: Run, number: int) -> ImageScores:
    """What a round found in each image that was measured on, as it was written down."""
    return scores_in(run.folder.round(number).scores)


def scores_in(path: Path) -> ImageScores:
    """What is in the file of the scores of a round.

    Raises:
        ConfigError, OSError: as `reading`.
    """
    with reading(path) as document:
        scores = ImageScores.from_dict(document)
        if not scores.keys:
            raise ValueError("it holds no image")
    return scores


def _intervals(run: Run, scores: ImageScores, at_recall: float) -> FigureIntervals:
    weights = figure_samples(scores, seed=run.config.seed)
    return SampledFigures.of(scores, weights, conf=run.config.conf, at_recall=at_recall).intervals()


def _recall_to_keep(run: Run, recall: float) -> float:
    """The recall that every round must reach: that of the start, less what may be lost."""
    if not recall:
        raise ConfigError(
            f"the start weights find no object of the data at --conf {run.config.conf:g} and --imgsz "
            f"{run.detector.imgsz}, so no recall can be kept; name weights that were trained on it, or a lower --conf"
        )
    to_keep = recall - run.config.max_recall_loss
    if to_keep <= 0:
        raise ConfigError(
            f"expected a max-recall-loss under {recall:.3f}, the recall of the start, found "
            f"{run.config.max_recall_loss:g}; lower it"
        )
    return to_keep


def _result(
    number: int,
    counts: RoundCounts,
    measured: ModelFigures,
    intervals: FigureIntervals,
    weights_sha256: str,
    seconds: float,
) -> RoundResult:
    empties = counts.empties if number else 0  # the start was trained on nothing here
    return RoundResult(
        number=number,
        weights_sha256=weights_sha256,
        negatives=counts.chosen + counts.variants + empties,
        fresh=counts.fresh,
        chosen=counts.chosen,
        variants=counts.variants,
        empties=empties,
        steps=counts.steps,
        blended=counts.blended,
        start_share=counts.start_share,
        background_images=measured.background_images,
        conf=measured.conf,
        fppi=measured.fppi,
        images_with_fp=measured.images_with_fp,
        recall=measured.recall or 0.0,
        precision=measured.precision,
        at_recall=measured.at_recall or 0.0,
        threshold_at_recall=measured.threshold_at_recall,
        fppi_at_recall=measured.fppi_at_recall,
        map50=measured.map50,
        map50_95=measured.map50_95,
        lamr=measured.lamr,
        intervals=intervals.to_dict(),
        seconds=round(seconds, 3),
        notes=counts.notes,
    )
