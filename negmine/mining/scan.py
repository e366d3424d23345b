"""The scan: run a detector over images, keep what it gets wrong on background, put that into the bank."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from negmine._version import __version__
from negmine.bank.records import RunRecord
from negmine.bank.writer import BankWriter
from negmine.cameras.address import CameraAddress, numbered
from negmine.cameras.camera import Camera
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
from negmine.labels.classes import match_class_names, require_known_to_detectors
from negmine.matching import Kind
from negmine.mining.config import DEFAULT_BANK, ScanConfig
from negmine.mining.job import ScanJob
from negmine.mining.judge import Classes
from negmine.mining.live import live_samples, open_cameras
from negmine.mining.own_files import OwnFiles
from negmine.mining.result import Device, Footage, ScanCounts, ScanProgress, ScanResult
from negmine.mining.running import ScanLoops, check_sources, footage_of, require_any_frame
from negmine.mining.suspected_targets import LOOKED_AT, fires_on_most, labels_beside
from negmine.paths import printable
from negmine.sources.base import Source, SourceItem
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
        sources: image and video files, folders, globs, `.txt` lists, `data.yaml` files and cameras (`rtsp://...`,
            `http(s)://...`, `/dev/videoN`); or a source of another kind. Cameras come last.
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
        SourceError: where a source is missing or holds no image, a camera does not answer, or the one video that there
            is has no frame that can be decoded.
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
    files, addresses = _cameras(sources)
    items, in_bank = ((), ()) if addresses and not files else _items(files, split, config.video, Path(bank))
    check_sources(items, addresses, has_labels=truth is not None, config=config, split=split)
    labels = _labels(truth, config.labels, items)
    with open_cameras(addresses, config.camera, on_step) as cameras:
        model = _detector(detector, items, cameras, labels, on_step)
        if config.confirm and model.needs_files:
            raise ConfigError(
                "confirm runs the detector on its crops and needs a model, found predictions; leave it out"
            )
        model.check_paths([item.path for item in items])
        classes = _classes(model, labels, config)
        with BankWriter(bank, purpose="negmine scan") as writer:
            job = ScanJob(writer, writer.begin_run(_run_record(model, config)), model, classes, config, clock)
            loops = ScanLoops(job, labels)
            sample = items[:: max(len(items) // LOOKED_AT, 1)]
            beside = labels_beside([item.path for item in sample]) if labels is None else None
            warning = () if beside is None else (_warning(beside),)
            notes = (*in_bank, *opening_notes(model), *_notes(labels, classes), *warning)
            footage, total = footage_of(items, has_cameras=bool(cameras)), None if cameras else len(items)
            report = on_progress or (lambda now: None)
            started = clock()
            loops.run(items, cameras, lambda counts: report(_progress(counts, total, notes, footage.unit)))
            warnings = _warnings(job, beside, has_labels=labels is not None)
            require_any_frame(items, job.counts)
            return _result(job, loops.busy_s, clock() - started, notes, warnings, footage)


def _warnings(job: ScanJob, beside: str | None, *, has_labels: bool) -> tuple[str, ...]:
    """What speaks against the user's word that no image holds a target."""
    many = None if has_labels else fires_on_most(job.counts.scanned, job.counts.confident)
    return tuple(filter(None, [beside, many]))


def _warning(text: str) -> str:
    """A warning as a note."""
    return f"warning: {text}"


def _result(
    job: ScanJob,
    busy_s: float,
    seconds: float,
    notes: tuple[str, ...],
    warnings: tuple[str, ...],
    footage: Footage,
) -> ScanResult:
    """What a scan did.

    Raises:
        DetectorError: where the detector failed on every image.
    """
    _require_detections(job.detector, job.counts)
    return job.counts.result(
        job.bank.folder,
        job.bank.negative_count(),
        seconds,
        Device.of(job.detector, busy_s / seconds if seconds > 0 else 0.0),
        notes=tuple(note for note in job.detector.notes if note not in notes),
        warnings=warnings,
        told=tuple(each for each in warnings if _warning(each) in notes),
        footage=footage,
    )


