"""Calibrating what a round trained, so that at the user's own score it finds what the start found there.

The trained weights are run over what is held out once, and further down than an evaluation goes. Their detections give
the shifts, the shifts are written into the weights of the round, and the same detections, moved, are what the round is
measured by. So the next round scans with calibrated weights, and the result is calibrated.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from negmine.detectors.weights_files import hash_weights
from negmine.evaluating.calibrate import AtConf, at_conf, calibrated, fit_shifts
from negmine.evaluating.config import EvalConfig
from negmine.evaluating.match import MatchedDetections
from negmine.evaluating.predict import predict_and_match
from negmine.files import write_file
from negmine.labels.classes import match_class_names
from negmine.paths import printable
from negmine.retraining.config import RetrainConfig
from negmine.retraining.context import Run
from negmine.training.base import CalibratingTrainer, Trainer
from negmine.training.calibration import Calibration

# The lowest score of detections that are going to be moved, the last place of a score: after a shift of up to 4.6
# logits they reach down to the floor of an evaluation, 0.001, as if the calibrated weights had been run.
_FLOOR = 0.00001


@dataclass(frozen=True, slots=True, eq=False)
class MatchedRound:
    """What the weights of a round find on what is held out.

    Attributes:
        matched: the detections of the weights that the round ends with.
        shifts: of the class logits, by the data's name of the class; None where the weights are not calibrated.
        notes: what the user may want to know, a line each.
    """

    matched: MatchedDetections
    shifts: Mapping[str, float] | None = None
    notes: tuple[str, ...] = ()


def calibrates(run: Run) -> bool:
    """Whether trained weights are calibrated: where that is asked for, and the trainer can."""
    return run.config.calibrate and isinstance(run.ports.trainer, CalibratingTrainer)


def calibration_notes(config: RetrainConfig, trainer: Trainer) -> tuple[str, ...]:
    """What the user may want to know before the first round."""
    if not config.calibrate or isinstance(trainer, CalibratingTrainer):
        return ()
    return ("the trainer cannot calibrate weights, so the scores of the result are as they are trained",)


def trained_weights(run: Run, number: int) -> Path:
    """Where the weights of a round are kept as they were trained; once they are there, the training is done."""
    folder = run.folder.round(number)
    return folder.trained if calibrates(run) else folder.weights


def match_round(run: Run, number: int, config: EvalConfig) -> MatchedRound:
    """Run what a round trained over what is held out; the weights of the round are written, where they are calibrated.

    Args:
        run: the retraining.
        number: of the round; the start, round 0, is never calibrated.
        config: the score of the user, and thresholds.
    """
    trainer, start = run.ports.trainer, run.folder.round(0)
    if number == 0 or not (run.config.calibrate and isinstance(trainer, CalibratingTrainer)):
        matched = _match(run, run.folder.round(number).weights, config)
        if number == 0:
            found = {name: asdict(counts) for name, counts in at_conf(matched, config.conf).items()}
            write_file(start.at_conf, (json.dumps(found, indent=1) + "\n").encode())
        return MatchedRound(matched)
    folder = run.folder.round(number)
    matched = _match(run, folder.trained, replace(config, floor=min(config.floor, _FLOOR)))
    before = {name: AtConf(**counts) for name, counts in json.loads(start.at_conf.read_text("utf-8")).items()}
    fitted = fit_shifts(before, matched, config.conf, max_recall_loss=run.config.max_recall_loss)
    trainer.calibrate(folder.trained, _by_class_id(run, fitted.shifts, config.conf), folder.weights)
    moved = calibrated(matched, fitted.shifts, floor=config.floor)
    notes = tuple(_short(name, config.conf) for name in fitted.short)
    return MatchedRound(replace(moved, sha256=hash_weights(folder.weights)), dict(fitted.shifts), notes)


def _match(run: Run, weights: Path, config: EvalConfig) -> MatchedDetections:
    detector = run.ports.open_detector(replace(run.detector, weights=str(weights), conf=config.floor))
    return predict_and_match([detector], run.data.measured, config, run.listener.counts("images measured"))[0]


def _by_class_id(run: Run, shifts: Mapping[str, float], conf: float) -> Calibration:
    """Classes that the data does not list are not measured, and keep their scores."""
    names = match_class_names(dict(enumerate(run.data.class_names)), run.data.measured.truth.class_names)
    return Calibration(conf, {number: shifts[name] for number, name in names.items() if name in shifts})


def _short(name: str, conf: float) -> str:
    return (
        f"class {printable(name)} does not reach the recall of the start at {conf:g} without clearly more false "
        "positives, so its scores were raised only as far as that"
    )
