"""TensorRT, through Ultralytics' own export: in half precision, and so not compared to the last digit."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from negmine.detectors.base import Detector
from negmine.detectors.config import DetectorConfig
from negmine.detectors.parity import differences_in_words
from negmine.detectors.samples import Samples
from negmine.detectors.ultralytics.cache import cache_folder
from negmine.detectors.ultralytics.detector import UltralyticsDetector
from negmine.detectors.ultralytics.loading import one_line
from negmine.detectors.ultralytics.quiet import quiet_ultralytics
from negmine.errors import ConfigError, WeightsError
from negmine.paths import printable

_COMPARED = 16  # images


def open_tensorrt(config: DetectorConfig, samples: Samples | None) -> Detector:
    """Have Ultralytics build an engine for this GPU, keep it in the cache folder, and run it.

    Raises:
        WeightsError: where tensorrt is not installed, or Ultralytics cannot build the engine.
        ConfigError: where there is no NVIDIA GPU.
    """
    if importlib.util.find_spec("tensorrt") is None:
        raise WeightsError("backend tensorrt needs the package tensorrt, which is not installed; pip install tensorrt")
    original = UltralyticsDetector(config)
    if original.device_type != "cuda":
        raise ConfigError("backend tensorrt needs an NVIDIA GPU, found none; leave --backend out")
    engine = _engine(original, config)
    detector = UltralyticsDetector(replace(config, weights=str(engine), imgsz=None), stands_for=original.identity)
    if samples is not None:
        images = list(samples(_COMPARED))
        said = differences_in_words(original.predict(images), detector.predict(images))
        detector.note(f"{printable(original.identity.name)} runs on TensorRT in half precision: {said}")
    return detector


def _engine(original: UltralyticsDetector, config: DetectorConfig) -> Path:
    """The engine of a checkpoint for this GPU, built where it is not in the cache folder."""
    import tensorrt
    import torch

    device, imgsz = original.predictor.device, original.predictor.imgsz
    made_by = [tensorrt.__version__, importlib.metadata.version("ultralytics")]
    made_for = [torch.cuda.get_device_name(device), list(imgsz), original.batch_size]
    folder = cache_folder() or Path(tempfile.gettempdir())
    key = hashlib.sha256(json.dumps([original.identity.sha256, *made_by, *made_for]).encode()).hexdigest()[:16]
    name = f"{original.identity.sha256[:16]}-tensorrt-{key}"
    target = folder / f"{name}.engine"
    if target.is_file():
        return target
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="negmine-", dir=folder) as scratch, quiet_ultralytics():
            from ultralytics import YOLO

            copied = shutil.copyfile(config.weights, Path(scratch) / "weights.pt")
            built = YOLO(str(copied)).export(
                format="engine", imgsz=list(imgsz), quantize=16, dynamic=True, batch=original.batch_size, device=device
            )
            Path(built).replace(target)
    except Exception as error:  # Ultralytics and TensorRT have no common root
        raise WeightsError(f"{printable(config.weights)} cannot be built for TensorRT: {one_line(error)}") from error
    return target
