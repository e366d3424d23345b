"""Retraining: rounds of scanning, choosing, training and measuring, and the best weights of all rounds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from negmine.detectors.open import open_detector as open_with_framework
from negmine.detectors.weights_files import find_weights, written_suffix
from negmine.errors import ConfigError
from negmine.ratios.target import Ratio
from negmine.retraining.config import DEFAULT_OUT, RetrainConfig
from negmine.retraining.files import writing
from negmine.retraining.layout import Layout
from negmine.retraining.parts import OnProgress, OnStep, OpenDetector
from negmine.retraining.prepare import prepare
from negmine.retraining.result import RetrainResult
from negmine.retraining.rounds import run_rounds
from negmine.retraining.state import OwnFolder
from negmine.retraining.verdict import best_round
from negmine.training.base import Trainer
from negmine.training.open import open_trainer


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
    clock: Callable[[], float] = time.perf_counter,
) -> RetrainResult:
    """Train a detector further on its own false positives, until that helps no more, and return its best weights.

    A share of the backgrounds, with all their copies and near-duplicates, is never mined or trained on; rounds are
    compared by the false positives on it, at the recall of the start. The start is one of the rounds that are compared,
    so nothing worse is returned than was given.

    Args:
        weights: where to start; left as they are.
        data: the labelled images: a `data.yaml`, a VOC root or a COCO JSON; every class in it must be the model's too.
        backgrounds: images without targets. Where there are none, those that `bank` was made from.
        bank: negatives are kept here, and those that are there are used; in `out` where None.
        held_out: images without targets to measure on, which are never mined or trained on; where there are none, a
            share of the backgrounds is held out.
        out: a new or empty folder, or with `resume` that of an earlier call with the same arguments.
        config: how many rounds, and how each is made.
        resume: go on with what is in `out`.
        trainer: trains; what `config.train` asks for where None.
        open_detector: opens weights as a detector, with the score and input size that it is given.
        on_step: told in words what begins now.
        on_progress: told what is counted, how many are done, of how many.
        clock: seconds, for the times in the result.

    Raises:
        ConfigError: where settings contradict each other, or `out` holds something else.
        WeightsError: where the weights cannot be opened, or trained.
        TruthError, SourceError: where the data or the backgrounds cannot be used.
        BankError: where the bank cannot be read or written; what was stored stays.
        TrainingError: where a training cannot go on, or the disk is full; what was done stays. RunLockedError where
            another process is at `out`.
    """
    began, config = clock(), config or RetrainConfig()
    sources = [backgrounds] if isinstance(backgrounds, (str, Path)) else list(backgrounds)
    given = None if bank is None else Path(bank)
    if not sources and given is None:
        raise ConfigError(
            "expected backgrounds: name images without targets with --backgrounds, or a bank that was made from some "
            "with --bank"
        )
    start = find_weights(str(weights)) if open_detector is None else Path(weights)
    layout = Layout(Path(out), written_suffix(start))
    batches = replace(config.train, ratio=float(Ratio.parse(config.ratio).per_positive))
    with writing(layout.out), OwnFolder(layout, resume=resume) as folder:
        parts, notes = prepare(
            Path(data),
            sources,
            given,
            held_out=[held_out] if isinstance(held_out, (str, Path)) else list(held_out),
            folder=folder,
            config=config,
            start=start,
            resume=resume,
            trainer=trainer or open_trainer(batches, start),
            open_detector=open_detector or open_with_framework,
            on_step=on_step or _silent,
            on_progress=on_progress or _silent,
            clock=clock,
        )
        rounds, stopped = run_rounds(parts)
    best = best_round(rounds)
    return RetrainResult(
        out=layout.out,
        weights=layout.best,
        rounds=rounds,
        best=best.number,
        stopped=stopped,
        notes=(*notes, *(f"round {each.number}: {note}" for each in rounds for note in each.notes)),
        start=start,
        data_yaml=layout.round(best.number).data_yaml,
        held_out=layout.held_out,
        imgsz=config.train.imgsz,
        seconds=clock() - began,
    )


def _silent(*_: object) -> None:
    """For who wants to be told nothing."""
