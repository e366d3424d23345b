"""The loop of a scan: images are read ahead of the detector, judged behind it, and stored chunk by chunk, in order.

The list is cut into chunks by position alone, and a chunk is stored wholly or not at all. So a scan that was killed
resumes with the batches that an undisturbed one has, and ends with the same bank, to the last bit.

Where labels matter, the names and labels of all images are stored first. No result changes them after that: each
content is judged once, with the labels of all items that have it. Where there are no labels, neither in this scan nor
in the bank, each image is read once, and its name is stored together with what was found in it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence, Set
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from itertools import chain, takewhile
from types import TracebackType
from typing import TypeAlias

from negmine.bank.records import KnownItem, KnownSource, ScannedImage
from negmine.engines.threads import ThreadEngine
from negmine.errors import BankError
from negmine.mining.examining import Chunk, Content, Entry, Examiner
from negmine.mining.job import ScanJob
from negmine.mining.reading import EncodedImage, ImageLabels, Reader
from negmine.mining.result import ScanCounts, SkippedImage
from negmine.sources.base import SourceItem
from negmine.structures import GroundTruth

_CHUNK = 8  # images stored together, at least
_AHEAD = 2  # chunks that are read ahead of those whose pixels are in memory
_UNDER_WAY = 40  # images in flight, or four chunks if those are more
_SLICE = 128  # images that the bank is asked about at once, and one thread looks at, at least
_GROUP = 16  # images whose labels one thread reads at once
_STORE_S = 0.25  # seconds between two commits, so that fast detectors do not wait for the disk
_PASSES = 3  # over labelled images that keep changing while they are scanned

_Known: TypeAlias = tuple[SourceItem, KnownItem | None]  # an item, and what the bank knows of it
_Slice: TypeAlias = Sequence[_Known]


class ScanLoop:
    """Scans a list of images into a bank, once.

    Args:
        job: the scan.
        reader: reads images and labels.
    """

    def __init__(self, job: ScanJob, reader: Reader) -> None:
        detector, config = job.detector, job.config
        self.counts = job.counts
        self._bank = job.bank
        self._run_id = job.run_id
        self._reader = reader
        self._size = -(-_CHUNK // detector.batch_size) * detector.batch_size
        self._engine = ThreadEngine(config.workers)
        self._detector_thread = ThreadEngine(1, name="negmine-detector")
        self._examiner = Examiner(
            detector, job.classes, config, has_truth=reader.has_truth, engine=self._engine, clock=job.clock
        )
        self._places = job.place_rule()
        self._labels_matter = reader.has_truth or job.bank.has_labels()
        self._pass = 0
        self._skipped: dict[str, SkippedImage] = {}  # by key: whose labels could not be registered
        self._new: set[str] = set()  # keys that were registered with a content that they did not have before
        self._changed: dict[str, SkippedImage] = {}  # by key: since their labels were registered
        self._uncounted: Set[str] = frozenset()  # keys that changed in the pass before, and are to be counted in this
        self._stopped = threading.Event()
        self._contents: dict[str, Content] = {}  # by hash: not stored yet, or failed
        self._under_way: deque[Chunk] = deque()
        self._stored_s = time.monotonic()

    @property
    def busy_s(self) -> float:
        """Seconds that the detector was at work."""
        return self._examiner.busy_s

    def run(self, items: Sequence[SourceItem]) -> Iterator[ScanCounts]:
        """Scan everything; yields the counts before the first image and now and then."""
        with ExitStack() as stack:
            stack.enter_context(self._engine)
            stack.enter_context(self._detector_thread)
            stack.push(self._stop)
            yield self.counts
            try:
                yield from self._with_labels(items) if self._labels_matter else self._detect(items)
            except BankError:
                raise
            except BaseException:
                self._store()  # what is finished when it is interrupted, or the detector fails, need not be lost
                raise

    def _stop(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stopped.set()
        self._examiner.stop(give_up=kind is not None)

    def _with_labels(self, items: Sequence[SourceItem]) -> Iterator[ScanCounts]:
        """Register all labels, then detect; and again, where a file changed meanwhile."""
        for self._pass in range(_PASSES):
            changed, self._changed, scanned = self._changed, {}, self.counts.scanned
            any_new = yield from self._register(items)
            self.counts.skipped += [self._skipped[key] for key in changed if key in self._skipped]
            self._uncounted = changed.keys() - self._skipped.keys()
            if self._pass and not any_new and not self._uncounted:
                break
            yield from self._detect(items)
            if scanned == self.counts.scanned and not self._changed:
                break
        self.counts.skipped += self._changed.values()
        yield self.counts

    def _register(self, items: Sequence[SourceItem]) -> Generator[ScanCounts, None, bool]:
        """Store names and labels of all items that are new or changed; return whether any is."""
        self._skipped, any_new, done = {}, False, 0
        waiting: list[tuple[_Known, ImageLabels | SkippedImage | None]] = []
        for read in self._engine.map(self._read_labels, self._groups(items)):
            waiting += read
            done += len(read)
            if len(waiting) >= _SLICE or done == len(items):
                any_new = self._store_labels(waiting) or any_new
                waiting.clear()
                self.counts.labels_read = done
                yield self.counts
        self.counts.labels_read = None
        return any_new

    def _store_labels(self, read: Sequence[tuple[_Known, ImageLabels | SkippedImage | None]]) -> bool:
        """Store some names and labels in one transaction; return whether there are any."""
        self._skipped |= {item.key: each for (item, _), each in read if isinstance(each, SkippedImage)}
        labels = [(known, each) for (_, known), each in read if isinstance(each, ImageLabels)]
        with self._bank.transaction() if labels else nullcontext():
            for known, each in labels:
                self.counts.withdrawn += self._bank.register(each.record, each.sha256, each.size_wh, each.truth)
                if known is None or known.sha256 != each.sha256:
                    self._new.add(each.record.key)
        return bool(labels)

    def _read_labels(self, group: _Slice) -> list[tuple[_Known, ImageLabels | SkippedImage | None]]:
        return [(each, self._read_label(*each)) for each in group]

    def _read_label(self, item: SourceItem, known: KnownItem | None) -> ImageLabels | SkippedImage | None:
        if self._stopped.is_set():
            raise InterruptedError
        return self._reader.read_labels(item, known)

    def _groups(self, items: Sequence[SourceItem]) -> Iterator[_Slice]:
        """All items in order, with what the bank knows of them; few at a time, since new ones are decoded."""
        for slice_ in self._slices(items):
            for start in range(0, len(slice_), _GROUP):
                yield slice_[start : start + _GROUP]

    def _slices(self, items: Sequence[SourceItem]) -> Iterator[_Slice]:
        """All items in order, with what the bank knows of them; a whole number of chunks at a time."""
        size = -(-_SLICE // self._size) * self._size
        for start in range(0, len(items), size):
            some = items[start : start + size]
            yield list(zip(some, self._bank.known_items(self._run_id, [item.key for item in some]), strict=True))

    def _detect(self, items: Sequence[SourceItem]) -> Iterator[ScanCounts]:
        """Run the detector over distinct contents that are not done yet, and store what it finds."""
        ahead = max(_UNDER_WAY // self._size, 4)
        chunks = self._detector_thread.map(
            self._examiner.run,
            self._chunks(items),
            ahead=ahead,
            on_start=self._examiner.begin,
        )
        yield self.counts  # the first are begun
        for chunk in chunks:
            for _ in chain.from_iterable(chunk.judging):
                pass
            if time.monotonic() - self._stored_s > _STORE_S:
                self._store()
            yield self.counts
        self._store()
        yield self.counts

    def _chunks(self, items: Sequence[SourceItem]) -> Iterator[Chunk]:
        """Decide about chunk by chunk, in order, while the next are read."""
        reading: deque[Chunk] = deque()
        for chunk in self._begun(items):
            reading.append(chunk)
            if len(reading) > _AHEAD:
                yield self._decided(reading.popleft())
        while reading:
            yield self._decided(reading.popleft())

    def _begun(self, items: Sequence[SourceItem]) -> Iterator[Chunk]:
        """Begin to read the chunks in which something is new."""
        for slice_, same in self._engine.map(self._look, self._slices(items)):
            if all(same):
                yield Chunk(slice_, None)
                continue
            for start in range(0, len(slice_), self._size):
                part, unchanged = slice_[start : start + self._size], all(same[start : start + self._size])
                yield Chunk(part, None if unchanged else self._engine.map(self._read, part, ahead=len(part)))

    def _look(self, slice_: _Slice) -> tuple[_Slice, list[bool]]:
        """Tell which items are done and unchanged."""
        return slice_, [self._is_done(each) and each[0].key not in self._new for each in slice_]

    def _is_done(self, each: _Known) -> bool:
        """Whether the run is done with an item. Where labels matter, registering them told what has changed."""
        item, known = each
        if known is None or not known.done:
            return False
        return item.key not in self._skipped if self._labels_matter else self._reader.is_unchanged(item, known)

    def _read(self, each: _Known) -> EncodedImage | SkippedImage:
        item, known = each
        if item.key in self._skipped:
            return self._skipped[item.key]
        if known is not None and self._is_done(each):
            return EncodedImage(item.path, known.record, known.sha256)
        return self._reader.read(item, known)

    def _decided(self, chunk: Chunk) -> Chunk:
        """Begin to examine the contents of a chunk that no run is done with and no chunk before has, once each."""
        images = list(chunk.reading or ())
        hashes = [image.sha256 for image in images if isinstance(image, EncodedImage)]
        sources = self._bank.known_sources(self._run_id, hashes)
        for (_, known), image in zip(chunk.items, images, strict=False):
            if isinstance(image, SkippedImage):
                chunk.entries.append(image)
                continue
            is_news = known is None or (known.record, known.sha256) != (image.record, image.sha256)
            if is_news and self._labels_matter:
                self._changed[image.record.key] = SkippedImage(
                    image.path, "unreadable", "it changed while it was scanned"
                )
                continue
            source, content = sources.get(image.sha256), None
            if source is None or not source.done:
                content = self._contents.get(image.sha256)
                if content is None:
                    content = self._contents[image.sha256] = self._content(image, source)
                    chunk.contents.append(content)
            was_there = known is not None and known.sha256 == image.sha256 and image.record.key not in self._new
            chunk.entries.append(Entry(replace(image, load=None), was_there, is_news, content))
        self._under_way.append(chunk)
        return chunk

    def _content(self, image: EncodedImage, source: KnownSource | None) -> Content:
        """A content to examine, with all labels that any item has for it."""
        truth = self._bank.known_truth(image.sha256) if source and source.labelled else GroundTruth.empty()
        return Content(image.path, image.record, image.sha256, truth, image, image.nbytes)

    def _store(self) -> None:
        """Store the chunks that are finished, up to the first that is not."""
        ready = list(takewhile(lambda chunk: chunk.is_examined, self._under_way))
        # While these are stored there are no others: after an interrupt none is stored twice, or before them.
        waiting, self._under_way = deque(list(self._under_way)[len(ready) :]), deque()
        with self._bank.transaction() if any(chunk.entries for chunk in ready) else nullcontext():
            for chunk in ready:
                self._store_names(chunk)
                self._store_results(chunk)
        self._under_way, self._stored_s = waiting, time.monotonic()

    def _store_names(self, chunk: Chunk) -> None:
        """Store where images were found, before what was found in any of them; not those that cannot be decoded."""
        for entry in chunk.entries:
            if isinstance(entry, Entry) and (entry.content.size_wh is not None if entry.content else entry.is_news):
                size_wh = entry.content.size_wh if entry.content else None
                self.counts.withdrawn += self._bank.register(entry.image.record, entry.image.sha256, size_wh, None)

    def _store_results(self, chunk: Chunk) -> None:
        """Store what was found in the images of a chunk, and count them, in their order."""
        for entry in chunk.entries:
            outcome = entry if isinstance(entry, SkippedImage) else entry.content and entry.content.outcome
            if isinstance(outcome, ScannedImage) and isinstance(entry, Entry) and outcome.item is entry.image.record:
                if self._places is not None:
                    outcome = self._places.thinned(outcome, entry.content.looks if entry.content else None)
                self.counts.add(outcome, entry.image.path, self._bank.store(self._run_id, outcome))
                del self._contents[outcome.sha256]
            elif self._pass and not (isinstance(entry, Entry) and entry.image.record.key in self._uncounted):
                continue  # counted before
            elif isinstance(entry, SkippedImage):
                self.counts.skipped.append(entry)
            elif isinstance(outcome, SkippedImage):
                self.counts.skipped.append(replace(outcome, source=entry.image.path))
            elif entry.was_there:
                self.counts.unchanged += 1
            else:
                self.counts.duplicates += 1
        if chunk.reading is None and not self._pass:
            self.counts.unchanged += len(chunk.items)
