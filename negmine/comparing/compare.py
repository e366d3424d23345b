"""Comparing the negatives of a bank with each other, and with labelled targets."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from negmine.bank.browsing import digits
from negmine.bank.embeddings import Embeddings, HardestFinding, Likeness
from negmine.comparing.config import CompareConfig
from negmine.comparing.features import ComparisonFeatures, by_hash, by_neck
from negmine.comparing.judging import judge
from negmine.comparing.result import CompareResult, Likely, Place
from negmine.comparing.targets import LabelledBoxes, boxes_of_data, known_boxes, spread
from negmine.comparing.unlabelled import MIN_EXAMPLES
from negmine.detectors.base import OnProgress, OnStep
from negmine.detectors.config import DetectorConfig
from negmine.detectors.ultralytics.regions import RegionReader
from negmine.errors import ConfigError, NoNeckError
from negmine.trainable import is_held_back
from negmine.words import counted

_MOST_LIKELY = 10


def compare(
    bank: str | Path,
    weights: str | Path | None = None,
    *,
    data: str | Path | None = None,
    config: CompareConfig | None = None,
    on_step: OnStep | None = None,
    on_progress: OnProgress | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> CompareResult:
    """Find negatives that look alike, places that fire again and again, and targets that nobody labelled.

    Negatives are compared by what the detector's neck sees in the hardest false positive of each; without weights, or
    with weights whose neck cannot be read, by their perceptual hashes. The labelled targets are those that the bank
    knows from scans of labelled images, and those of `data`. Unlabelled targets cannot be told without them.

    Vectors are kept in the bank, and computed only where they are missing: a comparison that was killed goes on where
    it was. A scan may be writing to the same bank. What is found is stored in place of what was found before; where
    nobody can tell now whether a negative is an unlabelled target, what was found before stays.

    Args:
        bank: its folder.
        weights: a `.pt` of Ultralytics; as a rule that which scanned.
        data: labelled images: VOC, YOLO or COCO.
        config: the settings.
        on_step: told in words what begins now.
        on_progress: told what is counted, how many are done, of how many.
        clock: seconds, for the time in the result.

    Raises:
        ConfigError: for a bad setting, or data without weights.
        BankError: where the bank cannot be read or written.
        WeightsError: where the weights cannot be opened, or have no neck to read though data is given.
        TruthError, SourceError: where the data cannot be used.
    """
    began, config = clock(), config or CompareConfig()
    step, progress = on_step or (lambda text: None), on_progress or (lambda what, done, total: None)
    if data is not None and weights is None:
        raise ConfigError("expected --weights with --data, found none: targets are compared by what a detector sees")
    with Embeddings(bank) as opened:
        findings = opened.hardest()
        features, notes = _look(opened, findings, weights, data, config, step, progress)
        step(f"comparing {counted(len(findings), 'negative')} with {counted(len(features.targets), 'labelled target')}")
        likenesses = judge(findings, features, config)
        opened.keep_likenesses(likenesses)
        if features.by == "neck" and findings and all(each.unlabelled is None for each in likenesses):
            notes.append(_too_few(findings, features))
        return _result(opened, findings, likenesses, features, notes, clock() - began)


def _look(
    bank: Embeddings, findings: Sequence[HardestFinding], weights: str | Path | None, data: str | Path | None,
    config: CompareConfig, step: OnStep, progress: OnProgress,
) -> tuple[ComparisonFeatures, list[str]]:  # fmt: skip
    """What to compare by, and what the user may want to know."""
    if weights is None:
        return by_hash(findings), ["without --weights, negatives are compared by their perceptual hashes alone"]
    try:
        reader = RegionReader(_detector_config(str(weights), config))
    except NoNeckError as error:
        if data is not None:
            raise
        return by_hash(findings), [f"{error}; negatives are compared by their perceptual hashes alone"]
    labelled, notes = _labelled(bank, reader, data, config, step, progress)
    step("looking at images that were not looked at before")
    return by_neck(bank, reader, findings, labelled, config, lambda done, total: progress("images", done, total)), notes


def _detector_config(weights: str, config: CompareConfig) -> DetectorConfig:
    return DetectorConfig(
        weights,
        imgsz=config.imgsz,
        batch=1,
        device=config.device,
        trust_weights=config.trust_weights,
        backend="torch",
    )


def _labelled(
    bank: Embeddings, reader: RegionReader, data: str | Path | None, config: CompareConfig, step: OnStep,
    progress: OnProgress,
) -> tuple[list[LabelledBoxes], list[str]]:  # fmt: skip
    """The labelled targets, image by image; where both the data and the bank know an image, the data is believed."""
    given: list[LabelledBoxes] = []
    notes: list[str] = []
    if data is not None:
        step("reading the labelled images")
        given, notes = boxes_of_data(
            data, reader.class_names, config, lambda done, total: progress("labelled images", done, total)
        )
    own = {each.sha256 for each in given}
    of_bank = known_boxes(bank.known_objects(), reader.class_names, config)
    known = [each for each in of_bank if each.sha256 not in own]
    every = sorted((each for each in (*given, *known) if each.boxes_xyxy), key=lambda each: each.sha256)
    return spread(every, config.max_labelled), notes


def _too_few(findings: Sequence[HardestFinding], features: ComparisonFeatures) -> str:
    """Why nobody can tell which negatives are likely unlabelled."""
    if not len(features.targets):
        return (
            "likely unlabelled targets cannot be told without labelled ones: name some with --data, or scan labelled "
            "images into the bank with --data"
        )
    return (
        f"likely unlabelled targets can be told from {MIN_EXAMPLES} labelled targets and as many negatives of several "
        f"images on, found {len(features.targets)} and {len(findings)}"
    )


def _result(
    bank: Embeddings, findings: Sequence[HardestFinding], likenesses: Sequence[Likeness], features: ComparisonFeatures,
    notes: Sequence[str], seconds: float,
) -> CompareResult:  # fmt: skip
    sizes = np.bincount([each.cluster for each in likenesses])
    return CompareResult(
        bank=bank.folder,
        by=features.by,
        negatives=len(findings),
        targets=len(features.targets),
        computed=features.computed,
        from_crops=features.tally.gone,
        clusters=int((sizes > 1).sum()),
        clustered=int(sizes[sizes > 1].sum()),
        places=_places(findings, likenesses),
        likely=_likely(findings, likenesses),
        held_back=tuple(each.sha256 for each in bank.negatives() if is_held_back(each)),
        digits=digits(bank),
        skipped=features.tally.skipped,
        notes=tuple(notes),
        seconds=seconds,
    )


def _places(findings: Sequence[HardestFinding], likenesses: Sequence[Likeness]) -> tuple[Place, ...]:
    """The places with several images, most first."""
    at: dict[int, list[HardestFinding]] = {}
    for finding, likeness in zip(findings, likenesses, strict=True):
        at.setdefault(likeness.place, []).append(finding)
    found = [
        Place(number, len({each.source_sha256 for each in every}), every[0].source.parent, every[0].class_name,
              every[0].sha256)
        for number, every in at.items()
    ]  # fmt: skip
    return tuple(sorted((each for each in found if each.images > 1), key=lambda each: (-each.images, each.number)))


def _likely(findings: Sequence[HardestFinding], likenesses: Sequence[Likeness]) -> tuple[Likely, ...] | None:
    """The negatives without a verdict that look most like an unlabelled target; equal ones hardest first."""
    told = [
        Likely(finding.sha256, likeness.unlabelled, finding.class_name, finding.score, finding.source)
        for finding, likeness in zip(findings, likenesses, strict=True)
        if likeness.unlabelled is not None and finding.review == "unreviewed"
    ]
    if all(each.unlabelled is None for each in likenesses):
        return None
    return tuple(sorted(told, key=lambda each: -each.unlabelled)[:_MOST_LIKELY])
