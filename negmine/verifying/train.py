"""Training a verifier: a second stage that tells found objects from the false positives in a bank."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from negmine._version import __version__
from negmine.bank.bank import Bank
from negmine.bank.records import Cut
from negmine.bank.shots import shots_of
from negmine.detectors.base import OnProgress, OnStep, versions_of
from negmine.detectors.config import DetectorConfig
from negmine.detectors.ultralytics.regions import RegionReader
from negmine.detectors.verifier import Verifier, combined, logits
from negmine.detectors.verifier_files import require_suffix, write_verifier
from negmine.detectors.weights_files import hash_weights
from negmine.errors import TruthError
from negmine.grouping import GroupBy
from negmine.held_out import HeldOut, hold_out_share, image_groups
from negmine.paths import first_few, printable
from negmine.retraining.backgrounds import BackgroundImage
from negmine.retraining.labelled import ImageWithTruth, read_labelled
from negmine.sources.expand import expand_sources
from negmine.structures import BoolArray, FloatArray, IntArray
from negmine.trainable import BankHashes, KnownImages, Refusal, TrainingRule, trainable, waiting_images
from negmine.verifying.config import DEFAULT_OUT, VerifierConfig
from negmine.verifying.fitting import Examples, Linear, cross_validate, fit
from negmine.verifying.regions import BackgroundParts, Regions, collect_regions, folds_of
from negmine.verifying.result import ClassVerifier, Validation, VerifierResult
from negmine.videos.contents import read_contents
from negmine.words import counted


@dataclass(frozen=True, slots=True, eq=False)
class _Material:
    """What a verifier may be trained on.

    Attributes:
        labelled: images of the data that are trained on.
        backgrounds: images of the bank, with the parts that hold no target.
        class_ids: the detector's number of each class that the data lists.
        hashes: perceptual hash of each image, by sha256.
        group_by: what belongs together.
        notes: what the user may want to know.
    """

    labelled: tuple[ImageWithTruth, ...]
    backgrounds: tuple[BackgroundParts, ...]
    class_ids: Mapping[str, int]
    hashes: Mapping[str, int]
    group_by: GroupBy
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Fitted:
    """The classes after fitting.

    Attributes:
        rows: a linear function for each verified class, by its number.
        classes: what is to be said of each class.
        margins: [N] of the regions, each from a fit without its image; infinite in a class that keeps its scores.
    """

    rows: Mapping[int, Linear]
    classes: tuple[ClassVerifier, ...]
    margins: FloatArray


def train_verifier(
    weights: str | Path,
    data: str | Path,
    bank: str | Path,
    *,
    out: str | Path = DEFAULT_OUT,
    held_out: str | Path | Sequence[str | Path] = (),
    config: VerifierConfig | None = None,
    on_step: OnStep | None = None,
    on_progress: OnProgress | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> VerifierResult:
    """Train a second stage for a detector on its own true and false positives, and write it to a file.

    Objects are those of the labelled images, as the detector finds them and as they are labelled; false positives are
    those on background, in the labelled images and in the images that the bank's negatives were cut from. What
    `negmine retrain` may not train on is left out here too: held-out images, their copies and near-duplicates,
    negatives that a reviewer refused, and so on.

    The same arguments give the same file. The file appears whole, at the end.

    Args:
        weights: a `.pt` of Ultralytics; left unchanged.
        data: the labelled images: VOC, YOLO or COCO. Of splits, `train` is used.
        bank: a bank's folder, with the false positives of these weights.
        out: the file, which ends in `.safetensors`; an existing one is replaced.
        held_out: images that are measured on: they, copies and near-duplicates of them are not trained on.
        config: the settings.
        on_step: told in words what begins now.
        on_progress: told what is counted, how many are done, of how many.
        clock: seconds, for the time in the result.

    Raises:
        ConfigError: for a bad setting.
        WeightsError: where the weights cannot be opened or have no neck to read, or the file cannot be written.
        TruthError, SourceError: where the data cannot be used, or no class has enough examples.
        BankError: where the bank cannot be read.
    """
    began, config, out = clock(), config or VerifierConfig(), Path(out)
    step, progress = on_step or (lambda text: None), on_progress or (lambda what, done, total: None)
    require_suffix(out)
    reader = RegionReader(_detector_config(str(weights), config))
    material = _material(reader, data, Path(bank), _named(held_out, config), config, step, progress)
    step(f"looking at {counted(len(material.labelled), 'labelled image')} and "
         f"{counted(len(material.backgrounds), 'background')}")  # fmt: skip
    regions = collect_regions(
        reader, material.labelled, material.backgrounds, material.class_ids, config,
        lambda done, total: progress("images", done, total),
    )  # fmt: skip
    step(f"fitting to {counted(int(regions.is_object.sum()), 'box', 'boxes')} of objects and "
         f"{counted(int((~regions.is_object).sum()), 'false positive')}")  # fmt: skip
    folds = _folds(regions, material, config)
    fitted = _fitted(regions, folds, material.class_ids, config)
    _require_one(fitted, data)
    shift = _shift(regions, fitted.margins, config)
    validation = _validation(regions, fitted.margins, shift, config)
    write_verifier(_verifier(reader, fitted, shift, validation, config), out)
    skipped = [f"{counted(len(regions.skipped), 'image')} skipped: {first_few(regions.skipped)}"]
    return VerifierResult(
        out=out,
        sha256=hash_weights(out),
        weights=Path(weights),
        imgsz=reader.imgsz,
        classes=fitted.classes,
        validation=validation,
        notes=(*material.notes, *(skipped if regions.skipped else ())),
        seconds=clock() - began,
    )


def _detector_config(weights: str, config: VerifierConfig) -> DetectorConfig:
    return DetectorConfig(
        weights,
        conf=min(config.min_score, config.conf),
        imgsz=config.imgsz,
        batch=1,
        device=config.device,
        trust_weights=config.trust_weights,
        backend="torch",
    )


def _named(held_out: str | Path | Sequence[str | Path], config: VerifierConfig) -> HeldOut:
    """The images that the user wants held out."""
    sources = [held_out] if isinstance(held_out, (str, Path)) else list(held_out)
    if not sources:
        return HeldOut()
    contents = read_contents([ref.path for ref in expand_sources(sources)], pixels=True, workers=config.workers)
    hashes = [image.phash for image in contents.images.values() if image.phash is not None]
    return HeldOut(frozenset(contents.sha256.values()), frozenset(hashes), tuple(contents.sha256))


def _material(
    reader: RegionReader, data: str | Path, bank: Path, held_out: HeldOut, config: VerifierConfig, step: OnStep,
    progress: OnProgress,
) -> _Material:  # fmt: skip
    step("reading the labelled images")
    labelled = read_labelled(
        data,
        reader.class_names,
        labels=config.labels,
        workers=config.workers,
        on_progress=lambda done, total: progress("labelled images", done, total),
    )
    with Bank(bank) as opened:
        labelled = labelled.without(waiting_images(opened, labelled.objects))
    by = GroupBy(shots=shots_of(held_out.paths, bank))
    rest = labelled.train
    if not labelled.val:
        rest = hold_out_share(rest, share=config.holdout, seed=config.seed, by=by).rest
    train = tuple(_apart(rest, held_out, by))
    step("reading the bank")
    known = {image.sha256: image.phash for image in labelled.images}
    parts, hashes, notes = _background_parts(bank, labelled.known_images(rest, held_out, by), known)
    dropped = len(rest) - len(train)
    return _Material(
        labelled=train,
        backgrounds=parts,
        class_ids=labelled.class_ids,
        hashes=known | dict(hashes.sources),
        group_by=by,
        notes=(
            *labelled.notes,
            *([f"{counted(dropped, 'labelled image')} not trained on: held out, or alike"] if dropped else []),
            *notes,
        ),
    )


def _apart(images: Sequence[ImageWithTruth], held_out: HeldOut, by: GroupBy) -> Iterator[ImageWithTruth]:
    """The images that are not held out, and do not belong to one that is."""
    near, keys = held_out.near({image.phash for image in images}), by.keys(held_out.paths)
    for image in images:
        if image.phash not in near and not held_out.holds([image.sha256]) and by.key(image.path) not in keys:
            yield image


def _background_parts(
    bank: Path, images: KnownImages, known: Mapping[str, int]
) -> tuple[tuple[BackgroundParts, ...], BankHashes, list[str]]:
    """The images of a bank's negatives that may be trained on; labelled images give their own false positives."""
    with Bank(bank) as opened:
        hashes = BankHashes.read(opened, known)
        rule, cuts = TrainingRule(images, hashes), opened.cuts()
        negatives, _ = trainable(opened, images.objects)
        refusals = {each.id: rule.refusal(each, cuts[each.id]) for each in negatives}
    by_source: dict[str, list[Cut]] = {}
    for negative in negatives:
        if refusals[negative.id] is None:
            for cut in cuts[negative.id]:
                by_source.setdefault(cut.sha256, []).append(cut)
    own = set(images.objects)
    parts = tuple(
        BackgroundParts(found[0].path, sha256, tuple(sorted({cut.rect for cut in found})))
        for sha256, found in sorted(by_source.items())
        if sha256 not in own
    )
    return parts, hashes, _refusal_notes(Counter(each for each in refusals.values() if each is not None))


