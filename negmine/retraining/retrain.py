"""Retraining: rounds of scanning, choosing, training and measuring, and the best weights of all rounds."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from negmine.detectors.base import OnProgress, OnStep
from negmine.detectors.open import open_detector as open_with_framework
from negmine.detectors.tiling.auto import with_tiles
from negmine.detectors.weights_files import find_weights, written_suffix
from negmine.errors import ConfigError
from negmine.files import write_file
from negmine.paths import printable
from negmine.ratios.target import Ratio
from negmine.retraining.advice import Evidence, advise
from negmine.retraining.config import DEFAULT_OUT, RetrainConfig
from negmine.retraining.context import Listener, OpenDetector, OpenTrainers, Ports, Run
from negmine.retraining.cross_fit import report_on_others
from negmine.retraining.folder import LockedFolder, RetrainFolder, folder_errors
from negmine.retraining.prepare import RetrainInputs, prepare
from negmine.retraining.result import RetrainResult, RoundResult
from negmine.retraining.rounds import Rounds, run_rounds
from negmine.retraining.training_set import read_negatives
from negmine.retraining.trust import trusted_only_as_named
from negmine.retraining.verdict import compare_config
from negmine.terminal import step_progress
from negmine.tracking.config import SINKS, sinks_alone
from negmine.tracking.log import Point, log_points, require_log
from negmine.training.base import Trainer
from negmine.training.losses import Family
from negmine.training.open import family_of, fit_at_once, open_members, open_trainer

_LOG_FOLDER = "tensorboard"  # in the folder of the run, where no other is named


def retrain(
    weights: str | Path,
    data: str | Path,
    *,
    backgrounds: str | Path | Sequence[str | Path] = (),
    bank: str | Path | None = None,
    held_out: str | Path | Sequence[str | Path] = (),
    out: str | Path = DEFAULT_OUT,
    config: RetrainConfig | None = None,
    resume: bool = False,
    trainer: Trainer | None = None,
    open_detector: OpenDetector | None = None,
    on_step: OnStep | None = None,
    on_progress: OnProgress | None = None,
    progress: bool = False,
    clock: Callable[[], float] = time.perf_counter,
) -> RetrainResult:
    """Train a detector further on its own false positives, as long as that helps, and return its best weights.

    A share of the backgrounds, with all their copies and near-duplicates, is held out: never mined or trained on. With
    folds, each image is held out from one of several trainings instead, and the result is the average of their weights.
    Rounds are compared by the false positives on what is held out, over recalls up to that of the start. The start is
    one of the rounds, so the result is never worse than the start on what is held out.

    Args:
        weights: where to start; left unchanged.
        data: the labelled images: a `data.yaml`, a VOC root or a COCO JSON; the model must have every class in it.
        backgrounds: images without targets. Where there are none, the files that `bank` was mined from.
        bank: keeps the negatives; those in it are used too. Where None, it is made in `out`.
        held_out: images without targets to measure on, never mined or trained on; where there are none, a share of the
            backgrounds is held out.
        out: a new or empty folder, or with `resume` that of an earlier call with the same arguments.
        config: how many rounds, and how each is made.
        resume: resume the run that is in `out`.
        trainer: trains, and averages; the one that `config.train` asks for where None.
        open_detector: opens weights as a detector, with the score and input size of its settings.
        on_step: told in words what begins now.
        on_progress: told what is counted, how many are done, of how many.
        progress: show a bar, in a terminal or a notebook, in place of calling the callables above.
        clock: seconds, for the times in the result.

    Raises:
        ConfigError: where settings contradict each other, or `out` holds something else.
        WeightsError: where the weights cannot be opened, or trained.
        UnsafeWeightsError: for a pickle that would run foreign code. `config.train.trust_weights` opens the start and
            what is trained from it; in a run that is resumed, only while no other checkpoint is there.
        TruthError, SourceError: where the data or the backgrounds cannot be used.
        BankError: where the bank cannot be read or written; what was stored stays.
        TrainingError: where a training fails, or the disk is full; what was done stays.
        RunLockedError: where another process uses `out`.
    """
    if progress:
        with step_progress() as (tell, show):
            return retrain(
                weights, data, backgrounds=backgrounds, bank=bank, held_out=held_out, out=out, config=config,
                resume=resume, trainer=trainer, open_detector=open_detector, on_step=tell, on_progress=show,
                clock=clock,
            )  # fmt: skip
    began, config = clock(), config or RetrainConfig()
    if not _as_tuple(backgrounds) and bank is None:
        raise ConfigError(
            "expected backgrounds: name images without targets with --backgrounds, or a bank that was mined from some "
            "with --bank"
        )
    if _as_tuple(held_out) and config.folds is not None and config.folds > 1:
        raise ConfigError(
            f"expected --held-out or --folds, found both: with {config.folds} folds every image is held out from one "
            "training; leave one of them out"
        )
    require_log(config.log)
    inputs = RetrainInputs(
        weights=find_weights(str(weights)) if open_detector is None else Path(weights),
        data=Path(data),
        backgrounds=_as_tuple(backgrounds),
        held_out=_as_tuple(held_out),
        bank=None if bank is None else Path(bank),
    )
    if not {each.tracker for each in config.log} <= {*SINKS} and family_of(inputs.weights) is not Family.ULTRALYTICS:
        sinks_alone(config.log, "these weights are of another framework")
    listener = Listener(on_step or _silent, on_progress or _silent)
    folder = RetrainFolder(Path(out), written_suffix(inputs.weights))
    with folder_errors(folder.out), LockedFolder(folder, resume=resume) as locked:
        if resume and not locked.begun:
            listener.on_step(f"nothing to resume in {printable(folder.out)}: this is a new run")
        opener = _with_tiles(open_detector or open_with_framework)
        if locked.begun:
            config = trusted_only_as_named(config, folder, inputs.weights, opener)
        ports = _ports(config, inputs.weights, trainer, opener, clock)
        run, notes = prepare(inputs, config, locked, ports, listener)
        made = run_rounds(run)
        result = _result(run, made, inputs.weights, notes, began)
        write_file(folder.result, (json.dumps(result.to_dict(), indent=1) + "\n").encode())
    log_points(config.log, "retrain", [_point(each) for each in result.rounds], folder.out / _LOG_FOLDER)
    return result


def _point(each: RoundResult) -> Point:
    """The figures of a round; its number is the step."""
    names = ("fppi", "fppi_at_recall", "recall", "precision", "map50", "map50_95", "lamr", "negatives")
    return Point(each.number, {f"round/{name}": getattr(each, name) for name in names})


def _with_tiles(opener: OpenDetector) -> OpenDetector:
    """Run what is opened on the tiles of the settings, whoever opens it."""
    return lambda config: with_tiles(opener(replace(config, tiles=None)), config.tiles)


def _result(run: Run, made: Rounds, start: Path, notes: Sequence[str], began: float) -> RetrainResult:
    rounds, best, folder = made.results, made.standings.best, run.folder
    found = report_on_others(
        made.scores,
        compare_config(run.config),
        best=best,
        at_recall=rounds[0].at_recall,
        titles=[each.title for each in rounds],
    )
    return RetrainResult(
        out=folder.out,
        weights=folder.best,
        rounds=rounds,
        best=best,
        comparisons=made.standings.against_start,
        report=found,
        advice=advise(_evidence(run, made)),
        stopped=made.stopped,
        notes=(*notes, *_notes(rounds), *([] if found.note is None else [found.note])),
        start=start,
        data_yaml=folder.round(best).data_yaml,
        held_out_list=folder.held_out_list,
        imgsz=run.config.train.imgsz,
        tiles=run.config.tiles,
        seconds=run.ports.clock() - began,
        folds=len(run.members),
    )


def _trainers(config: RetrainConfig, weights: Path) -> OpenTrainers:
    """The trainers of the weights' framework, whose batches have the ratio of the retraining."""
    train = replace(config.train, ratio=float(Ratio.parse(config.ratio).per_positive), log=config.log)

    def open_all(members: int) -> Sequence[Trainer]:
        return open_members(train, weights, members) if members > 1 else (open_trainer(train, weights),)

    return open_all


