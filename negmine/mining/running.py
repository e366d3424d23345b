"""Which loop looks at what: images and frames as they are, videos for flickers, and cameras behind both."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from itertools import groupby, pairwise
from statistics import median

from negmine.cameras.address import CameraAddress
from negmine.cameras.camera import Camera
from negmine.errors import ConfigError, SourceError
from negmine.labels.base import Truth
from negmine.mining.config import PER_PLACE, ScanConfig
from negmine.mining.flicker.config import MOST_APART_MS
from negmine.mining.flicker.loop import FlickerLoop
from negmine.mining.job import ScanJob
from negmine.mining.live import LiveLoop
from negmine.mining.loop import ScanLoop
from negmine.mining.own_files import KeptFrame
from negmine.mining.reading import Reader
from negmine.mining.result import Footage, ScanCounts
from negmine.paths import printable
from negmine.sources.base import ImageFile, SourceItem
from negmine.sources.videos import FrameItem, UnreadableVideo
from negmine.videos.config import VideoConfig
from negmine.words import counted


class ScanLoops:
    """Looks at all sources of a scan, into a bank.

    Args:
        job: the scan.
        labels: of the images; None where there are none.
    """

    def __init__(self, job: ScanJob, labels: Truth | None) -> None:
        self._job = job
        self._plain = ScanLoop(job, Reader(labels, in_parts=job.detector.reads_parts))
        self._live = LiveLoop(job)
        self._flicker = None if job.config.flicker is None else FlickerLoop(job, job.config.flicker)
        self._is_live = False

    @property
    def busy_s(self) -> float:
        """Seconds that the detector was at work."""
        return self._plain.busy_s + self._job.busy_s

    def run(self, items: Sequence[SourceItem], cameras: Sequence[Camera], tell: Callable[[ScanCounts], None]) -> None:
        """Look at everything. A Ctrl-C while cameras are looked at ends that, as nothing else may.

        Args:
            items: images and frames.
            cameras: connected.
            tell: told the counts now and then.
        """
        try:
            for part in (self._of_items(items), self._of_cameras(cameras)):
                with closing(part):  # it notes what it has seen as it ends
                    for counts in part:
                        tell(counts)
        except KeyboardInterrupt:
            if not self._is_live:
                raise
            self._job.counts.was_stopped = True

    def _of_items(self, items: Sequence[SourceItem]) -> Generator[ScanCounts, None, None]:
        if items:
            yield from self._plain.run(items) if self._flicker is None else self._flicker.run(items)

    def _of_cameras(self, cameras: Sequence[Camera]) -> Generator[ScanCounts, None, None]:
        self._is_live = bool(cameras)
        if cameras:
            yield from self._live.run(cameras)


def check_sources(
    items: Sequence[SourceItem],
    cameras: Sequence[CameraAddress],
    *,
    has_labels: bool,
    config: ScanConfig,
    split: str | None = None,
) -> None:
    """Refuse what does not go together, before anything is opened.

    Raises:
        ConfigError: for labels of cameras or with flickers, flickers of images or cameras, a time for no camera, and a
            split of cameras alone.
    """
    if split is not None and cameras and not items:
        raise ConfigError(f"split is of a data.yaml, found the camera {cameras[0].shown} alone; leave it out")
    if cameras and has_labels:
        raise ConfigError(
            f"labels are for images and videos, found the camera {cameras[0].shown}; leave one of both out"
        )
    if config.camera.for_ms is not None and not cameras:
        raise ConfigError("for is the time of cameras, found none among the sources; leave it out")
    video = config.video
    if cameras and (video.start_ms, video.end_ms, video.keyframes) != (0, None, False):
        raise ConfigError("start, end and keyframes choose frames of videos, found a camera; leave them out")
    images_alone = not cameras and all(isinstance(each, ImageFile | KeptFrame) for each in items)
    if config.flicker is None and video != VideoConfig() and images_alone:
        raise ConfigError("every, start, end and keyframes choose frames of videos, found images alone; leave them out")
    if config.per_place != PER_PLACE and images_alone:
        raise ConfigError("per-place is of videos and cameras, found images alone; leave it out")
    if config.flicker is not None:
        _check_flicker_sources(items, cameras, has_labels=has_labels)


def footage_of(items: Sequence[SourceItem], *, has_cameras: bool) -> Footage:
    """How much of the sources is video."""
    videos = {item.name.video for item in items if isinstance(item, FrameItem)}
    only = all(isinstance(item, FrameItem | UnreadableVideo) for item in items)
    return Footage(len(videos), only and (has_cameras or bool(videos)))


def require_any_frame(items: Sequence[SourceItem], counts: ScanCounts) -> None:
    """Refuse a scan of one video alone of which no frame can be read.

    Raises:
        SourceError: with the first reason.
    """
    videos = {item.name.video if isinstance(item, FrameItem) else None for item in items}
    if len(counts.skipped) < len(items) or len(videos) != 1 or None in videos:
        return
    if all(each.kind == "unreadable" for each in counts.skipped):
        (video,) = videos
        raise SourceError(
            f"source {printable(video or '')}: none of its {counted(len(items), 'frame')} can be read; the first: "
            f"{counts.skipped[0].reason}"
        )


def _check_flicker_sources(items: Sequence[SourceItem], cameras: Sequence[CameraAddress], *, has_labels: bool) -> None:
    if has_labels:
        raise ConfigError("flicker is for videos without labels, found labels; leave one of both out")
    if cameras:
        raise ConfigError(
            f"flicker needs every frame, and of a camera frames are missed, found {cameras[0].shown}; record a video"
        )
    image = next((item for item in items if not isinstance(item, FrameItem | UnreadableVideo)), None)
    if image is not None:
        raise ConfigError(f"flicker looks at videos, found the image {printable(image.path)}; leave it out")
    picked = next((item for item in items if isinstance(item, FrameItem) and item.is_picked), None)
    if picked is not None:
        raise ConfigError(f"flicker looks at whole videos, found one frame, {printable(picked.path)}; name its video")
    frames = [item for item in items if isinstance(item, FrameItem)]
    for video, group in groupby(frames, lambda frame: frame.name.video):
        times = [frame.name.time_ms for frame in group]
        apart_ms = median([after - before for before, after in pairwise(times)] or [0])
        if apart_ms > MOST_APART_MS:
            raise ConfigError(
                f"flicker compares frames at most {MOST_APART_MS} ms apart, and those of {printable(video)} are "
                f"{apart_ms / 1000:g} s apart; leave it out"
            )
