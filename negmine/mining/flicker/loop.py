"""The loop of a scan for flickers: the frames of each video in their order, decoded ahead of the detector.

A frame is stored once the frames after it are seen, in order. A scan that was killed resumes with the frames that are
not stored: as many frames before and behind as decide about these are looked at again, and stay as they are.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from pathlib import Path

import cv2
import numpy as np

from negmine.bank.records import ItemRecord, JudgedDetection, KnownItem, NewNegative, ScannedImage
from negmine.engines.threads import ThreadEngine
from negmine.errors import BoxError, ImageError
from negmine.files import reason_of
from negmine.labels.classes import paired_class_names
from negmine.mining.flicker.config import FlickerConfig
from negmine.mining.flicker.finder import FlickerFinder, FrameFindings
from negmine.mining.flicker.judging import judge_frame, likely_misses
from negmine.mining.flicker.linking import SeenFrame
from negmine.mining.job import Judged, ScanJob
from negmine.mining.judge import canonical
from negmine.mining.result import ScanCounts, SkipKind, SkippedImage
from negmine.sources.base import SourceItem
from negmine.sources.videos import FrameItem, UnreadableVideo
from negmine.structures import Detections, FileStamp, GroundTruth, Image

_AHEAD = 4  # frames that are decoded ahead of the detector, beside a batch
_ASKED = 128  # frames that the bank is asked about at once
_STORE_S = 0.25  # seconds between two commits


@dataclass(frozen=True, slots=True, eq=False)
class _Decoded:
    """A frame of a video, decoded.

    Attributes:
        number: of the frame among those that are looked at.
        item: the frame.
        sha256: what it is known by.
        pixels: [H, W, 3].
    """

    number: int
    item: FrameItem
    sha256: str
    pixels: Image


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """A frame that later ones decide about.

    Attributes:
        number, item, sha256: as before.
        size_wh: pixels.
        detections: canonical.
        pixels: [H, W, 3]; None where nothing was found.
    """

    number: int
    item: FrameItem
    sha256: str
    size_wh: tuple[int, int]
    detections: Detections
    pixels: Image | None


class FlickerLoop:
    """Looks for flickers in videos, into a bank.

    Args:
        job: the scan.
        flicker: windows.
    """

    def __init__(self, job: ScanJob, flicker: FlickerConfig) -> None:
        self._job = job
        self._bank, self._counts, self._run_id = job.bank, job.counts, job.run_id
        self._flicker = flicker
        self._places = job.place_rule()
        self._ready: list[tuple[ScannedImage, FrameItem]] = []  # to be stored
        self._stored_s = time.monotonic()

    def run(self, items: Sequence[SourceItem]) -> Iterator[ScanCounts]:
        """Look at every video; yields the counts before the first frame and now and then.

        Args:
            items: frames, those of a video in their order, and videos that cannot be read.
        """
        yield self._counts
        with ThreadEngine(1, name="negmine-video") as engine:
            for _, group in groupby(items, _video_of):
                frames = list(group)
                if isinstance(frames[0], UnreadableVideo):
                    self._counts.skipped.append(SkippedImage(frames[0].path, "video", frames[0].reason))
                else:
                    yield from self._video([each for each in frames if isinstance(each, FrameItem)], engine)

    def _video(self, items: Sequence[FrameItem], engine: ThreadEngine) -> Iterator[ScanCounts]:
        try:
            stamp = items[0].stamp()
            done = self._done(items, stamp)
        except (OSError, ValueError, ImageError) as error:
            reason = str(error) if isinstance(error, ImageError) else reason_of(error)
            self._counts.skipped.append(SkippedImage(items[0].name.video, "unreadable", reason))
            return
        if len(done) == len(items):
            yield self._counts
            return
        missing = [number for number in range(len(items)) if number not in done]
        memory, batch_size = self._flicker.memory, self._job.detector.batch_size
        around = range(max(missing[0] - memory, 0), min(missing[-1] + memory + 1, len(items)))  # decide about these
        finder, waiting = FlickerFinder(self._flicker), deque[_Waiting]()
        read = engine.map(self._read, [(number, items[number]) for number in around], ahead=batch_size + _AHEAD)
        while batch := list(islice(read, batch_size)):
            self._counts.skipped += [each for each in batch if isinstance(each, SkippedImage)]
            for each in self._detected([each for each in batch if isinstance(each, _Decoded)]):
                waiting.append(each)
                findings = finder.push(_seen(each))
                if findings is not None:
                    self._decide(waiting.popleft(), findings, stamp, done)
            if time.monotonic() - self._stored_s > _STORE_S:
                self._store()
            yield self._counts
        for findings in finder.finish():
            self._decide(waiting.popleft(), findings, stamp, done)
        self._store()
        yield self._counts

    def _done(self, items: Sequence[FrameItem], stamp: FileStamp) -> set[int]:
        """The numbers of the frames that this run is done with, which are counted; their names are stored."""
        known: list[KnownItem | None] = []
        for start in range(0, len(items), _ASKED):
            known += self._bank.known_items(self._run_id, [item.key for item in items[start : start + _ASKED]])
        same = {number for number, each in enumerate(known) if each and each.done and each.record.stamp == stamp}
        self._counts.unchanged += len(same)
        if len(same) == len(items):
            return same
        hashes = [item.read().sha256 for item in items]
        sources = self._bank.known_sources(self._run_id, hashes)
        copies = {
            number
            for number, sha256 in enumerate(hashes)
            if number not in same and sha256 in sources and sources[sha256].done
        }
        if copies:
            with self._bank.transaction():
                for number in sorted(copies):
                    record = _record(items[number], hashes[number], stamp, known[number])
                    self._bank.register(record, hashes[number], None, None)
        self._counts.duplicates += len(copies)
        return same | copies

    def _read(self, numbered: tuple[int, FrameItem]) -> _Decoded | SkippedImage:
        number, item = numbered
        try:
            frame = item.read()
            return _Decoded(number, item, frame.sha256, frame.decode())
        except ImageError as error:
            return SkippedImage(item.path, "unreadable", str(error))
        except (OSError, ValueError) as error:
            return SkippedImage(item.path, "unreadable", reason_of(error))

    def _detected(self, frames: Sequence[_Decoded]) -> Iterator[_Waiting]:
        if not frames:
            return
        found = self._job.predict([frame.pixels for frame in frames], [frame.item.path for frame in frames])
        for frame, each in zip(frames, found, strict=True):
            if isinstance(each, BoxError):
                self._counts.skipped.append(SkippedImage(frame.item.path, "detector", str(each)))
                continue
            size_wh = (frame.pixels.shape[1], frame.pixels.shape[0])
            detections = canonical(each, size_wh)
            pixels = frame.pixels if len(detections) else None
            yield _Waiting(frame.number, frame.item, frame.sha256, size_wh, detections, pixels)

    def _decide(self, frame: _Waiting, findings: FrameFindings, stamp: FileStamp, done: set[int]) -> None:
        """Judge a frame; not one that was looked at again for those around it alone."""
        if frame.number in done:
            return
        known = self._bank.known_sources(self._run_id, [frame.sha256]).get(frame.sha256)
        truth = self._bank.known_truth(frame.sha256) if known and known.labelled else GroundTruth.empty()
        judged: tuple[JudgedDetection, ...] = ()
        negatives: tuple[NewNegative, ...] = ()
        try:
            if frame.pixels is not None:
                judged, negatives = self._judged(frame.pixels, frame.detections, findings, truth)
        except (BoxError, ImageError) as error:
            kind: SkipKind = "detector" if isinstance(error, BoxError) else "unreadable"
            self._counts.skipped.append(SkippedImage(frame.item.path, kind, str(error)))
            return
        (was,) = self._bank.known_items(self._run_id, [frame.item.key])
        record = _record(frame.item, frame.sha256, stamp, was)
        gaps = likely_misses(findings, self._job.classes)
        image = ScannedImage(record, frame.sha256, frame.size_wh, None, judged, negatives, gaps)
        self._ready.append((image, frame.item))

    def _judged(self, pixels: Image, detections: Detections, findings: FrameFindings, truth: GroundTruth) -> Judged:
        names = self._job.classes.model_names
        paired = paired_class_names(names, truth.class_names, self._job.config.labels.class_map)
        classes = replace(self._job.classes, truth_names={**names, **paired})
        return self._job.confirmed(judge_frame(pixels, detections, findings, truth, classes, self._job.config))

    def _store(self) -> None:
        """Store the frames that are decided, together."""
        ready, self._ready, self._stored_s = self._ready, [], time.monotonic()
        if not ready:
            return
        if self._places is not None:
            ready = [(self._places.thinned(image), item) for image, item in ready]
        with self._bank.transaction():
            stored = [self._bank.store(self._run_id, image) for image, _ in ready]
        for (image, item), each in zip(ready, stored, strict=True):
            self._counts.add(image, item.path, each)


def _video_of(item: SourceItem) -> Path:
    return item.name.video if isinstance(item, FrameItem) else item.path


def _record(item: FrameItem, sha256: str, stamp: FileStamp, was: KnownItem | None) -> ItemRecord:
    """What the catalogue keeps of a frame: the labels that it had, while it is the same, and not that it is empty."""
    truth_hash = was.record.truth_hash if was and was.sha256 == sha256 else None
    return ItemRecord(item.key, stamp, truth_hash, is_background=False)


def _seen(frame: _Waiting) -> SeenFrame:
    if frame.pixels is None:
        return SeenFrame(frame.detections)
    grey = np.asarray(cv2.cvtColor(frame.pixels, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
    return SeenFrame(frame.detections, lambda: grey)
