"""Before the first round: open everything, read everything, split it, and see that the folder is this run's own."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from negmine.detectors.base import imgsz_warning
from negmine.detectors.config import DetectorConfig
from negmine.detectors.weights_files import hash_weights
from negmine.evaluating.config import EvalConfig
from negmine.files import write_file
from negmine.labels.yolo import yolo_lines
from negmine.paths import printable
from negmine.retraining.backgrounds import Backgrounds, read_backgrounds
from negmine.retraining.config import RetrainConfig
from negmine.retraining.labelled import Labelled, read_labelled
from negmine.retraining.layout import place_labelled
from negmine.retraining.measuring import Yardstick
from negmine.retraining.parts import OnProgress, OnStep, OpenDetector, Parts
from negmine.retraining.selection import Measured
from negmine.retraining.state import OwnFolder, fingerprint
from negmine.training.base import Trainer

_SHOWN = 5  # classes in a message


def prepare(
    data: Path,
    sources: Sequence[str | Path],
    bank: Path | None,
    *,
    held_out: Sequence[str | Path],
    folder: OwnFolder,
    config: RetrainConfig,
    start: Path,
    resume: bool,
    trainer: Trainer,
    open_detector: OpenDetector,
    on_step: OnStep,
    on_progress: OnProgress,
    clock: Callable[[], float],
) -> tuple[Parts, tuple[str, ...]]:
    """Put together all that rounds are made with; nothing is written before everything was found to be in order.

    Returns:
        The parts, and what the user may want to know.
    """
    layout = folder.layout
    if resume and not folder.begun:
        on_step(f"nothing to resume in {printable(layout.out)}: this is a new run")
    train = config.train
    settings = DetectorConfig(
        str(start),
        conf=config.conf,
        imgsz=train.imgsz,
        device=train.device,
        trust_weights=train.trust_weights,
        backend="torch",  # a round is judged by its weights, not by what they are converted into
    )
    detector = open_detector(settings)
    names = detector.class_names
    class_names = tuple(names[number] for number in sorted(names))
    trainer.check(start, class_names)
    on_step("reading the labelled images")
    labelled = read_labelled(
        data, names, share=config.holdout, seed=config.seed, workers=config.workers,
        on_progress=lambda done, total: on_progress("labelled images", done, total),
    )  # fmt: skip
    on_step("reading the backgrounds")
    backgrounds = read_backgrounds(
        sources, bank, labelled, held_out=held_out, share=config.holdout, seed=config.seed, workers=config.workers,
        on_progress=lambda done, total: on_progress("backgrounds", done, total),
    )  # fmt: skip
    folder.claim(_asked(config, start, bank, labelled, backgrounds))
    write_file(layout.held_out, b"".join(os.fsencode(path) + b"\n" for path in backgrounds.held_out))
    placed = place_labelled(layout, labelled, lambda done, total: on_progress("labelled images placed", done, total))
    parts = Parts(
        layout=layout,
        config=config,
        start=start,
        bank=bank or layout.bank,
        detector=replace(settings, classes=_only(names, labelled)),
        class_names=class_names,
        placed=placed,
        mined=backgrounds.mined,
        hashes=_hashes(labelled, backgrounds),
        measured=_measured(labelled, backgrounds),
        yardstick=Yardstick(
            [picture.path for picture in labelled.val],
            labelled.truth,
            backgrounds.held_out,
            EvalConfig(conf=config.conf),
        ),
        trainer=trainer,
        open_detector=open_detector,
        on_step=on_step,
        on_progress=on_progress,
        clock=clock,
    )
    notes = (
        *filter(None, [imgsz_warning(detector)]), *labelled.notes, *backgrounds.notes, *_unlisted(names, labelled)
    )  # fmt: skip
    for note in notes:
        on_step(note)
    return parts, notes


def _asked(
    config: RetrainConfig, start: Path, bank: Path | None, labelled: Labelled, backgrounds: Backgrounds
) -> Mapping[str, object]:
    """All that the result depends on: settings as they are, files by what is in them."""
    sides = [("train", each) for each in labelled.train] + [("val", each) for each in labelled.val]
    rows = [f"{side} {each.sha256}\n{yolo_lines(each.truth, each.size_wh, labelled.class_ids)}" for side, each in sides]
    return {
        "weights": hash_weights(start),
        "data": fingerprint(rows),
        "backgrounds": fingerprint(f"{each in backgrounds.held_out_contents} {each}" for each in backgrounds.hashes),
        "bank": None if bank is None else printable(bank.absolute()),
        **config.settings(),
    }


def _only(names: Mapping[int, str], labelled: Labelled) -> tuple[str, ...]:
    """The model's names of the data's classes: what else it finds on a background may well be there. () for all."""
    wanted = sorted(labelled.class_ids.values())
    return () if len(wanted) == len(names) else tuple(dict.fromkeys(names[number] for number in wanted))


def _unlisted(names: Mapping[int, str], labelled: Labelled) -> list[str]:
    """A warning about classes that the training would take from the model."""
    others = [names[number] for number in sorted(names) if number not in labelled.class_ids.values()]
    if not others:
        return []
    shown = ", ".join(map(printable, others[:_SHOWN])) + (", ..." if len(others) > _SHOWN else "")
    return [
        f"the model has {len(others)} classes that the data does not list ({shown}): their objects in its images are "
        "trained on as background, so the model unlearns them"
    ]


def _hashes(labelled: Labelled, backgrounds: Backgrounds) -> Mapping[str, int]:
    return {each.sha256: each.phash for each in (*labelled.train, *labelled.val)} | dict(backgrounds.hashes)


def _measured(labelled: Labelled, backgrounds: Backgrounds) -> Measured:
    """What no negative may show. The labelled images of splits that are not used stay untouched as well."""
    val = {each.sha256 for each in labelled.val}
    hashes = {each.phash for each in labelled.val} | {backgrounds.hashes[s] for s in backgrounds.held_out_contents}
    return Measured(
        contents=frozenset(val | backgrounds.held_out_contents),
        hashes=frozenset(hashes),
        objects={each.sha256: each.truth.boxes_xyxy for each in labelled.train},
        positives=frozenset(each.phash for each in labelled.positives),
        unused=labelled.others,
    )
