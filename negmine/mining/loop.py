"""The loop of a scan: the next chunk of images is read and decoded while the detector works on this one.

What is decided ahead is a guess. What is done with a chunk is decided when the chunk before it is stored, and depends
on the bank at that moment and on the chunk's images alone: a scan that was killed goes on with the batches that an
undisturbed one has, and ends with the same bank to the last bit. First the names and labels of a chunk are stored,
then each picture that is not done is judged, once, with the labels of all its names.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from negmine.bank.files import sha256_of
from negmine.bank.records import KnownFile, ScannedImage
from negmine.bank.writer import BankWriter
from negmine.detectors.base import Detector
from negmine.detectors.batches import predict_each
from negmine.errors import BoxError, ImageError
from negmine.labels.classes import paired_class_names
from negmine.matching import FALSE_POSITIVES, Kind
from negmine.mining.config import ScanConfig
from negmine.mining.judge import Classes, canonical, confirm_negatives, judge
from negmine.mining.reading import Decoded, Peeked, Reader
from negmine.mining.result import HardNegative, SkippedImage, Tally
from negmine.structures import Detections, GroundTruth, ImageRef

_CHUNK = 8  # images stored together, at least; two chunks are in memory at a time

_Entry = SkippedImage | Peeked | Decoded


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

    def run(self, refs: Sequence[ImageRef]) -> Iterator[Tally]:
        """Scan everything; yields the counts before the first chunk and after each."""
        size = -(-_CHUNK // self._detector.batch_size) * self._detector.batch_size
        pool = ThreadPoolExecutor(self._config.workers or os.cpu_count(), thread_name_prefix="negmine")
        try:
            yield self.tally
            ahead = self._begin(refs[:size], pool)
            for start in range(size, len(refs) + size, size):
                chunk, ahead = ahead, self._begin(refs[start : start + size], pool)
                self._finish(chunk, pool)
                yield self.tally
        finally:
            pool.shutdown(cancel_futures=True)

    def _begin(
        self, refs: Sequence[ImageRef], pool: ThreadPoolExecutor
    ) -> list[SkippedImage | Peeked | Future[_Entry]]:
        """Tell what seems to be new, and start decoding that."""
        known = [self._bank.known_file(self._run_id, ref.path) for ref in refs]
        entries: list[SkippedImage | Peeked | Future[_Entry]] = []
        for peeked, before in zip(pool.map(self._reader.peek, refs, known), known, strict=True):
            new = isinstance(peeked, Peeked) and not _is_done(peeked, before)
            entries.append(pool.submit(self._reader.decode, peeked) if new and isinstance(peeked, Peeked) else peeked)
        return entries

    def _finish(self, chunk: list[SkippedImage | Peeked | Future[_Entry]], pool: ThreadPoolExecutor) -> None:
        """Store the names and labels of a chunk, judge what is not done, and store that, in the order of its images."""
        entries = [self._settled(entry.result() if isinstance(entry, Future) else entry) for entry in chunk]
        known = [
            None if isinstance(e, SkippedImage) else self._bank.known_file(self._run_id, _path(e)) for e in entries
        ]
        self._register(entries)
        fresh: dict[str, Decoded] = {}
        for entry in entries:
            if isinstance(entry, Decoded) and not self._bank.is_done(self._run_id, entry.peeked.sha256):
                fresh.setdefault(entry.peeked.sha256, entry)
        outcomes = dict(zip(fresh, self._examine(list(fresh.values()), pool), strict=True))
        with self._bank.transaction():
            for entry, before in zip(entries, known, strict=True):
                sha256 = entry.peeked.sha256 if isinstance(entry, Decoded) else ""
                outcome = outcomes.get(sha256)
                if isinstance(entry, SkippedImage):
                    self.tally.skipped.append(entry)
                elif isinstance(outcome, SkippedImage):
                    self.tally.skipped.append(replace(outcome, source=_path(entry)))
                elif outcome is not None and fresh[sha256] is entry:
                    self._store(outcome)
                elif isinstance(entry, Peeked) or (before is not None and before.sha256 == sha256):
                    self.tally.unchanged += 1
                else:
                    self.tally.duplicates += 1

    def _settled(self, entry: _Entry) -> _Entry:
        """Decode after all what was thought to be done, if the chunk before has brought other labels for it."""
        if isinstance(entry, Peeked) and not _is_done(entry, self._bank.known_file(self._run_id, entry.stamp.path)):
            return self._reader.decode(entry)
        return entry

    def _register(self, entries: Sequence[_Entry]) -> None:
        """Store where pictures were found and what labels they have, before any of them is judged."""
        with self._bank.transaction():
            for entry in entries:
                if isinstance(entry, Decoded):
                    truth = entry.truth if entry.peeked.labelled else None
                    self.tally.withdrawn += self._bank.register(
                        entry.peeked.stamp, entry.peeked.sha256, entry.size_wh, truth
                    )

    def _examine(self, decoded: list[Decoded], pool: ThreadPoolExecutor) -> list[ScannedImage | SkippedImage]:
        """Run the detector on decoded images and judge what it found."""
        found = predict_each(self._detector, [each.image for each in decoded], [_path(each) for each in decoded])
        truths = [self._bank.known_truth(each.peeked.sha256) for each in decoded]
        outcomes = pool.map(self._judge, decoded, found, truths)
        return [self._confirmed(outcome) if self._config.confirm else outcome for outcome in outcomes]

    def _judge(self, each: Decoded, found: Detections | BoxError, truth: GroundTruth) -> ScannedImage | SkippedImage:
        if isinstance(found, BoxError):
            return SkippedImage(each.peeked.stamp.path, "detector", str(found))
        detections = canonical(found, each.size_wh)
        try:
            judged, negatives = judge(each.image, detections, truth, self._classes_of(each, truth), self._config)
        except ImageError as error:
            return SkippedImage(each.peeked.stamp.path, "unreadable", str(error))
        own = each.truth if each.peeked.labelled else None
        return ScannedImage(each.peeked.stamp, each.peeked.sha256, each.size_wh, own, judged, negatives)

    def _classes_of(self, each: Decoded, truth: GroundTruth) -> Classes:
        """The scan's classes; for a picture that has labels from earlier, by the names that those use."""
        if each.peeked.labelled or not len(truth):
            return self._classes
        names = self._classes.model_names
        return Classes(names, {**names, **paired_class_names(names, truth.class_names)}, judged=None)

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


def _is_done(peeked: Peeked, known: KnownFile | None) -> bool:
    """Whether the bank has all of a file: its content under this run, its labels, its size and time."""
    return known is not None and known.done and (known.stamp, known.sha256) == (peeked.stamp, peeked.sha256)


def _path(entry: Peeked | Decoded) -> Path:
    return (entry.peeked if isinstance(entry, Decoded) else entry).stamp.path
