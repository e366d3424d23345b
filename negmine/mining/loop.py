"""The loop of a scan: pictures are read ahead of the detector, judged behind it, and stored chunk by chunk, in order.

What is told ahead is a guess. What is done with a chunk is decided when its turn comes, and depends on the chunk's
images and on what the bank holds once all chunks before it are stored, and on nothing else: a scan that was killed
goes on with the batches that an undisturbed one has, and ends with the same bank to the last bit.

Most chunks are apart from those still under way: they share no picture with them and change no labels that the bank
has. Such a chunk may be examined before those are stored, since that cannot change what is decided about it. Any other
waits until all before it are stored, and goes through the bank step by step: first its names and labels are stored,
then each picture that is not done is judged, once, with the labels of all its names. Rows are always written in the
same order: chunk by chunk, of each first the names and labels, then the results.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from itertools import takewhile

from negmine.bank.records import KnownFile, KnownSource, ScannedImage
from negmine.bank.writer import BankWriter
from negmine.cores import usable_cores
from negmine.detectors.base import Detector
from negmine.errors import BankError
from negmine.matching import FALSE_POSITIVES, Kind
from negmine.mining.config import ScanConfig
from negmine.mining.examining import Examiner
from negmine.mining.jobs import Job, Named, apart
from negmine.mining.judge import Classes
from negmine.mining.reading import Decoded, Peeked, Read, Reader
from negmine.mining.result import HardNegative, SkippedImage, Tally
from negmine.mining.survey import Piece, Survey
from negmine.structures import ImageRef

_CHUNK = 8  # images stored together, at least
_AHEAD = 16  # images that are being read and decoded, or one chunk of more
_UNDER_WAY = 24  # images that wait for the detector, are examined, or wait to be stored, or two chunks of more
_PIXELS = 1 << 29  # bytes of images in all of these; where they are so large, one chunk waits beside one examined

_Begun = tuple[Piece, list[Future[Read]]]  # a piece, and the reading of what seems new in it


class ScanLoop:
    """Scans a list of images into a bank.

    Args:
        bank: open for writing.
        run_id: the run under which results are stored.
        detector: what is scanned.
        reader: reads images and labels.
        classes: what the detector's classes are called.
        config: thresholds, crop, limits.
        clock: seconds.
    """

    def __init__(
        self,
        bank: BankWriter,
        run_id: int,
        detector: Detector,
        reader: Reader,
        classes: Classes,
        config: ScanConfig,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.tally = Tally()
        self._bank = bank
        self._run_id = run_id
        self._reader = reader
        self._size = -(-_CHUNK // detector.batch_size) * detector.batch_size
        self._ahead, self._under_way = max(_AHEAD // self._size, 1), max(_UNDER_WAY // self._size, 2)  # chunks
        self._largest = 0  # bytes of an image
        self._pool = ThreadPoolExecutor(config.workers or usable_cores(), thread_name_prefix="negmine")
        self._survey = Survey(bank, run_id, reader, self._pool, size=self._size)
        self._examiner = Examiner(detector, classes, config, self._pool, clock)
        self._jobs: deque[Job] = deque()
        self._guessing = threading.Lock()

    @property
    def _are_large(self) -> bool:
        """Whether all images that may be there at once would take too much memory."""
        return self._largest * self._size * (self._ahead + 1 + self._under_way + 1) > _PIXELS

    @property
    def busy_s(self) -> float:
        """Seconds that the detector was at work."""
        return self._examiner.busy_s

    def run(self, refs: Sequence[ImageRef]) -> Iterator[Tally]:
        """Scan everything, once; yields the counts before the first image and now and then."""
        ahead: deque[_Begun] = deque()
        with ExitStack() as stack:
            stack.callback(self._pool.shutdown, cancel_futures=True)
            stack.enter_context(self._examiner)
            yield self.tally
            try:
                for piece in self._survey.pieces(refs):
                    ahead.append(self._begin(piece))
                    while len(ahead) > (0 if self._are_large else self._ahead):
                        self._take(*ahead.popleft())
                        yield self.tally
                while ahead:
                    self._take(*ahead.popleft())
                    yield self.tally
                self._store_jobs(leave=0)
                yield self.tally
            except BankError:
                raise
            except BaseException:
                self._store_done()  # what is finished when it is interrupted, or the detector fails, need not be lost
                raise

    def _begin(self, piece: Piece) -> _Begun:
        """Start reading what seems to be new."""
        return piece, [
            self._pool.submit(self._reader.read, ref, known, self._seems_done)
            for ref, known, same in zip(piece.refs, piece.known, piece.same, strict=True)
            if not same
        ]

    def _seems_done(self, sha256: str) -> bool:
        with self._guessing:
            return self._bank.seems_done(self._run_id, sha256)

    def _take(self, piece: Piece, reading: list[Future[Read]]) -> None:
        """Decide about a piece, now that all before it are decided, and store what was finished meanwhile."""
        if self._survey.is_current(piece):
            self._decide(piece, reading)
        elif piece.passed:
            for again in self._survey.again(piece):
                self._take(*self._begin(again))  # the ones before may have changed labels once more
        else:
            self._decide(replace(piece, known=self._known_files(piece)), reading)
        self._store_jobs(leave=1 if self._are_large else self._under_way)

    def _decide(self, piece: Piece, reading: list[Future[Read]]) -> None:
        """Pass over a piece, have its new pictures examined, or go through the bank step by step."""
        if piece.passed:
            self.tally.unchanged += len(piece.refs)
            return
        left = iter(reading)
        entries = [
            self._reader.as_known(before) if before is not None and same else next(left).result()
            for before, same in zip(piece.known, piece.same, strict=True)
        ]
        sources = self._sources(entries)
        if apart(entries, piece.known, sources, {sha256 for job in self._jobs for sha256 in job.pictures}):
            self._jobs.append(self._job(entries, piece.known, sources))
        else:
            self._go_through(piece, entries)

    def _go_through(self, piece: Piece, entries: Sequence[Read]) -> None:
        """Store all before it, then its names and labels; then examine what is not done, and store that.

        All in one transaction: with its labels alone in the bank, a scan that goes on would judge their pictures again
        where it finds them first, and in another order.
        """
        self._store_jobs(leave=0)
        known = self._known_files(piece)
        entries = [self._settled(entry, before) for entry, before in zip(entries, known, strict=True)]
        with self._bank.transaction():
            self._store_names(_named(entries, known))
            job = self._job(entries, known, self._sources(entries))
            job.examination.outcomes()
            self._store_results(job)
        self._survey.expire()

    def _settled(self, entry: Read, before: KnownFile | None) -> Read:
        """Decode after all what was thought to be done."""
        if isinstance(entry, Peeked) and not (
            before is not None and before.done and (before.stamp, before.sha256) == (entry.stamp, entry.sha256)
        ):
            return self._reader.decode(entry)
        return entry

    def _job(
        self, entries: Sequence[Read], known: Sequence[KnownFile | None], sources: Mapping[str, KnownSource]
    ) -> Job:
        """Have examined what is decoded and not done, once each, with all labels that it has."""
        fresh: dict[str, int] = {}
        for index, entry in enumerate(entries):
            if isinstance(entry, Decoded) and not (entry.sha256 in sources and sources[entry.sha256].done):
                fresh.setdefault(entry.sha256, index)
        decoded = [entry for index in fresh.values() if isinstance(entry := entries[index], Decoded)]
        self._largest = max([self._largest, *(each.image.nbytes for each in decoded)])
        truths = [self._bank.known_truth(each.sha256) if each.sha256 in sources else each.truth for each in decoded]
        return Job(_named(entries, known), fresh, self._examiner.begin(decoded, truths))

    def _store_jobs(self, *, leave: int) -> None:
        """Wait until no more than so many chunks are unfinished, and store those that are finished."""
        for job in list(self._jobs)[: max(len(self._jobs) - leave, 0)]:
            job.examination.outcomes()
        self._store_done()

    def _store_done(self) -> None:
        """Store the chunks that are finished, up to the first that is not."""
        ready = list(takewhile(lambda job: job.examination.done and not job.examination.failed, self._jobs))
        if ready:
            # While these are stored there are no others: after an interrupt none is stored twice, or before them.
            waiting, self._jobs = deque(list(self._jobs)[len(ready) :]), deque()
            with self._bank.transaction():
                for job in ready:
                    self._store_names(job.entries)
                    self._store_results(job)
            self._jobs = waiting

    def _store_names(self, entries: Sequence[SkippedImage | Named]) -> None:
        """Store where pictures were found and what labels they have, before what was found in any of them."""
        for entry in entries:
            if isinstance(entry, Named) and entry.is_news:
                self.tally.withdrawn += self._bank.register(entry.stamp, entry.sha256, entry.size_wh, entry.truth)

    def _store_results(self, job: Job) -> None:
        """Store what was found in the pictures of a chunk, and count them, in the order of its images."""
        outcomes = dict(zip(job.fresh, job.examination.outcomes(), strict=True))
        for index, entry in enumerate(job.entries):
            outcome = outcomes.get(entry.sha256) if isinstance(entry, Named) and entry.was_decoded else None
            if isinstance(entry, SkippedImage):
                self.tally.skipped.append(entry)
            elif isinstance(outcome, SkippedImage):
                self.tally.skipped.append(replace(outcome, source=entry.stamp.path))
            elif outcome is not None and job.fresh[entry.sha256] == index:
                self._store(outcome)
            elif entry.was_there:
                self.tally.unchanged += 1
            else:
                self.tally.duplicates += 1

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
            sha256 = image.negatives[index].sha256
            tally.keep_hardest(HardNegative(hardest.score, hardest.class_name, image.stamp.path, sha256))

    def _known_files(self, piece: Piece) -> list[KnownFile | None]:
        return self._bank.known_files(self._run_id, [ref.path for ref in piece.refs])

    def _sources(self, entries: Sequence[Read]) -> dict[str, KnownSource]:
        hashes = [entry.sha256 for entry in entries if not isinstance(entry, SkippedImage)]
        return self._bank.known_sources(self._run_id, hashes)


def _named(entries: Sequence[Read], known: Sequence[KnownFile | None]) -> list[SkippedImage | Named]:
    return [
        entry if isinstance(entry, SkippedImage) else Named.of(entry, before)
        for entry, before in zip(entries, known, strict=True)
    ]