def _refusal_notes(refused: Mapping[Refusal, int]) -> list[str]:
    return [
        f"{counted(count, 'negative')} of the bank not trained on: {reason}"
        for reason, count in sorted(refused.items())
    ]


def _folds(regions: Regions, material: _Material, config: VerifierConfig) -> IntArray:
    """The part of each row; images that belong together are in the same."""
    paths = {each.sha256: each.path for each in material.backgrounds}
    paths |= {each.sha256: each.path for each in material.labelled}
    seen = [BackgroundImage(paths[each], each, material.hashes[each]) for each in dict.fromkeys(regions.sources)]
    groups = image_groups(seen, material.group_by)
    order = np.random.default_rng(config.seed).permutation(len(groups))
    positives = frozenset(image.sha256 for image in material.labelled if image.is_positive)
    number = dict(folds_of([groups[index] for index in order], positives, config.folds))
    return np.array([number[sha256] for sha256 in regions.sources], dtype=np.int64)


def _fitted(regions: Regions, folds: IntArray, class_ids: Mapping[str, int], config: VerifierConfig) -> _Fitted:
    """Fit each class that has enough examples."""
    rows: dict[int, Linear] = {}
    classes: list[ClassVerifier] = []
    margins = np.full(len(regions.scores), np.inf)
    for name, number in class_ids.items():
        own = regions.class_ids == number
        examples = Examples(regions.features, regions.is_object, regions.logits, folds).select(own)
        objects, others = int(examples.is_object.sum()), int((~examples.is_object).sum())
        reason = _too_few(examples, regions.is_detected[own], config)
        if reason is not None:
            classes.append(ClassVerifier(name, objects, others, reason=reason))
            continue
        found = cross_validate(examples, config.penalties)
        rows[number] = fit(examples, found.penalty)
        margins[own] = found.margins
        losses = (round(found.loss_before, 6), round(found.loss, 6))
        classes.append(ClassVerifier(name, objects, others, found.penalty, None, *losses))
    return _Fitted(rows, tuple(classes), margins)


