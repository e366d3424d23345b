"""Every model that Ultralytics opens, as a detector."""

from __future__ import annotations

import copy
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from negmine.detectors.base import BaseDetector, DetectorIdentity, usable, versions_of
from negmine.detectors.batches import predict_by_shape
from negmine.detectors.class_names import wanted_classes
from negmine.detectors.config import DetectorConfig, require_stated_size
from negmine.detectors.onnx.limits import Limits, limited_sessions
from negmine.detectors.ultralytics.checkpoint import Checkpoint, identifying_settings, imgsz_of, iou_of
from negmine.detectors.ultralytics.loading import one_line, open_model
from negmine.detectors.ultralytics.quiet import quiet_ultralytics
from negmine.detectors.weights_files import find_weights, hash_weights
from negmine.errors import ConfigError, DetectorError, NegmineError, WeightsError
from negmine.paths import printable
from negmine.structures import Detections, Image
from negmine.words import counted

if TYPE_CHECKING:
    from torch import nn
    from ultralytics import YOLO
    from ultralytics.engine.results import Results
    from ultralytics.models.yolo.detect import DetectionPredictor

MOST_DETECTIONS = 300  # of an image, as Ultralytics keeps

_ACCELERATOR_BATCH = 16
_HANDED = 4  # batches that a GPU is handed together: images of one shape fill a batch more often
_RUNTIMES: Mapping[str, str] = MappingProxyType(
    {"onnx": "onnx onnxruntime", "onnxruntime": "onnxruntime", "openvino": "openvino", "tensorrt": "tensorrt"}
)


