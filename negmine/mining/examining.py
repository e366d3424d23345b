"""What happens to the new contents of a chunk: they are decoded, detected on by one thread, and judged behind it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from negmine.bank.records import ItemRecord, KnownItem, ScannedImage
from negmine.detectors.base import Detector
from negmine.detectors.batches import predict_each
from negmine.engines.base import Engine
from negmine.engines.budget import Budget
from negmine.errors import BoxError, ImageError
from negmine.labels.classes import paired_class_names
from negmine.mining.config import ScanConfig
from negmine.mining.judge import Classes, canonical, confirm_negatives, judge
from negmine.mining.places import Looks, looks_of
from negmine.mining.reading import DECODING_BYTES, EncodedImage
from negmine.mining.result import SkippedImage
from negmine.sources.base import SourceItem
from negmine.structures import Detections, GroundTruth, Image
from negmine.videos.names import frame_name

_GIVE_UP_S = 0.05  # between asking a detector to give up and asking again


@dataclass(slots=True, eq=False)
class Content:
    """A distinct image content that the detector is run on, whatever number of items have it.

    Attributes:
        path: the file of the first item that has it.
        record: what the catalogue keeps of that item.
        sha256: of the bytes, hex.
        truth: every object that is known in it.
        encoded: the image as it was read, until it is decoded.
        nbytes: what decoding it will take; 0 where that cannot be told.
        pixels: of the upright image, until they are judged.
        size_wh: of the upright image, pixels, once it is decoded.
        outcome: what was found in it, or why nothing could be; None until that is known.
        looks: of the false positives of a frame, where places are told by them.
    """

    path: Path
    record: ItemRecord
    sha256: str
    truth: GroundTruth
    encoded: EncodedImage | None
    nbytes: int
    pixels: Image | None = None
    size_wh: tuple[int, int] | None = None
    outcome: ScannedImage | SkippedImage | None = None
    looks: Looks | None = None


@dataclass(slots=True, eq=False)
class Batch:
    """Contents that the detector sees together.

    Attributes:
        contents: no more than a batch of the detector, nor of more pixels than the budget, unless there is one alone.
        begun: set when they begin to be decoded.
        decoding: yields each once it is decoded, or cannot be.
    """

    contents: Sequence[Content]
    begun: threading.Event = field(default_factory=threading.Event)
    decoding: Iterator[Content] = field(default_factory=lambda: iter(()))


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """An item of a chunk.

    Attributes:
        image: what it is now.
        was_there: whether the bank had this content under this key before the scan.
        is_news: whether the catalogue says something else of the item.
        content: what is examined; None where the run is done with it.
    """

    image: EncodedImage
    was_there: bool
    is_news: bool
    content: Content | None


@dataclass(slots=True, eq=False)
class Chunk:
    """Images that are stored together.

    Attributes:
        items: in order, each with what the bank knows of it.
        reading: yields them as they are read; None where all are unchanged.
        entries: those to store or count.
        contents: those that no chunk before has, in the order of their first items.
        batches: of the contents.
        judging: of each batch, yields once for each content that is judged.
    """

    items: Sequence[tuple[SourceItem, KnownItem | None]]
    reading: Iterator[EncodedImage | SkippedImage] | None
    entries: list[Entry | SkippedImage] = field(default_factory=list)
    contents: list[Content] = field(default_factory=list)
    batches: Sequence[Batch] = ()
    judging: list[Iterator[None]] = field(default_factory=list)

    @property
    def is_examined(self) -> bool:
        """Whether all outcomes are there."""
        return all(content.outcome is not None for content in self.contents)


class Examiner:
    """Decodes, detects, judges. `run` is for one thread alone, in the order of the chunks.

    Args:
        detector: what is scanned.
        classes: what the detector's classes are called.
        config: thresholds, crop, limits.
        has_truth: whether the labels of this scan name the classes; otherwise known labels are matched by name.
        engine: decodes, judges, cuts and encodes.
        clock: seconds.

    Attributes:
        busy_s: seconds that the detector was at work.
    """

    def __init__(
        self,
        detector: Detector,
        classes: Classes,
        config: ScanConfig,
        *,
        has_truth: bool,
        engine: Engine,
        clock: Callable[[], float],
    ) -> None:
        self.busy_s = 0.0
        self._detector = detector
        self._classes = classes
        self._config = config
        self._has_truth = has_truth
        self._engine = engine
        self._clock = clock
        self._budget = Budget(DECODING_BYTES)
        self._stopped, self._idle = threading.Event(), threading.Event()
        self._idle.set()

    def stop(self, *, give_up: bool) -> None:
        """Have `run` raise InterruptedError at the next batch; or sooner, where the detector can give up."""
        self._stopped.set()
        while give_up and not self._idle.is_set():
            self._detector.give_up()
            self._idle.wait(_GIVE_UP_S)  # then again: a detector that had not begun to predict has forgotten it

    def begin(self, chunk: Chunk) -> None:
        """Begin to decode the contents of a chunk, as far as their pixels fit beside those of the chunks before."""
        chunk.batches = [Batch(contents) for contents in self._batches(chunk.contents)]
        for batch in chunk.batches:
            cost = sum(content.nbytes for content in batch.contents)
            self._budget.begin(cost, partial(self._begin_batch, batch))

    def _batches(self, contents: Sequence[Content]) -> Iterator[list[Content]]:
        """Cut by number and pixels alone, so that a scan that is resumed has the same batches."""
        batch, nbytes = list[Content](), 0
        for content in contents:
            if batch and (len(batch) == self._detector.batch_size or nbytes + content.nbytes > self._budget.limit):
                yield batch
                batch, nbytes = [], 0
            batch.append(content)
            nbytes += content.nbytes
        if batch:
            yield batch

    def _begin_batch(self, batch: Batch) -> None:
        batch.decoding = self._engine.map(self._decode, batch.contents, ahead=len(batch.contents))
        batch.begun.set()

    def run(self, chunk: Chunk) -> Chunk:
        """Detect in the contents of a chunk, and begin to judge.

        Raises:
            InterruptedError: after `stop`.
            DetectorError: and whatever else the detector raises.
        """
        for batch in chunk.batches:
            contents = [content for content in self._decoded(batch) if content.outcome is None]
            found = zip(contents, self._detect(contents), strict=True)
            if self._config.confirm:
                judged = self._engine.map(self._judge, found, ahead=len(contents))
                for content, outcome in zip(contents, judged, strict=True):
                    content.outcome = self._confirmed(outcome)
            else:
                chunk.judging.append(self._engine.map(self._finish, found, ahead=len(contents)))
        return chunk

    def _decoded(self, batch: Batch) -> Iterator[Content]:
        """The contents of a batch, which is begun once the pixels of those before are judged."""
        while not batch.begun.wait(_GIVE_UP_S):
            if self._stopped.is_set():
                raise InterruptedError
        return batch.decoding

    def _decode(self, content: Content) -> Content:
        encoded, content.encoded = content.encoded, None
        try:
            assert encoded is not None
            content.pixels = encoded.decode()
            content.size_wh = content.pixels.shape[1], content.pixels.shape[0]
        except ImageError as error:
            content.outcome = SkippedImage(content.path, "unreadable", str(error))
            self._budget.release(content.nbytes)
        return content

    def _detect(self, contents: Sequence[Content]) -> list[Detections | BoxError]:
        """The detections of a batch. Stopping waits for one at most."""
        if not contents:
            return []
        images = [each.pixels for each in contents if each.pixels is not None]
        with self._at_work():
            return predict_each(self._detector, images, [each.path for each in contents])

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        self._idle.clear()
        begun = self._clock()
        try:
            if self._stopped.is_set():
                raise InterruptedError
            yield
        finally:
            self.busy_s += self._clock() - begun
            self._idle.set()

    def _finish(self, pair: tuple[Content, Detections | BoxError]) -> None:
        content, outcome = pair[0], self._judge(pair)
        if self._config.per_place is not None and isinstance(outcome, ScannedImage) and frame_name(content.path):
            content.looks = looks_of(outcome)
        content.outcome = outcome

    def _judge(self, pair: tuple[Content, Detections | BoxError]) -> ScannedImage | SkippedImage:
        content, found = pair
        try:
            return self._judged(content, found)
        finally:
            content.pixels = None
            self._budget.release(content.nbytes)

    def _judged(self, content: Content, found: Detections | BoxError) -> ScannedImage | SkippedImage:
        if isinstance(found, BoxError):
            return SkippedImage(content.path, "detector", str(found))
        assert content.pixels is not None and content.size_wh is not None
        detections, truth = canonical(found, content.size_wh), content.truth
        try:
            judged, negatives = judge(content.pixels, detections, truth, self._classes_of(truth), self._config)
        except ImageError as error:
            return SkippedImage(content.path, "unreadable", str(error))
        return ScannedImage(content.record, content.sha256, content.size_wh, None, judged, negatives)

    def _classes_of(self, truth: GroundTruth) -> Classes:
        """The scan's classes; for an image with labels from earlier, by the names that those use."""
        if self._has_truth or not len(truth):
            return self._classes
        names = self._classes.model_names
        paired = {**names, **paired_class_names(names, truth.class_names)}
        return Classes(names, paired, judged=None, mined=self._classes.mined)

    def _confirmed(self, outcome: ScannedImage | SkippedImage) -> ScannedImage | SkippedImage:
        """Drop the negatives on which the detector does not fire."""
        if isinstance(outcome, SkippedImage):
            return outcome
        try:
            with self._at_work():
                judged, kept = confirm_negatives(
                    outcome.detections, outcome.negatives, self._detector, self._classes, self._config
                )
        except BoxError as error:
            return SkippedImage(Path(outcome.item.key), "detector", str(error))
        return replace(outcome, detections=judged, negatives=kept)
