"""An ONNX graph that takes images: its size, and its outputs for images that are prepared as a layout says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from negmine.detectors.config import DetectorConfig, require_stated_size
from negmine.detectors.onnx.decoding import Outputs
from negmine.detectors.onnx.layouts import GraphLayout
from negmine.detectors.onnx.session import FLOATS, conf_inside, device_of, imgsz_inside, names_inside, only_input
from negmine.errors import ConfigError
from negmine.paths import printable
from negmine.structures import Image


class Graph:
    """A file that is open.

    Attributes:
        where: the file, for messages.
        device: what it runs on: `cpu`, `cuda`.
        names: the class names in it, by id; {} where there are none.
        conf: the score that its detections exceed, where a verifier is inside; else None.

    Args:
        path: of the file.
        session: it, opened by onnxruntime.

    Raises:
        WeightsError: for a graph that takes anything but images.
    """

    def __init__(self, path: Path, session: Any) -> None:
        self.where = printable(path)
        self._session = session
        self._input = only_input(self._session, self.where)
        names = [output.name for output in self._session.get_outputs()]
        self._outputs = sorted(names, key=lambda name: "box" not in name.lower())  # boxes first, where they say so
        self.device = device_of(self._session)
        self.names: Mapping[int, str] = names_inside(self._session)
        self.conf = conf_inside(self._session)

    @property
    def takes_batches(self) -> bool:
        """Whether it takes any number of images at once."""
        return len(self._input.shape) == 4 and not isinstance(self._input.shape[0], int)

    def run(self, images: Sequence[Image], layout: GraphLayout, input_wh: tuple[int, int]) -> list[Outputs]:
        """The outputs for each image, without their batch axis where they have one.

        Args:
            images: each [H, W, 3] uint8 BGR; one, where it does not take batches.
            layout: how they are prepared.
            input_wh: size of the input, pixels.
        """
        tensor = np.stack([layout.prepare(image, input_wh) for image in images])
        tensor = tensor.astype(FLOATS[self._input.type])
        if len(self._input.shape) == 3:
            tensor = tensor[0]
        outputs: list[Any] = self._session.run(self._outputs, {self._input.name: tensor})
        if not _have_batch_axis(outputs, len(images)):
            return [outputs]
        return [[output[index] for output in outputs] for index in range(len(images))]

    def size(self, layout: GraphLayout, config: DetectorConfig) -> tuple[int, int]:
        """Width and height of the input, pixels.

        Args:
            layout: for its default size.
            config: for the size that was asked for.

        Raises:
            ConfigError: where the graph takes another size only, or one of over 2048 pixels that nobody asked for.
        """
        imgsz, stated = config.imgsz, imgsz_inside(self._session)
        height, width = self._input.shape[-2:]
        require_stated_size(config, max(side for side in (height, width, stated, 0) if isinstance(side, int)))
        if isinstance(height, int) and isinstance(width, int):
            if imgsz not in (None, max(height, width)):
                raise ConfigError(
                    f"{self.where} takes images of {width}x{height} pixels only, found imgsz {imgsz}; leave it out"
                )
            return width, height
        side = imgsz or stated or layout.imgsz
        return (width if isinstance(width, int) else side), (height if isinstance(height, int) else side)


def _have_batch_axis(outputs: Outputs, images: int) -> bool:
    return max(output.ndim for output in outputs) >= 3 and all(
        len(output) == images for output in outputs if output.ndim
    )
