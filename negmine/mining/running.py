"""Which loop looks at what: images and frames as they are, videos for flickers, and cameras behind both."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing

from negmine.bank.writer import BankWriter
from negmine.cameras.address import CameraAddress
from negmine.cameras.camera import Camera
from negmine.detectors.base import Detector
from negmine.errors import ConfigError
from negmine.labels.base import Truth
from negmine.mining.config import ScanConfig
from negmine.mining.flicker.loop import FlickerLoop
from negmine.mining.judge import Classes
from negmine.mining.live import LiveLoop
from negmine.mining.loop import ScanLoop
from negmine.mining.reading import Reader
from negmine.mining.result import ScanCounts
from negmine.paths import printable
from negmine.sources.base import ImageFile, SourceItem
from negmine.sources.videos import FrameItem
from negmine.videos.config import VideoConfig


class ScanLoops:
    """Looks at all sources of a scan, into a bank.

    Args:
        bank: open for writing.
        run_id: the run under which results are stored.
        detector: what is scanned.
        labels: of the images; None where there are none.
        classes: what the detector's classes are called.
        config: thresholds, crop, limits.
        clock: seconds.
    """

    def __init__(
        self,
        bank: BankWriter,
        run_id: int,
        detector: Detector,
        labels: Truth | None,
        classes: Classes,
        config: ScanConfig,
        clock: Callable[[], float],
    ) -> None:
        given = (detector, classes, config)
        reader = Reader(labels, in_parts=detector.reads_parts)
        self._plain = ScanLoop(bank, run_id, detector, reader, classes, config, clock)
        self.counts = self._plain.counts
        self._live = LiveLoop(bank, run_id, *given, self.counts, clock)
        self._flicker = None
        if config.flicker is not None:
            self._flicker = FlickerLoop(bank, run_id, *given, config.flicker, self.counts, clock)
        self._is_live = False

    @property
    def busy_s(self) -> float:
        """Seconds that the detector was at work."""
        return self._plain.busy_s + self._live.busy_s + (self._flicker.busy_s if self._flicker else 0.0)

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
            self.counts.was_stopped = True

    def _of_items(self, items: Sequence[SourceItem]) -> Generator[ScanCounts, None, None]:
        if items:
            yield from self._plain.run(items) if self._flicker is None else self._flicker.run(items)

    def _of_cameras(self, cameras: Sequence[Camera]) -> Generator[ScanCounts, None, None]:
        self._is_live = bool(cameras)
        if cameras:
            yield from self._live.run(cameras)


def check_sources(
    items: Sequence[SourceItem], cameras: Sequence[CameraAddress], *, has_labels: bool, config: ScanConfig
) -> None:
    """Refuse what does not go together, before anything is opened.

    Raises:
        ConfigError: for labels of cameras or with flickers, flickers of images or cameras, and a time for no camera.
    """
    if cameras and has_labels:
        raise ConfigError(
            f"labels are for images and videos, found the camera {cameras[0].shown}; leave one of both out"
        )
    if config.camera.for_ms is not None and not cameras:
        raise ConfigError("for is the time of cameras, found none among the sources; leave it out")
    video = config.video
    if cameras and (video.start_ms, video.end_ms, video.keyframes) != (0, None, False):
        raise ConfigError("start, end and keyframes choose frames of videos, found a camera; leave them out")
    images_alone = not cameras and all(isinstance(each, ImageFile) for each in items)
    if config.flicker is None and video != VideoConfig() and images_alone:
        raise ConfigError("every, start, end and keyframes choose frames of videos, found images alone; leave them out")
    if config.flicker is None:
        return
    if has_labels:
        raise ConfigError("flicker is for videos without labels, found labels; leave one of both out")
    if cameras:
        raise ConfigError(
            f"flicker needs every frame, and of a camera frames are missed, found {cameras[0].shown}; record a video"
        )
    image = next((item for item in items if isinstance(item, ImageFile)), None)
    if image is not None:
        raise ConfigError(f"flicker looks at videos, found the image {printable(image.path)}; leave it out")
    picked = next((item for item in items if isinstance(item, FrameItem) and item.is_picked), None)
    if picked is not None:
        raise ConfigError(f"flicker looks at whole videos, found one frame, {printable(picked.path)}; name its video")
