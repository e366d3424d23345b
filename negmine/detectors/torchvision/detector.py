"""The detectors of torchvision: Faster R-CNN, RetinaNet, FCOS, SSD and SSDlite."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from negmine.detectors.base import BaseDetector, DetectorIdentity, usable, versions_of
from negmine.detectors.batches import predict_by_shape
from negmine.detectors.class_names import wanted_classes
from negmine.detectors.config import DetectorConfig, require_stated_size
from negmine.detectors.devices import open_device
from negmine.detectors.torchvision.builders import (
    PUBLISHED,
    TorchvisionCheckpoint,
    build,
    first_line,
    published,
    set_size,
)
from negmine.detectors.torchvision.checkpoints import read_checkpoint
from negmine.detectors.weights_files import hash_weights
from negmine.errors import DetectorError, WeightsError
from negmine.paths import printable
from negmine.structures import Detections, Image

if TYPE_CHECKING:
    from torch import Tensor, nn

_ACCELERATOR_BATCH = 8


class TorchvisionDetector(BaseDetector):
    """Detects as `model.eval()([image])` does, with the score and overlap thresholds of `config`.

    Class ids are torchvision's labels minus one, since label 0 is the background. Boxes to which a RetinaNet or FCOS
    gives label 0, which no object had in training, are dropped, and so are boxes without area. Images of one shape run
    together, so that none is padded for another. The model's own limit of detections per image applies. So does the
    score threshold of each class, where the weights bring one (those of a training with guided loss scaling do).

    Raises:
        ConfigError: for a device that does not exist here, a class that the model does not have, or
            a size for a model of fixed size.
        WeightsError: for weights that are missing, damaged, or do not say what they are of.
        UnsafeWeightsError: for a pickle that holds more than tensors.
    """

    def __init__(self, config: DetectorConfig) -> None:
        self._config = config
        checkpoint, name, sha256 = _find(config.weights)
        self._model = build(checkpoint, name=name)
        self._device = open_device(config.device)
        self._model.to(self._device)
        iou = _set_thresholds(self._model, config)
        imgsz = set_size(self._model, checkpoint.builder, config.imgsz)
        transform: Any = self._model.transform
        require_stated_size(config, transform.max_size)  # the longer side
        self._first_label = checkpoint.first_label
        self._thresholds = np.array(checkpoint.score_thresholds or [0.0] * len(checkpoint.class_names))
        self._class_names: Mapping[int, str] = MappingProxyType(dict(enumerate(checkpoint.class_names)))
        self._wanted = wanted_classes(config.classes, self._class_names)
        self._batch_size = config.batch or (1 if self._device.type == "cpu" else _ACCELERATOR_BATCH)
        self._identity = DetectorIdentity(
            name=name,
            sha256=sha256,
            settings={
                "kind": "torchvision",
                "builder": checkpoint.builder,
                "conf": config.conf,
                "iou": iou,
                "imgsz": imgsz,
                "classes": sorted(config.classes),
            },
            versions=versions_of("torch", "torchvision"),
        )

    def predict(self, images: Sequence[Image], paths: Sequence[Path] | None = None) -> list[Detections]:
        """Detect in each image; the result for one does not depend on the others.

        Raises:
            BoxError: where the model gave boxes or scores that are not finite.
            DetectorError: where the model fails, or the memory is too small.
        """
        import torch

        def run(batch: list[Image]) -> list[Detections]:
            try:
                results = self._model([self._tensor(image) for image in batch])
            except (RuntimeError, MemoryError) as error:
                name = printable(self._identity.name)
                raise DetectorError(f"{name} cannot run on an image: {first_line(error)}") from error
            return [self._detections(result) for result in results]

        with torch.inference_mode():
            return predict_by_shape(images, self._batch_size, run)

    def _tensor(self, image: Image) -> Tensor:
        """[3, H, W] RGB from 0 to 1."""
        import torch

        rgb = np.ascontiguousarray(image[:, :, ::-1].transpose(2, 0, 1))
        return torch.from_numpy(rgb).to(self._device).float() / 255

    def _detections(self, result: Mapping[str, Tensor]) -> Detections:
        boxes = result["boxes"].cpu().numpy().astype(np.float64)
        detections = Detections(
            boxes, result["scores"].cpu().numpy(), result["labels"].cpu().numpy() - self._first_label
        )
        detections = usable(detections.select(detections.class_ids >= 0), self._wanted)
        return detections.select(detections.scores >= self._thresholds[detections.class_ids])


def _find(weights: str) -> tuple[TorchvisionCheckpoint, str, str]:
    """The checkpoint, its name for people, and its hash."""
    if weights.startswith(PUBLISHED):
        checkpoint = published(weights.removeprefix(PUBLISHED))
        return checkpoint, weights, _hash_state(checkpoint.state)
    path = Path(weights)
    if not path.is_file():
        raise WeightsError(
            f"expected a file of weights at {printable(path)}, found {'a folder' if path.is_dir() else 'nothing'}"
        )
    return read_checkpoint(path), path.name, hash_weights(path)


def _hash_state(state: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(state):
        digest.update(name.encode() + b"\0" + state[name].cpu().numpy().tobytes())
    return digest.hexdigest()


def _set_thresholds(model: nn.Module, config: DetectorConfig) -> float:
    """Set the score threshold, and the overlap threshold where the user gave one; return the latter."""
    head: Any = getattr(model, "roi_heads", model)
    head.score_thresh = config.conf
    if config.iou is not None:
        head.nms_thresh = config.iou
    return float(head.nms_thresh)