class UltralyticsDetector(BaseDetector):
    """Detects as `YOLO(weights).predict(image, conf=, iou=, imgsz=)` does, without its side effects.

    Models that segment, find poses or oriented boxes give the upright boxes around what they find. At most 300
    detections per image are kept, as Ultralytics does. Boxes without area are dropped.

    Images of one shape run together. On a CPU the result for an image does not depend on the others; on a GPU its last
    digits may depend on the size of the batch. Where a device runs out of memory, batches are halved from then on.

    Raises:
        ConfigError: for a device that does not exist here, a class or an imgsz that the model does not have.
        WeightsError: for weights that are missing, corrupt, not a detector, or whose runtime is not installed.
        UnsafeWeightsError: for a pickle that would run foreign code, unless `config.trust_weights`.
    """

    def __init__(
        self, config: DetectorConfig, *, half: bool = False, stands_for: DetectorIdentity | None = None
    ) -> None:
        """Open it.

        Args:
            config: what to open, and how.
            half: compute in half precision, boxes too, which are then coarse (by half a pixel beyond 512 pixels); a
                CPU computes in full precision all the same.
            stands_for: the checkpoint that these weights are an engine of.
        """
        path = find_weights(config.weights)
        self._config = config
        self._half = half
        with quiet_ultralytics():
            self._model = open_model(path, trusted=config.trust_weights)
            self._class_ids: list[int] | None = None
            self._iou = iou_of(config)
            self._imgsz = imgsz_of(config, self.trained_imgsz)
            with limited_sessions(Limits.of(path, config) if path.suffix.lower() == ".onnx" else None):
                self._start(path)
        self._class_names: Mapping[int, str] = MappingProxyType({int(i): str(n) for i, n in self._model.names.items()})
        self._class_ids = wanted_classes(config.classes, self._class_names)
        self._device = self._model.predictor.device
        on_cpu = self.device_type == "cpu"
        self._set_at_once(config.batch or (1 if on_cpu else _ACCELERATOR_BATCH), 1 if on_cpu else _HANDED)
        backend = "tensorrt" if stands_for else "torch fp16" if half else "torch"
        self._identity = DetectorIdentity(
            name=stands_for.name if stands_for else path.name,
            sha256=stands_for.sha256 if stands_for else hash_weights(path),
            settings={
                **identifying_settings(config, self._imgsz),
                **({"backend": backend} if stands_for or path.suffix.lower() == ".pt" else {}),
            },
            versions=versions_of("torch", "ultralytics"),
        )

    @property
    def trained_imgsz(self) -> int | None:
        """The input size that the checkpoint was trained at, pixels; None if unknown."""
        size = self._model.overrides.get("imgsz")
        return size if isinstance(size, int) else None

    @property
    def channels(self) -> int:
        """Channels of the images that the model sees; of one, Ultralytics shows it colours as grey."""
        return int(self._model.predictor.model.backend.channels)

    @property
    def device_type(self) -> str:
        """What it runs on, by torch's name without a number: `cpu`, `cuda`, `mps`."""
        return str(self._model.predictor.device.type)

    @property
    def model(self) -> YOLO:
        """Ultralytics' model."""
        return self._model

    @property
    def predictor(self) -> DetectionPredictor:
        """Ultralytics' predictor: the fused module, and all settings as they are used."""
        return self._model.predictor

    @property
    def module(self) -> nn.Module:
        """The fused module that runs."""
        module: nn.Module = self.predictor.model.backend.model
        return module

    @property
    def imgsz(self) -> int:
        """The input size, pixels."""
        return self._imgsz

    @property
    def conf(self) -> float:
        """The score below which detections are dropped."""
        return self._config.conf

    @property
    def at_once(self) -> int:
        """How many images run together, at most."""
        return self._at_once

    @property
    def checkpoint(self) -> Checkpoint:
        """What a converted model needs to know."""
        end2end = bool(self.predictor.model.end2end)
        return Checkpoint(self._identity.name, self._identity.sha256, self.class_names, self.trained_imgsz, end2end)

    def copied(self) -> UltralyticsDetector:
        """A copy with its own weights, for another thread: Ultralytics lets one in at a time."""
        shared = {id(each): each for each in (self._class_names, self._identity, self._config)}
        return copy.deepcopy(self, {**shared, id(self.predictor._lock): threading.Lock()})

    def predict(self, images: Sequence[Image], paths: Sequence[Path] | None = None) -> list[Detections]:
        """Detect in each image.

        Raises:
            BoxError: where the model gave boxes or scores that are not finite.
            DetectorError: where the device has too little memory for a single image.
        """
        return self.predict_from(self._config.conf, images)

    def predict_from(self, conf: float, images: Sequence[Image]) -> list[Detections]:
        """As `predict`, but down to a score of `conf`."""

        def run(batch: list[Image]) -> list[Detections]:
            return [_to_detections(result) for result in self._run(batch, conf)]

        with quiet_ultralytics():
            import torch

            while True:
                try:
                    return predict_by_shape(images, self._at_once, run)
                except torch.cuda.OutOfMemoryError as error:
                    self._halve_batch(error)
                torch.cuda.empty_cache()

    def _set_at_once(self, at_once: int, handed: int) -> None:
        self._at_once, self._handed, self._batch_size = at_once, handed, handed * at_once

    def _halve_batch(self, error: Exception) -> None:
        name = printable(self._identity.name)
        if self._at_once == 1:
            raise DetectorError(
                f"{name} does not fit into the memory of {self._device} with one image at imgsz {self._imgsz}; use a "
                "smaller --imgsz, or --device cpu"
            ) from error
        self._set_at_once(self._at_once // 2, self._handed)
        images = counted(self._at_once, "image")
        self.note(f"{self._device} ran out of memory: {name} runs on {images} at once from now on")

    def _run(self, images: list[Image], conf: float) -> list[Results]:
        results: list[Results] = self._model.predict(
            images,
            conf=conf,
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
        """Run once, so that a missing runtime or device shows now, not during a scan."""
        try:
            self._run([np.zeros((self._imgsz, self._imgsz, 3), dtype=np.uint8)], self._config.conf)
        except ModuleNotFoundError as error:
            package = (error.name or "").split(".")[0]
            command = f"pip install {_RUNTIMES.get(package, package)}"
            raise WeightsError(f"{path} needs the package {package}, which is not installed; {command}") from error
        except NegmineError:
            raise
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
        require_stated_size(self._config, max(fixed))
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
    if result.boxes is None:  # the upright box around an oriented one may stick out of the image
        height, width = result.orig_shape
        boxes = boxes.clip(0, [width, height, width, height])
    return usable(Detections(boxes, found.conf.cpu().numpy(), found.cls.cpu().numpy()))
