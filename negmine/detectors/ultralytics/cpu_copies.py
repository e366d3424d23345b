"""A checkpoint of Ultralytics on all cores of a CPU: copies of it, each on a core of its own."""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Sequence
from pathlib import Path

from negmine.cores import usable_cores
from negmine.detectors.base import BaseDetector
from negmine.detectors.config import DetectorConfig
from negmine.detectors.ultralytics.detector import UltralyticsDetector
from negmine.detectors.ultralytics.quiet import quiet_ultralytics
from negmine.engines.threads import ThreadEngine
from negmine.structures import Detections, Image

_MOST_COPIES = 8
_MOST_BYTES = 1 << 29  # weights of all copies together
_MOST_PIXELS = _MOST_COPIES * 640**2  # of the images that run at once: their activations take memory too
_HANDED, _HANDED_AT_LEAST = 4, 16  # images per call, for each copy, and in all: cores run dry at the end of a call


class CpuCopiesDetector(BaseDetector):
    """Runs as many images at once as there are cores: faster than all cores on one image, which wait for each other.

    No digit of the result for an image depends on the other images; nor on the number of cores, as long as each has a
    copy.
    """

    def __init__(self, first: UltralyticsDetector, cores: int) -> None:
        """Take over the first copy; the others are made when there are images for them.

        Args:
            first: on a CPU.
            cores: to run on. Where there are more than copies, a copy has several.
        """
        size = sum(each.numel() * each.element_size() for each in first.module.state_dict().values())
        most = max(min(_MOST_COPIES, _MOST_BYTES // max(size, 1), _MOST_PIXELS // first.imgsz**2), 1)
        self._most = cores // math.ceil(cores / most)
        self._threads = cores // self._most  # of a copy
        self._copies = [first]
        self._given_up, self._running = threading.Event(), threading.Lock()  # one call at a time, on all cores
        self._class_names, self._identity, self._notes = first.class_names, first.identity, first.notes
        self._device = first.device
        self._batch_size = max(_HANDED * self._most, _HANDED_AT_LEAST)

    @property
    def trained_imgsz(self) -> int | None:
        """The input size that the checkpoint was trained at, pixels; None if unknown."""
        return self._copies[0].trained_imgsz

    @property
    def channels(self) -> int:
        """Channels of the images that the checkpoint sees."""
        return self._copies[0].channels

    def predict(self, images: Sequence[Image], paths: Sequence[Path] | None = None) -> list[Detections]:
        """Detect in each image.

        Raises:
            BoxError: where the model gave boxes or scores that are not finite.
            InterruptedError: where another thread calls `give_up` meanwhile.
        """
        with self._running:
            return self._predict(images)

    def _predict(self, images: Sequence[Image]) -> list[Detections]:
        import torch

        self._given_up.clear()
        while len(self._copies) < min(self._most, len(images)):
            self._copies.append(self._copies[0].copied())
        idle: queue.SimpleQueue[UltralyticsDetector] = queue.SimpleQueue()
        for each in self._copies:
            idle.put(each)

        def run(image: Image) -> Detections:
            if self._given_up.is_set():
                raise InterruptedError
            detector = idle.get()
            try:
                return detector.predict([image])[0]
            finally:
                idle.put(detector)

        with quiet_ultralytics(), ThreadEngine(len(self._copies), name="negmine-torch") as engine:
            torch.set_num_threads(self._threads)  # `quiet_ultralytics` restores it
            return list(engine.map(run, images))

    def give_up(self) -> None:
        """Make a running `predict` start no further image, and raise InterruptedError."""
        self._given_up.set()


def on_all_cores(original: UltralyticsDetector, config: DetectorConfig) -> UltralyticsDetector | CpuCopiesDetector:
    """Copies where they help: not on a GPU, with a batch size that the user chose, or on a single core."""
    import torch

    cores = min(usable_cores(), torch.get_num_threads())  # the user's own limit applies
    if original.device_type != "cpu" or config.batch is not None or cores == 1:
        return original
    return CpuCopiesDetector(original, cores)
