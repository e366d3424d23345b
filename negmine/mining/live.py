"""The loop of a scan of cameras: the newest frame of each is judged, and kept in the bank where it gave a negative.

What is found is stored before the next frame is looked at, so a scan that is killed loses one frame at most. A frame in
which nothing is found leaves no trace but in the counts of the scan.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from negmine.bank.content_files import FRAMES, content_name
from negmine.bank.records import CameraFrame, ItemRecord, ScannedImage, Stored, frame_shown
from negmine.cameras.address import CameraAddress
from negmine.cameras.camera import Camera, LiveFrame
from negmine.cameras.config import CameraConfig
from negmine.detectors.base import OnStep
from negmine.detectors.samples import Samples
from negmine.errors import BoxError, ImageError
from negmine.files import sha256_of
from negmine.images import decode_image, encode_jpeg
from negmine.mining.job import ScanJob
from negmine.mining.judge import canonical, judge
from negmine.mining.places import PlaceRule
from negmine.mining.result import CameraCount, ScanCounts, SkipKind, SkippedImage
from negmine.structures import Detections, FileStamp, GroundTruth, Image
from negmine.videos.config import Every

_LOOK_S = 0.02  # between looking whether a camera has a new frame
_SAMPLE_S = 2.0  # that a sample waits for the next frame


@contextmanager
def open_cameras(addresses: Sequence[CameraAddress], config: CameraConfig, say: OnStep) -> Iterator[list[Camera]]:
    """Connect to cameras, one after the other.

    Raises:
        SourceError: where one does not answer.
    """
    with ExitStack() as stack:
        yield [stack.enter_context(Camera(address, config, say)) for address in addresses]


def live_samples(cameras: Sequence[Camera]) -> Samples:
    """A few of the next frames of some cameras, in turn."""

    def sample(most: int) -> Iterator[Image]:
        for number in range(most):
            camera = cameras[number % len(cameras)]
            frame = camera.newest(camera.count + (number >= len(cameras)), _SAMPLE_S)
            if frame is not None:
                yield frame.pixels()

    return sample


@dataclass(slots=True, eq=False)
class _Watched:
    """A camera, the rule for its places, the newest frame of it that was looked at, how many were, and when the next is
    due.
    """

    camera: Camera
    places: PlaceRule | None
    number: int = 0
    looked_at: int = 0
    due_s: float = 0.0


class LiveLoop:
    """Looks at cameras, into a bank.

    Args:
        job: the scan.
    """

    def __init__(self, job: ScanJob) -> None:
        self._job = job

    def run(self, cameras: Sequence[Camera]) -> Iterator[ScanCounts]:
        """Look until the time is over, or all cameras have ended; yields the counts now and then."""
        job = self._job
        watched = [_Watched(camera, job.place_rule()) for camera in cameras]
        for_ms, start_s = job.config.camera.for_ms, job.clock()
        yield job.counts
        try:
            while any(not each.camera.is_over or each.camera.count > each.number for each in watched):
                now_s = job.clock()
                if for_ms is not None and now_s - start_s >= for_ms / 1000:
                    break
                new = [(each, frame) for each in watched if (frame := self._next(each, now_s)) is not None]
                for start in range(0, len(new), job.detector.batch_size):
                    self._look(new[start : start + job.detector.batch_size])
                    yield job.counts
                if not new:
                    time.sleep(_LOOK_S)
        finally:
            job.counts.cameras = [
                CameraCount(each.camera.address.shown, each.camera.count, each.looked_at) for each in watched
            ]

    def _next(self, each: _Watched, now_s: float) -> LiveFrame | None:
        """The newest frame of a camera, if one is due."""
        every: Every = self._job.config.video.every
        if every.ms is not None and now_s < each.due_s:
            return None
        frame = each.camera.newest(each.number + (every.frames or 1), 0)
        if frame is not None:
            each.due_s, each.number = now_s + (every.ms or 0) / 1000, frame.number
            each.looked_at += 1
        return frame

    def _look(self, new: Sequence[tuple[_Watched, LiveFrame]]) -> None:
        """Judge some frames, each as the JPEG that the bank keeps of it."""
        job, kept, images = self._job, list[CameraFrame](), list[Image]()
        for each, frame in new:
            data = encode_jpeg(frame.pixels(), quality=job.config.quality)
            kept.append(CameraFrame(data, sha256_of(data), each.camera.address.shown, frame.taken_ms))
            images.append(decode_image(data))
        known = job.bank.known_sources(job.run_id, [each.sha256 for each in kept])
        for (each, _), one, image, detections in zip(new, kept, images, job.predict(images), strict=True):
            if one.sha256 in known and known[one.sha256].done:
                job.counts.duplicates += 1
                continue
            try:
                if isinstance(detections, BoxError):
                    raise detections
                judged = self._judged(one, image, canonical(detections, _size(image)))
                if each.places is not None:
                    judged = each.places.thinned_live(judged, one.camera, one.taken_ms)
                self._store(one, judged)
            except (BoxError, ImageError) as error:
                kind: SkipKind = "detector" if isinstance(error, BoxError) else "unreadable"
                shown = Path(frame_shown(one.camera, one.taken_ms))
                job.counts.skipped.append(SkippedImage(shown, kind, str(error)))

    def _judged(self, frame: CameraFrame, image: Image, detections: Detections) -> ScannedImage:
        job = self._job
        judged, negatives = job.confirmed(judge(image, detections, GroundTruth.empty(), job.classes, job.config))
        stamp = FileStamp(len(frame.data), frame.taken_ms * 10**6)
        shown = frame_shown(frame.camera, frame.taken_ms)
        item = ItemRecord(content_name(FRAMES, frame.sha256), stamp, None, shown=shown)
        return ScannedImage(item, frame.sha256, _size(image), None, judged, negatives)

    def _store(self, frame: CameraFrame, image: ScannedImage) -> None:
        job, stored = self._job, Stored((), 0)
        if image.negatives:
            with job.bank.transaction():
                stored = job.bank.store(job.run_id, image)
                job.bank.keep_frame(frame)
        job.counts.add(image, job.bank.folder / image.item.key, stored)


def _size(image: Image) -> tuple[int, int]:
    return image.shape[1], image.shape[0]
