"""The loop of a scan: the next chunk of images is read and decoded while the detector works on this one.

Which images share a chunk, and a batch of the detector, depends on the list of images and their content alone. So a
scan that was killed goes on with the batches that an undisturbed one has, and ends with the same bank to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from negmine.bank.files import sha256_of
from negmine.bank.records import ScannedImage
from negmine.bank.writer import BankWriter
from negmine.detectors.base import Detector
from negmine.detectors.batches import predict_each
from negmine.errors import BoxError, ImageError
from negmine.matching import FALSE_POSITIVES, Kind
from negmine.mining.config import ScanConfig
from negmine.mining.judge import Classes, canonical, confirm_negatives, judge
from negmine.mining.reading import Decoded, Peeked, Reader
from negmine.mining.result import HardNegative, SkippedImage, Tally
from negmine.structures import Detections, GroundTruth, ImageRef

_CHUNK = 8  # images stored together, at least; two chunks are in memory at a time

_Key = tuple[str, str | None]  # hash of the content, hash of the labels


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Images that are stored together: skipped, known already, or being decoded."""

    entries: tuple[SkippedImage | Peeked | Future[Decoded | SkippedImage], ...]
    keys: frozenset[_Key]


class ScanLoop:
    """Scans a list of images into a bank.

    Args:
        bank: open for writing.
        run_id: the run under which results are stored.
        detector: what is scanned.
        reader: reads images and labels.
        classes: what the detector's classes are called.
        config: thresholds, crop, limits.
    """

    def __init__(
        self, bank: BankWriter, run_id: int, detector: Detector, reader: Reader, classes: Classes, config: ScanConfig
    ) -> None:
        self.tally = Tally()
        self._bank = bank
        self._run_id = run_id
        self._detector = detector
        self._reader = reader
        self._classes = classes
        self._config = config
        self._in_flight: set[_Key] = set()

    def run(self, refs: Sequence[ImageRef]) -> Iterator[Tally]:
        """Scan everything; yields the counts before the first chunk and after each."""
        size = -(-_CHUNK // self._detector.batch_size) * self._detector.batch_size
        pool = ThreadPoolExecutor(self._config.workers, thread_name_prefix="negmine")
        try:
            yield self.tally
            ahead = self._begin(refs[:size], pool)
            for start in range(size, len(refs) + size, size):
                chunk, ahead = ahead, self._begin(refs[start : start + size], pool)
                self._finish(chunk, pool)
                yield self.tally
        finally:
            pool.shutdown(cancel_futures=True)

    def _begin(self, refs: Sequence[ImageRef], pool: ThreadPoolExecutor) -> _Chunk:
        """Tell what is new, and start decoding that."""
        known = [self._bank.known_file(self._run_id, ref.path) for ref in refs]
        entries: list[SkippedImage | Peeked | Future[Decoded | SkippedImage]] = []
        keys: set[_Key] = set()
        for peeked, before in zip(pool.map(self._reader.peek, refs, known), known, strict=True):
            if isinstance(peeked, SkippedImage):
                entries.append(peeked)
                continue
            key = (peeked.sha256, peeked.stamp.truth_hash)
            in_flight = key in self._in_flight or (
                key[1] is None and key[0] in {sha256 for sha256, _ in self._in_flight}
            )
            relabelled = before is not None and before.stamp.truth_hash not in (None, peeked.stamp.truth_hash)
            if in_flight or (not relabelled and self._bank.is_done(self._run_id, *key)):
                entries.append(peeked)
            else:
                entries.append(pool.submit(self._reader.decode, peeked))
                self._in_flight.add(key)
                keys.add(key)
        return _Chunk(tuple(entries), frozenset(keys))

    def _finish(self, chunk: _Chunk, pool: ThreadPoolExecutor) -> None:
        """Detect and judge what is new in a chunk, and store it, in the order of its images."""
        entries = [entry.result() if isinstance(entry, Future) else entry for entry in chunk.entries]
        examined = iter(self._examine([entry for entry in entries if isinstance(entry, Decoded)], pool))
        with self._bank.transaction():
            for entry in entries:
                outcome = next(examined) if isinstance(entry, Decoded) else entry
                if isinstance(outcome, ScannedImage):
                    self._store(outcome)
                elif isinstance(outcome, Peeked):
                    self._store_known(outcome)
                else:
                    self.tally.skipped.append(outcome)
        self._in_flight -= chunk.keys

    def _examine(self, decoded: list[Decoded], pool: ThreadPoolExecutor) -> list[ScannedImage | SkippedImage]:
        """Run the detector on decoded images and judge what it found."""
        found = predict_each(self._detector, [each.image for each in decoded])
        outcomes = pool.map(self._judge, decoded, found, self._truths(decoded))
        return [self._confirmed(outcome) if self._config.confirm else outcome for outcome in outcomes]

    def _truths(self, decoded: list[Decoded]) -> list[GroundTruth]:
        """Every object known in each image: by its own labels, and by those of other files of the same content."""
        truths: list[GroundTruth] = []
        for index, each in enumerate(decoded):
            stamp, sha256 = each.peeked.stamp, each.peeked.sha256
            truth = each.truth.joined(
                self._bank.known_truth(sha256, apart_from=stamp.path if each.peeked.labelled else None)
            )
            for earlier in decoded[:index]:
                if earlier.peeked.sha256 == sha256:
                    truth = truth.joined(earlier.truth)
            truths.append(truth)
        return truths

    def _judge(self, each: Decoded, found: Detections | BoxError, truth: GroundTruth) -> ScannedImage | SkippedImage:
        if isinstance(found, BoxError):
            return SkippedImage(each.peeked.stamp.path, "detector", str(found))
        detections = canonical(found, each.size_wh)
        try:
            judged, negatives = judge(each.image, detections, truth, self._classes, self._config)
        except ImageError as error:
            return SkippedImage(each.peeked.stamp.path, "unreadable", str(error))
        return ScannedImage(each.peeked.stamp, each.peeked.sha256, each.size_wh, each.truth, judged, negatives)

    def _confirmed(self, outcome: ScannedImage | SkippedImage) -> ScannedImage | SkippedImage:
        """Drop the negatives on which the detector does not fire."""
        if isinstance(outcome, SkippedImage):
            return outcome
        try:
            judged, negatives = confirm_negatives(outcome.detections, outcome.negatives, self._detector, self._config)
        except BoxError as error:
            return SkippedImage(outcome.stamp.path, "detector", str(error))
        return ScannedImage(outcome.stamp, outcome.sha256, outcome.size_wh, outcome.truth, judged, negatives)

    def _store(self, image: ScannedImage) -> None:
        stored = self._bank.store(self._run_id, image)
        tally, kinds = self.tally, [d.kind for d in image.detections]
        tally.scanned += 1
        tally.with_false_positives += any(kind in FALSE_POSITIVES for kind in kinds)
        tally.kinds.update(kinds)
        tally.classes.update(d.class_name for d in image.detections if d.kind is Kind.BACKGROUND)
        tally.crops_skipped.update(d.skipped for d in image.detections if d.skipped is not None)
        tally.added += len(stored.added)
        tally.withdrawn += stored.withdrawn
        for index in stored.added:
            hardest = max((d for d in image.detections if d.negative == index), key=lambda d: d.score)
            sha256 = sha256_of(image.negatives[index].data)
            tally.keep_hardest(HardNegative(hardest.score, hardest.class_name, image.stamp.path, sha256))

    def _store_known(self, peeked: Peeked) -> None:
        """Count an image whose content was judged before, and store its name or time where those are new."""
        before = self._bank.known_file(self._run_id, peeked.stamp.path)
        if before is not None and before.sha256 == peeked.sha256:
            self.tally.unchanged += 1
        elif self._bank.is_done(self._run_id, peeked.sha256, peeked.stamp.truth_hash):
            self.tally.duplicates += 1
        else:
            reason = "the same content as an image before it that was skipped"
            self.tally.skipped.append(SkippedImage(peeked.stamp.path, "unreadable", reason))
            return
        if before is None or before.stamp != peeked.stamp:
            self._bank.store_name(peeked.stamp, peeked.sha256)
