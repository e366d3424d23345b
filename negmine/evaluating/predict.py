"""Running detectors over the images of an evaluation. Each image is read and decoded once, for all detectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from negmine.detectors.base import Detector
from negmine.detectors.batches import failed_on_every_image, predict_each
from negmine.engines.base import Engine
from negmine.engines.threads import ThreadEngine
from negmine.errors import ConfigError
from negmine.evaluating.config import EvalConfig
from negmine.evaluating.data import EvalImages
from negmine.evaluating.findings import RepeatedImages
from negmine.evaluating.match import EvalImage, ImageMatcher, MatchedDetections, MatchedImage
from negmine.labels.base import Truth
from negmine.labels.classes import require_known_to_detectors
from negmine.mining.reading import DECODING_BYTES, Reader
from negmine.mining.result import SkippedImage
from negmine.paths import printable
from negmine.sources.videos import item_at
from negmine.videos.contents import OnCount
from negmine.words import did_you_mean

_CHUNK = 8  # images handed to the detectors together, at least; two chunks are decoded in memory at a time


def predict_and_match(
    detectors: Sequence[Detector], images: EvalImages, config: EvalConfig, on_progress: OnCount | None = None
) -> list[MatchedDetections]:
    """Run detectors over the images, and match what they find.

    Images are read ahead in threads; two chunks of them are in memory at a time. An image that cannot be read, or that
    one of the detectors gives no detections for, is skipped for all. Copies of a background count once, and a
    background that is a copy of a labelled image does not count.

    Args:
        detectors: one or more, each opened so that it gives its detections down to `config.floor`.
        images: what they run on.
        config: thresholds.
        on_progress: called from this thread with the number of images done and of all images, the first time with 0.

    Returns:
        One item for each detector, in order.

    Raises:
        TruthError: if a detector has no class in common with the labels.
        ConfigError: if a class that is to be judged is not among those that the labels list.
        DetectorError: if a detector breaks its contract, or fails on every image.
    """
    report = on_progress or (lambda done, total: None)
    evaluation = _Evaluation(detectors, images.truth, config)
    done, total = 0, len(images.labelled) + len(images.backgrounds)
    report(done, total)
    with ThreadEngine(config.workers, name="negmine-eval") as engine:
        in_parts = all(detector.reads_parts for detector in detectors)
        for chunk in _read_chunks(engine, images, config, _chunk_size(detectors), in_parts):
            evaluation.add(engine, chunk)
            done += len(chunk)
            report(done, total)
    return evaluation.matched()


class _Evaluation:
    """Collects what detectors find, image after image, the labelled ones first."""

    def __init__(self, detectors: Sequence[Detector], truth: Truth, config: EvalConfig) -> None:
        self._detectors = detectors
        self._data_classes = truth.class_names
        self._judged = _judged_classes(truth, config)
        every = [name for detector in detectors for name in detector.class_names.values()]
        require_known_to_detectors(config.labels.class_map, every, truth.pairs_left, truth.class_names)
        self._matchers = [ImageMatcher(detector, truth, self._judged, config) for detector in detectors]
        self._images: list[list[MatchedImage]] = [[] for _ in detectors]
        self._skipped: list[SkippedImage] = []
        self._tried = 0
        self._failed: list[list[SkippedImage]] = [[] for _ in detectors]
        self._repeated = RepeatedImages()

    def add(self, engine: Engine, chunk: Sequence[EvalImage | SkippedImage]) -> None:
        """Run all detectors over a few images."""
        self._skipped += [each for each in chunk if isinstance(each, SkippedImage)]
        fresh = [each for each in chunk if isinstance(each, EvalImage) and self._counts(each)]
        matched = [
            _predict_and_match(engine, detector, matcher, fresh)
            for detector, matcher in zip(self._detectors, self._matchers, strict=True)
        ]
        self._tried += len(fresh)
        for failures, of_one in zip(self._failed, matched, strict=True):
            failures += [each for each in of_one if isinstance(each, SkippedImage)]
        for outcomes in zip(*matched, strict=True):
            failed = [each for each in outcomes if isinstance(each, SkippedImage)]
            self._skipped += failed[:1]
            for of_detector, each in zip(self._images, outcomes, strict=True):
                if isinstance(each, MatchedImage) and not failed:
                    of_detector.append(each)

    def matched(self) -> list[MatchedDetections]:
        """What was collected, by detector.

        Raises:
            DetectorError: where one failed on every image.
        """
        for matcher, failed in zip(self._matchers, self._failed, strict=True):
            if failed and len(failed) == self._tried:
                raise failed_on_every_image(matcher.identity.name, len(failed), failed[0].source, failed[0].reason)
        return [
            MatchedDetections(
                name=matcher.identity.name,
                sha256=matcher.identity.sha256,
                data_classes=self._data_classes,
                judged=self._judged,
                lacking=tuple(name for name in self._judged if name not in matcher.known),
                images=tuple(of_detector),
                skipped=tuple(self._skipped),
                findings=self._repeated.findings(),
            )
            for matcher, of_detector in zip(self._matchers, self._images, strict=True)
        ]

    def _counts(self, image: EvalImage) -> bool:
        """Whether an image counts: a labelled one always, a background unless it is a copy."""
        if image.background:
            return self._repeated.is_new_background(image.path, image.sha256)
        self._repeated.add_labelled(image.sha256, with_targets=len(image.truth) > 0)
        return True


def _predict_and_match(
    engine: Engine, detector: Detector, matcher: ImageMatcher, images: Sequence[EvalImage]
) -> list[MatchedImage | SkippedImage]:
    found = predict_each(detector, [each.image for each in images], [each.path for each in images])
    return list(engine.map(lambda pair: matcher.match(*pair), zip(images, found, strict=True)))


def _judged_classes(truth: Truth, config: EvalConfig) -> tuple[str, ...]:
    """The classes that are judged, in the order of the truth."""
    unknown = [name for name in config.classes if name not in truth.class_names]
    if unknown:
        listed = ", ".join(map(printable, truth.class_names[:10])) or "none"
        raise ConfigError(
            f"the data has no class {', '.join(map(printable, unknown))}; it lists {listed}"
            f"{did_you_mean(unknown[0], truth.class_names)}"
        )
    return tuple(name for name in truth.class_names if not config.classes or name in config.classes)


def _chunk_size(detectors: Sequence[Detector]) -> int:
    """A whole number of the largest batch."""
    batch = max(detector.batch_size for detector in detectors)
    return -(-_CHUNK // batch) * batch


def _read_chunks(
    engine: Engine, images: EvalImages, config: EvalConfig, size: int, in_parts: bool
) -> Iterator[list[EvalImage | SkippedImage]]:
    """Chunks of images, in order; the next is decoded while detectors work on one. Large images come in few."""
    labelled = Reader(images.truth, in_parts=in_parts)
    background = Reader(None, in_parts=in_parts)
    wanted = [(labelled, path, False) for path in images.labelled]
    wanted += [(background, path, True) for path in images.backgrounds]
    ahead = size + 1  # a chunk ahead of the one that was taken
    read = engine.map(lambda each: _Read(*each), wanted, ahead=ahead)
    decoded = engine.map(_Read.decode, read, ahead=ahead, cost=lambda each: each.nbytes, budget=DECODING_BYTES)
    chunk, nbytes = list[EvalImage | SkippedImage](), 0
    for each in decoded:
        more = each.image.nbytes if isinstance(each, EvalImage) else 0
        if len(chunk) == size or (chunk and nbytes + more > DECODING_BYTES):
            yield chunk
            chunk, nbytes = [], 0
        chunk.append(each)
        nbytes += more
    if chunk:
        yield chunk


class _Read:
    """An image that is read, and not decoded yet."""

    def __init__(self, reader: Reader, path: Path, background: bool) -> None:
        self._reader = reader
        self._path = path
        self._background = background
        self._encoded = reader.read(item_at(path))

    @property
    def nbytes(self) -> int:
        """What its pixels will take."""
        return 0 if isinstance(self._encoded, SkippedImage) else self._encoded.nbytes

    def decode(self) -> EvalImage | SkippedImage:
        encoded = self._encoded
        decoded = encoded if isinstance(encoded, SkippedImage) else self._reader.decode(encoded)
        if isinstance(decoded, SkippedImage):
            return decoded
        return EvalImage(self._path, decoded.sha256, decoded.image, decoded.truth, self._background)
