"""The scan: run a detector over images, keep what it gets wrong on background, put that into the bank."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path

from negmine._version import __version__
from negmine.bank.content_files import NEGATIVES, VARIANTS
from negmine.bank.records import RunRecord
from negmine.bank.writer import BankWriter
from negmine.datasets.config import LabelConfig
from negmine.datasets.frame_truth import FrameTruth
from negmine.datasets.open import open_truth
from negmine.datasets.sizes import object_sizes
from negmine.datasets.truth import PairedTruth
from negmine.detectors.base import Detector, OnStep, opening_notes, silent
from negmine.detectors.batches import failed_on_every_image
from negmine.detectors.class_names import wanted_classes
from negmine.detectors.config import DetectorConfig, PredictionsConfig
from negmine.detectors.open import open_detector
from negmine.detectors.samples import samples_of
from negmine.errors import ConfigError, DetectorError, SourceError
from negmine.labels.base import Truth
from negmine.labels.classes import match_class_names
from negmine.matching import Kind
from negmine.mining.config import DEFAULT_BANK, ScanConfig
from negmine.mining.doubts import LOOKED_AT, fires_on_most, labels_beside
from negmine.mining.judge import Classes
from negmine.mining.loop import ScanLoop
from negmine.mining.reading import Reader
from negmine.mining.result import Device, ScanCounts, ScanProgress, ScanResult
from negmine.paths import printable, real_path
from negmine.sources.base import ImageFile, Source, SourceItem
from negmine.sources.expand import expand_sources
from negmine.terminal import scan_progress
from negmine.videos.config import VideoConfig
from negmine.words import counted, is_unicode


def scan(
    sources: str | Path | Sequence[str | Path] | Source,
    detector: Detector | DetectorConfig | PredictionsConfig | str | Path,
    *,
    bank: str | Path = DEFAULT_BANK,
    truth: Truth | str | Path | None = None,
    split: str | None = None,
    config: ScanConfig | None = None,
    on_progress: Callable[[ScanProgress], None] | None = None,
    on_step: OnStep = silent,
    progress: bool = False,
    clock: Callable[[], float] = time.perf_counter,
) -> ScanResult:
    """Find the background false positives of a detector, and store a negative around each in a bank.

    Scanning the same images again, with the same detector and settings, changes nothing; a scan that was killed
    resumes where it was. The result does not depend on the number of workers.

    Args:
        sources: image and video files, folders, globs, `.txt` lists or `data.yaml` files; or a source of another kind.
        detector: a detector, the settings to open one with, predictions, or weights to open with the defaults.
        bank: the bank's folder; made where there is none.
        truth: labels for the images, or where they are; None says that no image holds a target.
        split: which split of a `data.yaml` in `sources`.
        config: thresholds, crop and limits.
        on_progress: called from this thread, first before the first image.
        on_step: told in words what takes long before that, such as a conversion of the weights.
        progress: show a bar, in a terminal or a notebook, in place of calling the callables above.
        clock: seconds, for the times in the result.

    Raises:
        SourceError: where a source is missing or holds no image.
        WeightsError: where the weights cannot be opened.
        PredictionsError: where predictions cannot be read, or are of images that are not among the sources.
        ConfigError: where crops are to be confirmed by predictions.
        TruthError: where the labels cannot be opened, or share no class with the detector.
        BankError: where the bank cannot be written; what was stored before stays.
        DetectorError: where the detector fails on every image; what the bank had stays.
    """
    if progress:
        with scan_progress("opening the detector") as (tell, show):
            return scan(
                sources, detector, bank=bank, truth=truth, split=split, config=config, on_progress=show, on_step=tell,
                clock=clock,
            )  # fmt: skip
    config = config or ScanConfig()
    items, in_bank = _items(sources, split, config.video, Path(bank))
    labels = _labels(truth, config.labels, items)
    model = _detector(detector, items, labels, on_step)
    if config.confirm and model.needs_files:
        raise ConfigError("confirm runs the detector on its crops and needs a model, found predictions; leave it out")
    model.check_paths([item.path for item in items])
    classes = _classes(model, labels, config.classes)
    with BankWriter(bank, purpose="negmine scan") as writer:
        run_id = writer.begin_run(_run_record(model, config))
        reader = Reader(labels, in_parts=model.reads_parts)
        loop = ScanLoop(writer, run_id, model, reader, classes, config, clock)
        sample = items[:: max(len(items) // LOOKED_AT, 1)]
        beside = labels_beside([item.path for item in sample]) if labels is None else None
        notes = (*in_bank, *opening_notes(model), *_notes(labels, classes), *filter(None, [beside]))
        started = clock()
        for counts in loop.run(items):
            if on_progress is not None:
                on_progress(_progress(counts, len(items), notes))
        seconds = clock() - started
        _require_detections(model, loop.counts)
        device = Device.of(model, loop.busy_s / seconds if seconds > 0 else 0.0)
        new = tuple(note for note in model.notes if note not in notes)
        many = None if labels is not None else fires_on_most(loop.counts.scanned, loop.counts.confident)
        return loop.counts.result(
            writer.folder,
            writer.negative_count(),
            seconds,
            device,
            notes=new,
            warnings=tuple(filter(None, [beside, many])),
        )


def _items(
    sources: str | Path | Sequence[str | Path] | Source, split: str | None, video: VideoConfig, bank: Path
) -> tuple[Sequence[SourceItem], tuple[str, ...]]:
    """The images of the sources, and a note on those that are left out: negatives are not mined from a bank's own.

    Raises:
        SourceError: where there are no others.
        ConfigError: where frames are chosen, and no source is a video.
    """
    if isinstance(sources, Source):
        return sources.items(), ()
    files = expand_sources([sources] if isinstance(sources, (str, Path)) else sources, split=split, video=video)
    if video != VideoConfig() and all(isinstance(each, ImageFile) for each in files):
        raise ConfigError("every, start, end and keyframes choose frames of videos, found images alone; leave them out")
    homes = [real_path(bank / kind) for kind in (NEGATIVES, VARIANTS)]
    is_own = cache(lambda folder: any(real_path(folder).is_relative_to(home) for home in homes))
    others = [each for each in files if not is_own(os.path.dirname(each.key))]  # noqa: PTH120  (a million of them)
    if not others:
        raise SourceError(
            f"expected images outside bank {printable(bank)}, found its own negatives alone; name the backgrounds that "
            "are to be scanned, or another bank with --bank"
        )
    found = len(files) - len(others)
    return others, (f"{counted(found, 'image')} left out: in bank {printable(bank)} itself",) if found else ()


def _labels(truth: Truth | str | Path | None, config: LabelConfig, items: Sequence[SourceItem]) -> Truth | None:
    if isinstance(truth, (str, Path)):
        return open_truth(truth, config=config, images=[item.path for item in items])
    if config != LabelConfig():
        raise ConfigError(f"{config.options} need labels; name them with --truth")
    return truth


def _detector(
    detector: Detector | DetectorConfig | PredictionsConfig | str | Path,
    items: Sequence[SourceItem],
    labels: Truth | None,
    on_step: OnStep,
) -> Detector:
    if isinstance(detector, (str, Path)):
        detector = DetectorConfig(str(detector))
    if isinstance(detector, DetectorConfig | PredictionsConfig):
        paths = [item.path for item in items]
        sizes = None if labels is None else partial(object_sizes, labels, paths)
        return open_detector(detector, samples_of(paths), on_step, sizes)
    return detector


def _classes(detector: Detector, truth: Truth | None, mined: Sequence[str]) -> Classes:
    """Pair the detector's classes with the truth's, by name.

    Raises:
        DetectorError: for a name that cannot be written.
        TruthError: where the truth shares none.
        ConfigError: for a class to mine that the detector does not have.
    """
    names = detector.class_names
    odd = next((name for name in names.values() if not is_unicode(name)), None)
    if odd is not None:
        raise DetectorError(f"the detector's class {printable(odd)} is no Unicode; rename it where it was trained")
    if truth is None:
        return Classes(names, names, judged=None, mined=wanted_classes(mined, names))
    paired = match_class_names(names, truth.class_names)
    return Classes(names, paired, judged=frozenset(truth.class_names), mined=wanted_classes(mined, names))


def _run_record(detector: Detector, config: ScanConfig) -> RunRecord:
    identity = detector.identity
    return RunRecord(
        weights=identity.name,
        weights_sha256=identity.sha256,
        class_names=detector.class_names,
        detector_settings=identity.settings,
        scan_settings=config.settings(),
        versions={"negmine": __version__, **identity.versions},
    )


def _notes(truth: Truth | None, classes: Classes) -> tuple[str, ...]:
    """What the user may want to know before the first image: how the labels were understood."""
    if truth is None:
        return ()
    judged = [classes.model_names[number] for number in sorted(classes.truth_names)]
    pairing = truth.notes if isinstance(truth, PairedTruth | FrameTruth) else ()
    note = f"truth: {truth.format_name}; judged classes: {', '.join(judged)}"
    unjudged = len(classes.model_names) - len(judged)
    return (
        (*pairing, note, f"{unjudged} classes of the detector are not in the truth: unjudged, never mined")
        if unjudged
        else (*pairing, note)
    )


def _require_detections(detector: Detector, counts: ScanCounts) -> None:
    """Refuse to report a scan in which the detector failed on every image that it saw, now and before.

    Raises:
        DetectorError: with the first reason.
    """
    failed = [skipped for skipped in counts.skipped if skipped.kind == "detector"]
    if failed and not (counts.scanned or counts.unchanged or counts.duplicates):
        raise failed_on_every_image(detector.identity.name, len(failed), failed[0].source, failed[0].reason)


def _progress(counts: ScanCounts, total: int, notes: tuple[str, ...]) -> ScanProgress:
    return ScanProgress(
        total=total,
        done=min(counts.done, total),  # a file that changes meanwhile may be scanned twice
        scanned=counts.scanned,
        false_positives=counts.kinds[Kind.BACKGROUND],
        negatives=counts.added,
        labels_read=counts.labels_read,
        notes=notes,
    )
