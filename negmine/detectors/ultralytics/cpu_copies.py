"""A checkpoint of Ultralytics on all cores of a CPU, by copies that each have a core to themselves."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from negmine.cores import usable_cores
from negmine.detectors.base import DescribedDetector
from negmine.detectors.config import DetectorConfig
from negmine.detectors.ultralytics.detector import UltralyticsDetector
from negmine.detectors.ultralytics.quiet import quiet_ultralytics
from negmine.structures import Detections, Image

_MOST_COPIES = 8
_MOST_BYTES = 1 << 29  # weights of all copies together
_MOST_PIXELS = _MOST_COPIES * 640**2  # of the pictures that run at once: what is computed of them takes memory too
_HANDED, _HANDED_AT_LEAST = 4, 16  # images of one call, for each copy, and in all: at its end cores run dry


class SideBySideDetector(DescribedDetector):
    """Runs as many images at once as there are cores: faster than all cores on one image, which wait for each other.

    No digit of what is found in an image depends on the others; nor on the number of cores, as long as each has a copy.
    """

    def __init__(self, first: UltralyticsDetector, cores: int) -> None:
        """Take over what the first copy is; the others are made when there are images for them.

        Args:
            first: on a CPU.
            cores: to run on. Where there are more than copies, a copy has several.
        """
        size = sum(each.numel() * each.element_size() for each in first.module.state_dict().values())
        most = max(min(_MOST_COPIES, _MOST_BYTES // max(size, 1), _MOST_PIXELS // first.imgsz**2), 1)
        self._most = cores // math.ceil(cores / most)
        self._threads = cores // self._most  # of a copy
        self._copies = [first]
        self._given_up, self._alone = threading.Event(), threading.Lock()  # one call at a time has all cores
        self._class_names, self._identity, self._notes = first.class_names, first.identity, first.notes
        self._device = first.device
        self._batch_size = max(_HANDED * self._most, _HANDED_AT_LEAST)

    @property
    def trained_imgsz(self) -> int | None:
        """The input size that the checkpoint was trained at, in pixels; None where it does not say."""
        return self._copies[0].trained_imgsz

    def predict(self, images: Sequence[Image]) -> list[Detections]:
        """Detect in each image.

        Raises:
            BoxError: where the model gave boxes or scores that are not finite.
            InterruptedError: where another thread calls `give_up` meanwhile.
        """
        with self._alone:
            return self._predict(images)

    def _predict(self, images: Sequence[Image]) -> list[Detections]:
        import torch

        found: dict[int, Detections] = {}
        waiting = deque(enumerate(images))
        stopped = threading.Event()
        self._given_up.clear()

        def run(copy: UltralyticsDetector) -> None:
            try:
                while not (stopped.is_set() or self._given_up.is_set()):
                    try:
                        number, image = waiting.popleft()
                    except IndexError:
                        return
                    found[number] = copy.predict([image])[0]
            except BaseException:
                stopped.set()  # the others need not go on
                raise

        while len(self._copies) < min(self._most, len(images)):
            self._copies.append(self._copies[0].copied())
        with quiet_ultralytics(), ThreadPoolExecutor(len(self._copies), thread_name_prefix="negmine-torch") as pool:
            torch.set_num_threads(self._threads)  # back to what it was on leaving
            try:
                for done in [pool.submit(run, copy) for copy in self._copies]:
                    done.result()
            finally:
                stopped.set()
        if len(found) < len(images):
            raise InterruptedError
        return [found[number] for number in range(len(images))]

    def give_up(self) -> None:
        """Have `predict`, under way in another thread, begin no other image; it raises InterruptedError."""
        self._given_up.set()


def on_all_cores(original: UltralyticsDetector, config: DetectorConfig) -> UltralyticsDetector | SideBySideDetector:
    """Copies side by side, where they help: not on a GPU, or where it was said how many run at once, or on one core."""
    import torch

    cores = min(usable_cores(), torch.get_num_threads())  # what the user has set aside for others stays theirs
    if original.device_type != "cpu" or config.batch is not None or cores == 1:
        return original
    return SideBySideDetector(original, cores)
