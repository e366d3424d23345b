"""All that detectors said of a set of images, matched once at the lowest score; every figure is derived from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from negmine.cores import usable_cores
from negmine.detectors.base import Detector
from negmine.errors import ConfigError
from negmine.evaluating.config import EvalConfig
from negmine.evaluating.findings import EvalFinding, Overlaps
from negmine.evaluating.predict import Judge, SeenImage, Subject
from negmine.labels.base import Truth
from negmine.mining.reading import DecodedImage, Reader
from negmine.mining.result import SkippedImage
from negmine.paths import printable
from negmine.sources.base import ImageFile

_CHUNK = 8  # images handed to the detectors together, at least; two chunks are decoded in memory at a time

OnCount = Callable[[int, int], None]  # how many are done, of how many


@dataclass(frozen=True, slots=True, eq=False)
class EvalImages:
    """What is measured on.

    Attributes:
        labelled: images with labels; one without is skipped, unless the settings say that it is empty.
        truth: the labels.
        backgrounds: images without targets, by the user's word.
    """

    labelled: Sequence[Path]
    truth: Truth
    backgrounds: Sequence[Path] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """All that a detector said of the images: enough to compute any figure without running it again.

    Attributes:
        name: of the detector, for people.
        sha256: of its weights, hex.
        listed: the classes that the data lists; what `SeenImage.classes` counts.
        class_names: those of them that are judged.
        lacking: those of the judged that the detector does not know; their objects are missed.
        images: that every detector of the evaluation gave detections for, the labelled ones first.
        skipped: images passed over, the same for every detector, each with the reason.
        findings: what is suspicious about the images.
    """

    name: str
    sha256: str
    listed: tuple[str, ...]
    class_names: tuple[str, ...]
    lacking: tuple[str, ...]
    images: tuple[SeenImage, ...]
    skipped: tuple[SkippedImage, ...] = ()
    findings: tuple[EvalFinding, ...] = ()


def collect(detector: Detector, images: EvalImages, config: EvalConfig, on_progress: OnCount | None = None) -> Evidence:
    """Run one detector over the images; see `collect_each`."""
    return collect_each([detector], images, config, on_progress)[0]


def collect_each(
    detectors: Sequence[Detector], images: EvalImages, config: EvalConfig, on_progress: OnCount | None = None
) -> list[Evidence]:
    """Run detectors over the images, each of which is decoded once, and match what they find.

    Images are read ahead in threads; two chunks of them are in memory at a time. An image that cannot be read, or that
    one of the detectors gives no detections for, is skipped for all. A copy of a background counts once; a background
    that is a picture of the labelled ones does not count again.

    Args:
        detectors: one or more, each opened so that it gives its detections down to `config.floor`.
        images: what is measured on.
        config: thresholds.
        on_progress: called from this thread with how many images are done, of how many; first before the first.

    Returns:
        One for each detector, in order.

    Raises:
        TruthError: where a detector has no class in common with the labels.
        ConfigError: where a class that is to be judged is not among those that the labels list.
        DetectorError: where a detector breaks its contract.
    """
    judged = _judged(images.truth, config)
    judges = [Judge(detector, images.truth, judged, config) for detector in detectors]
    seen: list[list[SeenImage]] = [[] for _ in judges]
    skipped: list[SkippedImage] = []
    overlaps = Overlaps()
    say = on_progress or (lambda done, total: None)
    done, total = 0, len(images.labelled) + len(images.backgrounds)
    say(done, total)
    with ThreadPoolExecutor(config.workers or usable_cores(), thread_name_prefix="negmine-eval") as pool:
        for chunk in _read_ahead(pool, images, config, _chunk_size(detectors)):
            skipped += [each for each in chunk if isinstance(each, SkippedImage)]
            fresh = [each for each in chunk if isinstance(each, Subject) and _is_new(each, overlaps)]
            for outcomes in zip(*(judge.look(fresh, pool) for judge in judges), strict=True):
                failed = [each for each in outcomes if isinstance(each, SkippedImage)]
                skipped += failed[:1]
                for of_one, each in zip(seen, outcomes, strict=True):
                    if isinstance(each, SeenImage) and not failed:
                        of_one.append(each)
            done += len(chunk)
            say(done, total)
    return [
        Evidence(
            name=judge.identity.name,
            sha256=judge.identity.sha256,
            listed=images.truth.class_names,
            class_names=judged,
            lacking=tuple(name for name in judged if name not in judge.known),
            images=tuple(of_one),
            skipped=tuple(skipped),
            findings=overlaps.findings(),
        )
        for judge, of_one in zip(judges, seen, strict=True)
    ]


def _judged(truth: Truth, config: EvalConfig) -> tuple[str, ...]:
    """The classes that are judged, in the order of the truth."""
    unknown = [name for name in config.classes if name not in truth.class_names]
    if unknown:
        listed = ", ".join(map(printable, truth.class_names[:10])) or "none"
        raise ConfigError(f"the data has no class {', '.join(map(printable, unknown))}; it lists {listed}")
    return tuple(name for name in truth.class_names if not config.classes or name in config.classes)


def _chunk_size(detectors: Sequence[Detector]) -> int:
    """A whole number of the largest batch."""
    batch = max(detector.batch_size for detector in detectors)
    return -(-_CHUNK // batch) * batch


def _is_new(subject: Subject, overlaps: Overlaps) -> bool:
    """Whether an image is to be counted."""
    decoded = subject.decoded
    if subject.background:
        return overlaps.is_new_background(decoded.path, decoded.sha256)
    overlaps.labelled(decoded.sha256, with_targets=len(subject.decoded.truth) > 0)
    return True


def _read_ahead(
    pool: ThreadPoolExecutor, images: EvalImages, config: EvalConfig, size: int
) -> Iterator[list[Subject | SkippedImage]]:
    """Chunks of images, in order; the next is read and decoded while one is worked on."""
    labelled = Reader(images.truth, missing_is_empty=config.missing_is_empty)
    wanted = [(labelled, path, False) for path in images.labelled]
    wanted += [(Reader(None, missing_is_empty=False), path, True) for path in images.backgrounds]
    ahead: list[Future[Subject | SkippedImage]] = []
    try:
        for start in range(0, len(wanted) + size, size):
            chunk, ahead = ahead, [pool.submit(_read, *each) for each in wanted[start : start + size]]
            if chunk:
                yield [each.result() for each in chunk]
    finally:
        for each in ahead:
            each.cancel()


def _read(reader: Reader, path: Path, background: bool) -> Subject | SkippedImage:
    encoded = reader.read(ImageFile(str(path)))
    decoded = encoded if isinstance(encoded, SkippedImage) else reader.decode(encoded)
    return Subject(decoded, background) if isinstance(decoded, DecodedImage) else decoded
