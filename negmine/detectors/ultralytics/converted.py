"""A converted checkpoint of Ultralytics as a detector that finds what the original finds. Runs without torch."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Protocol

import numpy as np

from negmine.detectors.base import DescribedDetector, DetectorIdentity
from negmine.detectors.classes import wanted_classes
from negmine.detectors.config import DetectorConfig
from negmine.detectors.letterbox import letterboxed, on_image, whole_strides
from negmine.detectors.nms import Rows, best_of_candidates, best_of_raw
from negmine.detectors.packages import version_of
from negmine.detectors.ultralytics.checkpoint import Checkpoint, identifying_settings, imgsz_of, iou_of
from negmine.detectors.ultralytics.detector import with_area
from negmine.structures import Detections, Image

_MOST = 300  # detections of an image, Ultralytics' own


class Runner(Protocol):
    """A converted model that is loaded, and runs several pictures at once."""

    @property
    def at_once(self) -> int:
        """How many pictures it likes to be handed together."""

    def run(self, pictures: Iterable[Image]) -> Iterator[Rows]:
        """Run each picture by itself, [H, W, 3] uint8 BGR, both sides multiples of 32; in order.

        Pictures are taken ahead of the outputs. An output holds until the next one is asked for.
        """


class ConvertedDetector(DescribedDetector):
    """Runs a converted model between letterbox and non-maximum suppression that are Ultralytics' to the last digit.

    What it finds in an image does not depend on the others, bit for bit: no two images share a run.
    """

    def __init__(
        self, checkpoint: Checkpoint, config: DetectorConfig, runner: Runner, settings: Mapping[str, object],
        runtime: str,
    ) -> None:  # fmt: skip
        """Take over what the checkpoint is.

        Args:
            checkpoint: where the converted model comes from.
            config: what was asked for.
            runner: of the converted model.
            settings: what makes its detections other ones than the checkpoint's.
            runtime: the package that runs it.

        Raises:
            ConfigError: for a class that the model lacks.
        """
        imgsz = imgsz_of(config, checkpoint.trained_imgsz)
        self._checkpoint, self._runner = checkpoint, runner
        self._given_up, self._alone = threading.Event(), threading.Lock()  # one call at a time has all cores
        self._imgsz, self._conf, self._iou = whole_strides(imgsz), config.conf, iou_of(config)
        self._class_names = checkpoint.class_names
        self._class_ids = wanted_classes(config.classes, checkpoint.class_names)
        self._device = "cpu"
        self._batch_size = config.batch or runner.at_once
        self._identity = DetectorIdentity(
            name=checkpoint.name,
            sha256=checkpoint.sha256,
            settings={**identifying_settings(config, imgsz), **settings},
            versions={name: version_of(name) for name in ("torch", "ultralytics", runtime)},
        )

    @property
    def trained_imgsz(self) -> int | None:
        """The input size that the checkpoint was trained at, in pixels; None where it does not say."""
        return self._checkpoint.trained_imgsz

    def predict(self, images: Sequence[Image]) -> list[Detections]:
        """Detect in each image.

        Raises:
            BoxError: where the model gave boxes or scores that are not finite.
            InterruptedError: where another thread calls `give_up` meanwhile.
        """
        shapes: list[tuple[int, int]] = []

        def pictures() -> Iterator[Image]:
            for image in images:
                if self._given_up.is_set():
                    raise InterruptedError
                picture = letterboxed(image, self._imgsz)
                shapes.append((picture.shape[0], picture.shape[1]))
                yield picture

        with self._alone, closing(self._runner.run(pictures())) as outputs:  # type: ignore[type-var]
            self._given_up.clear()
            return [
                self._detections(output[0], shapes[index], images[index].shape) for index, output in enumerate(outputs)
            ]

    def give_up(self) -> None:
        """Have `predict`, under way in another thread, begin no other image; it raises InterruptedError."""
        self._given_up.set()

    def _detections(self, output: Rows, picture_hw: tuple[int, int], shape: tuple[int, ...]) -> Detections:
        """From raw output to boxes in pixels of the image, as Ultralytics' predictor does."""
        if self._checkpoint.end2end:
            rows = best_of_candidates(output, self._conf, self._class_ids, _MOST)
        else:
            rows = best_of_raw(output, self._conf, self._iou, self._class_ids, _MOST)
        boxes = on_image(rows[:, :4], picture_hw, shape)
        return with_area(Detections(boxes, rows[:, 4].astype(np.float64), rows[:, 5].astype(np.int64)))