def _ports(
    config: RetrainConfig,
    weights: Path,
    trainer: Trainer | None,
    open_detector: OpenDetector,
    clock: Callable[[], float],
) -> Ports:
    """A trainer of the caller's own trains all members, one after the other."""
    if trainer is not None:
        return Ports(lambda members: (trainer,) * members, lambda *_: 1, open_detector, clock)

    def fit(trainings: int, imgsz: int) -> int:
        return fit_at_once(config.train, weights, trainings, imgsz=imgsz) if trainings > 1 else 1

    return Ports(_trainers(config, weights), fit, open_detector, clock)


def _evidence(run: Run, made: Rounds) -> Evidence:
    best, trained = made.standings.best, made.trained
    return Evidence(
        results=made.results[:trained],
        scores=made.scores[:trained],
        best=made.results[best].blended or best,
        comparison=made.standings.against_start[best or trained - 1],
        steps=_steps_of_a_training(run, made.results[trained - 1]),
        by_share=len(run.members) == 1,
    )


def _steps_of_a_training(run: Run, result: RoundResult) -> int:
    """The optimizer steps of each training of a round; members that had nothing to learn from made none."""
    trainings = sum(
        member.trainer.trainings
        for member in run.members
        if read_negatives(run.folder, run.home(result.number, member))
    )
    return result.steps // max(trainings, 1)


def _as_tuple(sources: str | Path | Sequence[str | Path]) -> tuple[str | Path, ...]:
    return (sources,) if isinstance(sources, (str, Path)) else tuple(sources)


def _notes(rounds: Sequence[RoundResult]) -> list[str]:
    return [f"{each.title}: {note}" for each in rounds for note in each.notes]


def _silent(*_: object) -> None:
    """For callers who want to be told nothing."""
