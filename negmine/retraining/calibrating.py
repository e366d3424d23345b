"""Calibrating what a round trained, so that at the user's own score it finds what the start found there.

The trained weights are run over what is held out once, and further down than an evaluation goes. Their detections give
the shifts, the shifts are written into the weights of the round, and the same detections, moved, are what the round is
measured by. So the next round scans with calibrated weights, and the result is calibrated.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from negmine.evaluating.calibrate import AtConf, at_conf, calibrated, fit_shifts
from negmine.evaluating.config import EvalConfig
from negmine.evaluating.match import MatchedDetections, merge_matched
from negmine.evaluating.predict import predict_and_match
from negmine.files import write_file
from negmine.labels.classes import match_class_names
from negmine.paths import printable
from negmine.retraining.context import Member, Run
from negmine.retraining.documents import as_record, reading
from negmine.training.base import CalibratingTrainer
from negmine.training.calibration import Calibration
from negmine.videos.contents import OnCount
from negmine.words import counted

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
    """Whether trained weights are calibrated: where that is asked for, and the trainers can."""
    return run.config.calibrate and all(isinstance(member.trainer, CalibratingTrainer) for member in run.members)


def calibration_notes(run: Run) -> tuple[str, ...]:
    """What the user may want to know before the first round."""
    if calibrates(run) or not run.config.calibrate:
        return ()
    return ("the trainer cannot calibrate weights, so the scores of the result are as they are trained",)


def trained_weights(run: Run, number: int, member: Member) -> Path:
    """Where the weights of a member are kept as they were trained; once they are there, the training is done."""
    home = run.home(number, member)
    return home.trained if calibrates(run) else home.weights


def match_round(run: Run, number: int, title: str | None = None) -> MatchedRound:
    """Run each member of a round over what it never saw; its weights are written, where they are calibrated.

    All members get the shifts that fit the detections of all of them, and so does their average, which is not measured
    itself: a shift is added to the bias of the head, and biases are averaged.

    Args:
        run: the retraining.
        number: of the round; the start, round 0, is never calibrated.
        title: of a blend.
    """
    config = EvalConfig(conf=run.config.conf, labels=run.config.labels)
    if number == 0:
        matched = _match(run, 0, [run.weights_of(0, member) for member in run.members], config)
        found = {name: asdict(counts) for name, counts in at_conf(matched, config.conf).items()}
        write_file(run.folder.round(0).at_conf, (json.dumps(found, indent=1) + "\n").encode())
        return MatchedRound(matched)
    trained = [trained_weights(run, number, member) for member in run.members]
    if not calibrates(run):
        return MatchedRound(_match(run, number, trained, config, title))
    matched = _match(run, number, trained, replace(config, floor=min(config.floor, _FLOOR)), title)
    with reading(run.folder.round(0).at_conf) as document:
        before = {str(name): as_record(AtConf, counts) for name, counts in document.items()}
    fitted = fit_shifts(before, matched, config.conf, max_recall_loss=run.config.max_recall_loss)
    calibration = _by_class_id(run, fitted.shifts, config.conf)
    for member, weights in zip(run.members, trained, strict=True):
        assert isinstance(member.trainer, CalibratingTrainer)
        member.trainer.calibrate(weights, calibration, run.home(number, member).weights)
    notes = tuple(_short(name, config.conf) for name in fitted.short)
    return MatchedRound(calibrated(matched, fitted.shifts, floor=config.floor), dict(fitted.shifts), notes)


def _match(
    run: Run, number: int, weights: Sequence[Path], config: EvalConfig, title: str | None = None
) -> MatchedDetections:
    """Match what each member finds in the images that it never saw; together these are all held-out images."""
    measured = [member.measured for member in run.members]
    labelled = sum(len(images.labelled) for images in measured)
    backgrounds = sum(len(images.backgrounds) for images in measured)
    run.step(
        number,
        f"measuring on {counted(labelled, 'labelled image')} and {counted(backgrounds, 'background')}",
        title=title,
    )
    matched, done = [], 0
    for path, images in zip(weights, measured, strict=True):
        detector = run.ports.open_detector(replace(run.detector, weights=str(path), conf=config.floor))
        count = _counts_from(done, labelled + backgrounds, run.listener.counts("images measured"))
        matched += predict_and_match([detector], images, config, count)
        done += len(images.labelled) + len(images.backgrounds)
    return merge_matched(matched)


def _counts_from(before: int, total: int, report: OnCount) -> OnCount:
    """Report what is done of a part as done of the whole."""
    return lambda done, _: report(before + done, total)


def _by_class_id(run: Run, shifts: Mapping[str, float], conf: float) -> Calibration:
    """Classes that the data does not list are not measured, and keep their scores."""
    truth = run.members[0].measured.truth
    names = match_class_names(dict(enumerate(run.data.class_names)), truth.class_names, run.config.labels.class_map)
    return Calibration(conf, {number: shifts[name] for number, name in names.items() if name in shifts})


def _short(name: str, conf: float) -> str:
    return (
        f"class {printable(name)} does not reach the recall of the start at {conf:g} without clearly more false "
        "positives, so its scores were raised only as far as that"
    )