def _cameras(
    sources: str | Path | Sequence[str | Path] | Source,
) -> tuple[Sequence[str | Path] | Source, list[CameraAddress]]:
    """Part what a user typed into files and the like, and addresses of cameras.

    Raises:
        SourceError: for an address of another kind.
    """
    if isinstance(sources, Source):
        return sources, []
    named = [sources] if isinstance(sources, (str, Path)) else sources
    found = [CameraAddress.parse(each) if isinstance(each, str) else None for each in named]
    addresses = numbered({each.url: each for each in found if each is not None}.values())  # each once
    return [each for each, address in zip(named, found, strict=True) if address is None], addresses


def _items(
    sources: str | Path | Sequence[str | Path] | Source, split: str | None, video: VideoConfig, bank: Path
) -> tuple[Sequence[SourceItem], tuple[str, ...]]:
    """The images of the sources, and a note on those that are left out; see `OwnFiles`.

    Raises:
        SourceError: where there are no others.
    """
    if isinstance(sources, Source):
        return sources.items(), ()
    files = expand_sources([sources] if isinstance(sources, (str, Path)) else sources, split=split, video=video)
    own = OwnFiles(bank)
    others = [each for each in map(own.source, files) if each is not None]
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
        raise ConfigError(f"{config.options} need labels; name them with --data")
    return truth


def _detector(
    detector: Detector | DetectorConfig | PredictionsConfig | str | Path,
    items: Sequence[SourceItem],
    cameras: Sequence[Camera],
    labels: Truth | None,
    on_step: OnStep,
) -> Detector:
    """Open the detector.

    Raises:
        WeightsError, PredictionsError: where it cannot be opened.
        ConfigError: for predictions of a camera.
    """
    if isinstance(detector, (str, Path)):
        detector = DetectorConfig(str(detector))
    if isinstance(detector, DetectorConfig | PredictionsConfig):
        paths = [item.path for item in items]
        few = samples_of(paths) if paths else live_samples(cameras)
        sizes = None if labels is None else partial(object_sizes, labels, paths)
        detector = open_detector(detector, few, on_step, sizes)
    if cameras and detector.needs_files:
        raise ConfigError(f"a camera is looked at by a model, found predictions for {cameras[0].address.shown}")
    return detector


def _classes(detector: Detector, truth: Truth | None, config: ScanConfig) -> Classes:
    """Pair the detector's classes with the truth's.

    Raises:
        DetectorError: for a name that cannot be written.
        TruthError: where the truth shares none.
        ConfigError: for a class to mine that the detector does not have.
    """
    names = detector.class_names
    odd = next((name for name in names.values() if not is_unicode(name)), None)
    if odd is not None:
        raise DetectorError(f"the detector's class {printable(odd)} is no Unicode; rename it where it was trained")
    mined = wanted_classes(config.classes, names)
    if truth is None:
        return Classes(names, names, judged=None, mined=mined)
    require_known_to_detectors(config.labels.class_map, list(names.values()), truth.pairs_left, truth.class_names)
    paired = match_class_names(names, truth.class_names, config.labels.class_map)
    return Classes(names, paired, judged=frozenset(truth.class_names), mined=mined)


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


def _progress(counts: ScanCounts, total: int | None, notes: tuple[str, ...], unit: str) -> ScanProgress:
    return ScanProgress(
        total=total,
        done=counts.done
        if total is None
        else min(counts.done, total),  # a file that changes meanwhile may be scanned twice
        scanned=counts.scanned,
        false_positives=counts.kinds[Kind.BACKGROUND] + counts.kinds[Kind.FLICKER],
        negatives=counts.added,
        labels_read=counts.labels_read,
        notes=notes,
        unit=unit,
    )
