"""ONNX models that Ultralytics did not export, run by onnxruntime; `layouts.py` says what goes in and comes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from negmine.detectors.base import BaseDetector, DetectorIdentity, usable, versions_of
from negmine.detectors.class_names import read_class_names, wanted_classes
from negmine.detectors.config import DetectorConfig
from negmine.detectors.onnx.layouts import LAYOUTS, Decoding, GraphLayout, Outputs
from negmine.detectors.onnx.session import FLOATS, coco_names, device_of, names_inside, only_input, open_session
from negmine.detectors.weights_files import hash_weights
from negmine.errors import BoxError, ConfigError, WeightsError
from negmine.files import sha256_of
from negmine.paths import printable
from negmine.structures import Detections, Image

_ACCELERATOR_BATCH = 16
_BACKGROUND = ("__background__", "background", "BACKGROUND")
_COCO_CLASSES = 80


class OnnxDetector(BaseDetector):
    """Detects as `config.onnx_layout` says; class names come from `config.class_names`, the file, or COCO's 80.

    Raises:
        ConfigError: for a device that does not exist here, a size that the graph does not take, or a number of class
            names other than the model's.
        WeightsError: for a file that is missing, cannot be run, or is of another layout.
    """

    def __init__(self, config: DetectorConfig) -> None:
        path = Path(config.weights)
        if not path.is_file():
            raise WeightsError(f"no weights at {printable(path)}")
        self._where, self._config = printable(path), config
        self._session = open_session(path, config.device)
        self._input = only_input(self._session, self._where)
        names = [output.name for output in self._session.get_outputs()]
        self._outputs = sorted(names, key=lambda name: "box" not in name.lower())  # boxes first, where they say so
        self._layout, classes = self._start()
        self._iou = self._layout.iou if config.iou is None or self._layout.iou is None else config.iou
        self._class_names: Mapping[int, str] = MappingProxyType(self._names(classes))
        self._wanted = wanted_classes(config.classes, self._class_names)
        self._device = device_of(self._session)
        at_once = config.batch or (1 if self._device == "cpu" else _ACCELERATOR_BATCH)
        self._batch_size = at_once if self._takes_batches() else 1
        self._identity = DetectorIdentity(
            name=path.name,
            sha256=_hash(path),
            settings={
                "kind": "onnx",
                "layout": self._layout.name,
                "conf": config.conf,
                "iou": self._iou,
                "imgsz": list(self._input_wh),
                "classes": sorted(config.classes),
                "class_names": list(self._class_names.values()),
            },
            versions=versions_of("onnxruntime"),
        )

    def predict(self, images: Sequence[Image], paths: Sequence[Path] | None = None) -> list[Detections]:
        """Detect in each image; the result for one does not depend on the others.

        Raises:
            BoxError: where the model gave NaN.
        """
        found: list[Detections] = []
        for start in range(0, len(images), self._batch_size):
            batch = images[start : start + self._batch_size]
            outputs = self._run(batch, self._layout)
            found += [self._detections(image, each) for image, each in zip(batch, outputs, strict=True)]
        return found

    def _detections(self, image: Image, outputs: Outputs) -> Detections:
        if any(np.isnan(output).any() for output in outputs):
            raise BoxError(f"{self._identity.name} gave NaN")
        size_wh = (image.shape[1], image.shape[0])
        decoding = Decoding(size_wh, self._input_wh, self._config.conf, 1.0 if self._iou is None else self._iou)
        return usable(self._layout.decode(outputs, decoding), self._wanted)

    def _run(self, images: Sequence[Image], layout: GraphLayout) -> list[Outputs]:
        """The outputs for each image, without their batch axis where they have one."""
        tensor = np.stack([layout.prepare(image, self._input_wh) for image in images])
        tensor = tensor.astype(FLOATS[self._input.type])
        if len(self._input.shape) == 3:
            tensor = tensor[0]
        outputs: list[Any] = self._session.run(self._outputs, {self._input.name: tensor})
        if not self._has_batch_axis(outputs):
            return [outputs]
        return [[output[index] for output in outputs] for index in range(len(images))]

    def _has_batch_axis(self, outputs: Outputs) -> bool:
        return max(output.ndim for output in outputs) == 3

    def _takes_batches(self) -> bool:
        any_number = len(self._input.shape) == 4 and not isinstance(self._input.shape[0], int)
        return any_number and self._layout.takes_batches

    def _start(self) -> tuple[GraphLayout, int]:
        """Run once, to find the layout that fits, and the number of classes; a misfit shows now, not during a scan."""
        found = "nothing"
        for layout in LAYOUTS[self._config.onnx_layout or "yolox"]:
            self._input_wh = self._size(layout)
            blank = np.zeros((self._input_wh[1], self._input_wh[0], 3), dtype=np.uint8)
            try:
                (outputs,) = self._run([blank], layout)
            except Exception as error:  # onnxruntime's errors have no common root
                first = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
                raise WeightsError(f"{self._where} cannot be run: {printable(first)}") from error
            classes = layout.classes(outputs, self._input_wh)
            if classes is not None:
                return layout, classes
            found = ", ".join(str(list(output.shape)) for output in outputs)
        raise WeightsError(
            f"{self._where} is not of the layout {layout.name}: expected {layout.expected}, found for an input of "
            f"{self._input_wh[0]}x{self._input_wh[1]} and without the batch axis {found}; choose another --onnx-layout"
        )

    def _size(self, layout: GraphLayout) -> tuple[int, int]:
        """Width and height of the input."""
        height, width = self._input.shape[-2:]
        imgsz = self._config.imgsz
        if isinstance(height, int) and isinstance(width, int):
            if imgsz not in (None, max(height, width)):
                raise ConfigError(
                    f"{self._where} takes images of {width}x{height} pixels only, found imgsz {imgsz}; leave it out"
                )
            return width, height
        side = imgsz or layout.imgsz
        return (width if isinstance(width, int) else side), (height if isinstance(height, int) else side)

    def _names(self, classes: int) -> dict[int, str]:
        """The names of the model's classes, of which there are `classes`; 0 if unknown."""
        if self._config.class_names is not None:
            names, source = read_class_names(Path(self._config.class_names)), printable(self._config.class_names)
        else:
            names, source = names_inside(self._session), "its metadata"
        if not names and classes == _COCO_CLASSES:
            return dict(enumerate(coco_names()))
        if not names:
            count = f", of which it has {classes}" if classes else ""
            raise ConfigError(f"{self._where} does not name its classes{count}; give --class-names FILE")
        if self._layout.name == "ssd" and names.get(0) in _BACKGROUND:
            names = {number - 1: name for number, name in names.items() if number}
        if classes and sorted(names) != list(range(classes)):
            raise ConfigError(
                f"{self._where} has {classes} classes, found {len(names)} names in {source}; correct them"
            )
        return names


def _hash(path: Path) -> str:
    """SHA-256 of the file, and of the one beside it that large exports keep their tensors in."""
    beside = [path.with_name(f"{path.name}{ending}") for ending in (".data", "_data")]
    hashes = [hash_weights(each) for each in (path, *beside) if each.is_file()]
    return hashes[0] if len(hashes) == 1 else sha256_of("".join(hashes).encode())
