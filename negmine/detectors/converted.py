"""A converted checkpoint of Ultralytics as a detector that finds what the original finds."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from negmine.detectors.base import DescribedDetector, DetectorIdentity
from negmine.detectors.config import DetectorConfig
from negmine.detectors.quiet import quiet_ultralytics
from negmine.detectors.traceable import head_of
from negmine.detectors.ultralytics import UltralyticsDetector, with_area
from negmine.structures import Detections, Image

Output = npt.NDArray[np.float32]


class Runner(Protocol):
    """A converted model that is loaded, and runs several pictures at once."""

    @property
    def at_once(self) -> int:
        """How many pictures it likes to be handed together."""

    def run(self, pictures: Iterable[Image]) -> Iterator[Output]:
        """Run each picture by itself, [H, W, 3] uint8 BGR, both sides multiples of 32; in order.

        Pictures are taken ahead of the outputs. An output holds until the next one is asked for.
        """


class ConvertedDetector(DescribedDetector):
    """Runs a converted model between Ultralytics' own letterbox and non-maximum suppression.

    What it finds in an image does not depend on the others, bit for bit: no two images share a run.
    """

    def __init__(
        self, original: UltralyticsDetector, config: DetectorConfig, runner: Runner, settings: Mapping[str, object],
        runtime: str,
    ) -> None:  # fmt: skip
        """Take over what the original is.

        Args:
            original: where the converted model comes from, opened with `config`.
            config: what was asked for.
            runner: of the converted model.
            settings: what makes its detections other ones than the original's.
            runtime: the package that runs it.
        """
        from ultralytics.data.augment import LetterBox

        predictor, identity = original.predictor, original.identity
        self._letterbox = LetterBox(predictor.imgsz, auto=True, stride=predictor.model.stride)
        self._args = predictor.args
        self._class_ids = original.class_ids
        self._head = head_of(original) if predictor.model.end2end else None
        self._runner = runner
        self._device = "cpu"
        self._trained_imgsz = original.trained_imgsz
        self._class_names = original.class_names
        self._batch_size = config.batch or runner.at_once
        self._identity = DetectorIdentity(
            name=identity.name,
            sha256=identity.sha256,
            settings={**identity.settings, **settings},
            versions={**identity.versions, runtime: importlib.metadata.version(runtime)},
        )

    @property
    def trained_imgsz(self) -> int | None:
        """The input size that the checkpoint was trained at, in pixels; None where it does not say."""
        return self._trained_imgsz

    def predict(self, images: Sequence[Image]) -> list[Detections]:
        """Detect in each image.

        Raises:
            BoxError: where the model gave boxes or scores that are not finite.
        """
        shapes: list[tuple[int, int]] = []

        def pictures() -> Iterator[Image]:
            for image in images:
                picture: Image = self._letterbox(image=image)
                shapes.append((picture.shape[0], picture.shape[1]))
                yield picture

        with quiet_ultralytics(), closing(self._runner.run(pictures())) as outputs:  # type: ignore[type-var]
            return [
                self._detections(output, shapes[index], images[index].shape) for index, output in enumerate(outputs)
            ]

    def _detections(self, output: Output, picture_hw: tuple[int, int], shape: tuple[int, ...]) -> Detections:
        """From raw output to boxes in pixels of the image, as Ultralytics' predictor does."""
        from ultralytics.utils.nms import non_max_suppression
        from ultralytics.utils.ops import scale_boxes

        raw: Any = torch.from_numpy(output)
        if self._head is not None:
            raw = type(self._head).postprocess(self._head, raw)
        (rows,) = non_max_suppression(
            raw,
            self._args.conf,
            self._args.iou,
            self._class_ids,
            self._args.agnostic_nms,
            max_det=self._args.max_det,
            end2end=self._head is not None,
        )
        boxes = scale_boxes(picture_hw, rows[:, :4], shape).numpy().astype(np.float64)
        return with_area(Detections(boxes, rows[:, 4].numpy(), rows[:, 5].numpy()))
