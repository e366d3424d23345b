"""Every model that Ultralytics opens, as a detector."""

from __future__ import annotations

import copy
import importlib.metadata
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from negmine.detectors.base import DescribedDetector, DetectorIdentity
from negmine.detectors.batches import predict_by_shape
from negmine.detectors.classes import wanted_classes
from negmine.detectors.config import DetectorConfig
from negmine.detectors.ultralytics.checkpoint import Checkpoint, identifying_settings, imgsz_of, iou_of
from negmine.detectors.ultralytics.loading import one_line, open_model
from negmine.detectors.ultralytics.quiet import quiet_ultralytics
from negmine.detectors.weights_files import find_weights, hash_weights
from negmine.errors import ConfigError, WeightsError
from negmine.structures import Detections, Image

if TYPE_CHECKING:
    from torch import nn
    from ultralytics.engine.results import Results
    from ultralytics.models.yolo.detect import DetectionPredictor

_ACCELERATOR_BATCH = 16
_RUNTIMES: Mapping[str, str] = MappingProxyType(
    {"onnx": "onnx onnxruntime", "onnxruntime": "onnxruntime", "openvino": "openvino", "tensorrt": "tensorrt"}
)


class UltralyticsDetector(DescribedDetector):
    """Detects as `YOLO(weights).predict(image, conf=, iou=, imgsz=)` does, without its side effects.

    Models that segment, find poses or oriented boxes give the upright boxes around what they find. At most 300
    detections an image are kept, as Ultralytics does. Boxes without area are dropped.

    Raises:
        ConfigError: for a device that is not there, a class or an imgsz that the model lacks.
        WeightsError: for weights that are missing, corrupt, foreign, no detector's, or lack their runtime.
        UnsafeWeightsError: for a pickle that would run foreign code, unless `config.trust_weights`.
    """

    def __init__(
        self, config: DetectorConfig, *, half: bool = False, stands_for: DetectorIdentity | None = None
    ) -> None:
        """Open it.

        Args:
            config: what to open, and how.
            half: compute in half precision, on an accelerator.
            stands_for: the checkpoint of which these weights are the engine.
        """
        path = find_weights(config.weights)
        self._config = config
        self._half = half
        with quiet_ultralytics():
            self._model = open_model(path, trusted=config.trust_weights)
            self._class_ids: list[int] | None = None
            self._iou = iou_of(config)
            self._imgsz = imgsz_of(config, self.trained_imgsz)
            self._start(path)
        self._class_names: Mapping[int, str] = MappingProxyType({int(i): str(n) for i, n in self._model.names.items()})
        self._class_ids = wanted_classes(config.classes, self._class_names)
        self._device = self._model.predictor.device
        self._batch_size = config.batch or (1 if self.device_type == "cpu" else _ACCELERATOR_BATCH)
        backend = "tensorrt" if stands_for else "torch half" if half else "torch"
        self._identity = DetectorIdentity(
            name=stands_for.name if stands_for else path.name,
            sha256=stands_for.sha256 if stands_for else hash_weights(path),
            settings={
                **identifying_settings(config, self._imgsz),
                **({"backend": backend} if stands_for or path.suffix.lower() == ".pt" else {}),
            },
            versions={name: importlib.metadata.version(name) for name in ("torch", "ultralytics")},
        )

    @property
    def trained_imgsz(self) -> int | None:
        """The input size that the checkpoint was trained at, in pixels; None where it does not say."""
        size = self._model.overrides.get("imgsz")
        return size if isinstance(size, int) else None

    @property
    def device_type(self) -> str:
        """What it runs on, by torch's name: `cpu`, `cuda`, `mps`."""
        return str(self._model.predictor.device.type)

    @property
    def predictor(self) -> DetectionPredictor:
        """What Ultralytics runs it with: the module, fused, and all settings as they are used."""
        return self._model.predictor

    @property
    def module(self) -> nn.Module:
        """The fused module that runs."""
        module: nn.Module = self.predictor.model.backend.model
        return module

    @property
    def imgsz(self) -> int:
        """The input size that was asked for or suits the weights, in pixels."""
        return self._imgsz

    @property
    def checkpoint(self) -> Checkpoint:
        """What a converted model needs to know of it."""
        end2end = bool(self.predictor.model.end2end)
        return Checkpoint(self._identity.name, self._identity.sha256, self.class_names, self.trained_imgsz, end2end)

    @property
    def class_ids(self) -> list[int] | None:
        """The classes that are kept; None for all."""
        return self._class_ids

    def copied(self) -> UltralyticsDetector:
        """The same again, with weights of its own, for another thread: Ultralytics lets one in at a time."""
        as_they_are = {id(each): each for each in (self._class_names, self._identity, self._config)}
        return copy.deepcopy(self, {**as_they_are, id(self.predictor._lock): threading.Lock()})

    def predict(self, images: Sequence[Image]) -> list[Detections]:
        """Detect in each image; what it gives for one does not depend on the others.

        Raises:
            BoxError: where the model gave boxes or scores that are not finite.
        """

        def run(batch: list[Image]) -> list[Detections]:
            return [_to_detections(result) for result in self._run(batch)]

        with quiet_ultralytics():
            return predict_by_shape(images, self._batch_size, run)

    def _run(self, images: list[Image]) -> list[Results]:
        results: list[Results] = self._model.predict(
            images,
            conf=self._config.conf,
            iou=self._iou,
            imgsz=self._imgsz,
            device="" if self._config.device == "auto" else self._config.device,
            classes=self._class_ids,
            save=False,
            verbose=False,
            **({"quantize": 16} if self._half else {}),
        )
        return results

    def _start(self, path: Path) -> None:
        """Run once, so that a missing runtime or device shows now and not in the middle of a scan."""
        try:
            self._run([np.zeros((self._imgsz, self._imgsz, 3), dtype=np.uint8)])
        except ModuleNotFoundError as error:
            package = (error.name or "").split(".")[0]
            command = f"pip install {_RUNTIMES.get(package, package)}"
            raise WeightsError(f"{path} needs the package {package}, which is not installed; {command}") from error
        except Exception as error:  # every runtime has its own
            if "Invalid CUDA" in str(error) or "'device=" in str(error):
                raise ConfigError(
                    f"expected a device that is there, found {self._config.device!r}; use auto or cpu"
                ) from error
            if max(self._fixed_size_hw() or (self._imgsz,)) == self._imgsz:
                raise WeightsError(f"{path} cannot be run as a detector: {one_line(error)}") from error
        fixed = self._fixed_size_hw()
        if fixed is None or max(fixed) == self._imgsz:
            return
        if self._config.imgsz is not None:
            raise ConfigError(
                f"{path} was exported for images of {fixed[1]}x{fixed[0]} pixels only, found imgsz {self._imgsz}; "
                f"use --imgsz {max(fixed)}, or export it again with dynamic=True"
            )
        self._imgsz = max(fixed)
        self._start(path)

    def _fixed_size_hw(self) -> tuple[int, int] | None:
        """The only size that an exported model takes; None where it takes any."""
        backend = getattr(self._model.predictor, "model", None)
        size = getattr(backend, "imgsz", None)
        if size is None or getattr(backend, "dynamic", False):
            return None
        return (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))


def _to_detections(result: Results) -> Detections:
    found = result.boxes if result.boxes is not None else result.obb
    boxes = found.xyxy.cpu().numpy().astype(np.float64)  # [N, 4]
    if result.boxes is None:  # what encloses an oriented box may reach over the image's edge
        height, width = result.orig_shape
        boxes = boxes.clip(0, [width, height, width, height])
    return with_area(Detections(boxes, found.conf.cpu().numpy(), found.cls.cpu().numpy()))


def with_area(detections: Detections) -> Detections:
    """Those whose boxes have one."""
    x1, y1, x2, y2 = detections.boxes_xyxy.T
    return detections.select((x2 > x1) & (y2 > y1))