def _too_few(examples: Examples, is_detected: BoolArray, config: VerifierConfig) -> str | None:
    """Why a class cannot be verified; None where it can."""
    for what, mask in (("found object", examples.is_object & is_detected), ("false positive", ~examples.is_object)):
        count, parts = int(mask.sum()), len(np.unique(examples.folds[mask]))
        if count < config.min_examples:
            return f"{counted(count, what)}, fewer than {config.min_examples}"
        if parts < 2:
            return f"all {what}s are in images of one part of {config.folds}"
    return None


def _require_one(fitted: _Fitted, data: str | Path) -> None:
    if not fitted.rows:
        reasons = ", ".join(f"{printable(each.name)}: {each.reason}" for each in fitted.classes[:3])
        raise TruthError(
            f"{printable(data)} and the bank: expected a class with enough examples to train a verifier, found none "
            f"({reasons}); scan more backgrounds into the bank with these weights, at a lower --conf if they fire "
            "rarely, or label more images"
        )


def _shift(regions: Regions, margins: FloatArray, config: VerifierConfig) -> float:
    """What must be added to the logits of the products, so that objects keep reaching `conf`.

    The detector has learned the labelled images, and gives objects there higher scores than in others. So this does not
    count how many of them stay over the threshold: it asks how many would, if each had scored just `conf`.
    """
    found = regions.is_object & regions.is_detected & np.isfinite(margins)
    at_conf = np.full(int(found.sum()), config.conf)
    lost = logits(at_conf) - logits(combined(at_conf, margins[found], 0.0))
    return round(float(np.quantile(lost, 1 - config.max_recall_loss)), 6)


def _validation(regions: Regions, margins: FloatArray, shift: float, config: VerifierConfig) -> Validation:
    after = regions.scores.copy()
    verified = np.isfinite(margins)
    after[verified] = combined(regions.scores[verified], margins[verified], shift)
    objects, others = regions.is_object & regions.is_detected, ~regions.is_object

    def count(scores: FloatArray, which: BoolArray) -> int:
        return int((scores[which] >= config.conf).sum())

    return Validation(
        conf=config.conf,
        images=len(set(regions.sources)),
        folds=config.folds,
        objects=count(regions.scores, objects),
        objects_after=count(after, objects),
        false_positives=count(regions.scores, others),
        false_positives_after=count(after, others),
    )


def _verifier(
    reader: RegionReader, fitted: _Fitted, shift: float, validation: Validation, config: VerifierConfig
) -> Verifier:
    numbers = sorted(fitted.rows)
    return Verifier(
        weights=reader.name,
        weights_sha256=reader.sha256,
        class_names=reader.class_names,
        features=reader.features,
        class_ids=np.array(numbers, dtype=np.int64),
        coefficients=np.stack([fitted.rows[number].coefficients for number in numbers]),
        intercepts=np.array([fitted.rows[number].intercept for number in numbers], dtype=np.float32),
        shift=shift,
        imgsz=reader.imgsz,
        conf=config.conf,
        report={
            "classes": [each.to_dict() for each in fitted.classes],
            "validation": validation.to_dict(),
            "settings": dict(config.settings()),
            "versions": {"negmine": __version__, **versions_of("torch", "torchvision", "ultralytics")},
        },
    )
