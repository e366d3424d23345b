"""What happens to the new pictures of a chunk: one thread runs the detector, and others judge behind it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from types import TracebackType
from typing import Self, TypeAlias

from negmine.bank.records import ScannedImage
from negmine.detectors.base import Detector
from negmine.detectors.batches import predict_each
from negmine.errors import BoxError, ImageError
from negmine.labels.classes import paired_class_names
from negmine.mining.config import ScanConfig
from negmine.mining.judge import Classes, canonical, confirm_negatives, judge
from negmine.mining.reading import Decoded
from negmine.mining.result import SkippedImage
from negmine.structures import Detections, GroundTruth

Outcome: TypeAlias = ScannedImage | SkippedImage


class Examination:
    """The outcomes of a chunk's new pictures, in their order, once they are there."""

    def __init__(self, begun: Future[list[Future[Outcome]]]) -> None:
        self._begun = begun

    @property
    def done(self) -> bool:
        """Whether all outcomes are there, or it failed."""
        return self._begun.done() and (self._begun.exception() is not None or all(f.done() for f in self._judged()))

    @property
    def failed(self) -> bool:
        """Whether `outcomes` raises; only where `done`."""
        return self._begun.exception() is not None or any(f.exception() is not None for f in self._judged())

    def outcomes(self) -> list[Outcome]:
        """Wait for them.

        Raises:
            DetectorError: and whatever else the detector raised.
        """
        return [each.result() for each in self._judged()]

    def _judged(self) -> list[Future[Outcome]]:
        return self._begun.result()


class Examiner:
    """Runs a detector in a thread of its own, and judges in the threads of a pool. Use it in a `with` statement.

    Args:
        detector: what is scanned; it is handed one batch after the other, always by the same thread.
        classes: what the detector's classes are called.
        config: thresholds, crop, limits.
        pool: threads that judge, cut and encode.
        clock: seconds.

    Attributes:
        busy_s: seconds that the detector was at work.
    """

    def __init__(
        self,
        detector: Detector,
        classes: Classes,
        config: ScanConfig,
        pool: ThreadPoolExecutor,
        clock: Callable[[], float],
    ) -> None:
        self.busy_s = 0.0
        self._detector = detector
        self._classes = classes
        self._config = config
        self._pool = pool
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="negmine-detector")
        self._stopped = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stopped.set()
        if kind is not None:
            self._detector.give_up()
        self._thread.shutdown(cancel_futures=True)

    def begin(self, decoded: Sequence[Decoded], truths: Sequence[GroundTruth]) -> Examination:
        """Examine new pictures, after all that was begun before.

        Args:
            decoded: of one chunk.
            truths: all that is known to be in each.
        """
        return Examination(self._thread.submit(self._examine, decoded, truths))

    def _examine(self, decoded: Sequence[Decoded], truths: Sequence[GroundTruth]) -> list[Future[Outcome]]:
        found = self._detect(decoded)
        judged = [self._pool.submit(self._judge, *each) for each in zip(decoded, found, truths, strict=True)]
        return [_given(self._confirmed(each.result())) for each in judged] if self._config.confirm else judged

    def _detect(self, decoded: Sequence[Decoded]) -> list[Detections | BoxError]:
        """Batch by batch, so that whoever stops the scan waits for one at most, or less where it can be given up."""
        size, found = self._detector.batch_size, list[Detections | BoxError]()
        for start in range(0, len(decoded), size):
            self._go_on()
            batch = decoded[start : start + size]
            images, paths = [each.image for each in batch], [each.stamp.path for each in batch]
            with self._at_work():
                found += predict_each(self._detector, images, paths)
        return found

    def _go_on(self) -> None:
        if self._stopped.is_set():
            raise InterruptedError

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        begun = self._clock()
        try:
            yield
        finally:
            self.busy_s += self._clock() - begun

    def _judge(self, each: Decoded, found: Detections | BoxError, truth: GroundTruth) -> Outcome:
        if isinstance(found, BoxError):
            return SkippedImage(each.stamp.path, "detector", str(found))
        detections = canonical(found, each.size_wh)
        try:
            judged, negatives = judge(each.image, detections, truth, self._classes_of(each, truth), self._config)
        except ImageError as error:
            return SkippedImage(each.stamp.path, "unreadable", str(error))
        return ScannedImage(each.stamp, each.sha256, each.size_wh, each.own_truth, judged, negatives)

    def _classes_of(self, each: Decoded, truth: GroundTruth) -> Classes:
        """The scan's classes; for a picture that has labels from earlier, by the names that those use."""
        if each.peeked.labelled or not len(truth):
            return self._classes
        names = self._classes.model_names
        return Classes(names, {**names, **paired_class_names(names, truth.class_names)}, judged=None)

    def _confirmed(self, outcome: Outcome) -> Outcome:
        """Drop the negatives on which the detector does not fire."""
        self._go_on()
        if isinstance(outcome, SkippedImage):
            return outcome
        try:
            with self._at_work():
                judged, negatives = confirm_negatives(
                    outcome.detections, outcome.negatives, self._detector, self._config
                )
        except BoxError as error:
            return SkippedImage(outcome.stamp.path, "detector", str(error))
        return ScannedImage(outcome.stamp, outcome.sha256, outcome.size_wh, outcome.truth, judged, negatives)


def _given(outcome: Outcome) -> Future[Outcome]:
    future: Future[Outcome] = Future()
    future.set_result(outcome)
    return future
