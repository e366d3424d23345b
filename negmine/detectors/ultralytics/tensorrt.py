"""TensorRT, through Ultralytics' own export, in half precision."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import tempfile
from dataclasses import replace
from pathlib import Path

from negmine.detectors.base import OnStep, silent, version_of
from negmine.detectors.config import DetectorConfig
from negmine.detectors.samples import Samples
from negmine.detectors.ultralytics.detector import UltralyticsDetector
from negmine.detectors.ultralytics.gpu import open_verified
from negmine.detectors.ultralytics.loading import one_line, open_model
from negmine.detectors.ultralytics.quiet import private_folder, quiet_ultralytics
from negmine.errors import ConfigError, WeightsError
from negmine.paths import cache_folder, printable


def open_tensorrt(config: DetectorConfig, samples: Samples | None, on_step: OnStep = silent) -> UltralyticsDetector:
    """Have Ultralytics build an engine for this GPU, keep it in the cache folder, and run it.

    Where the engine finds other things than the checkpoint on the user's images, the checkpoint runs on torch.

    Raises:
        WeightsError: where tensorrt is not installed, or Ultralytics cannot build the engine.
        ConfigError: where there is no NVIDIA GPU.
    """
    if importlib.util.find_spec("tensorrt") is None:
        raise WeightsError("backend tensorrt needs the package tensorrt, which is not installed; pip install tensorrt")
    plain = UltralyticsDetector(config)
    if plain.device_type != "cuda":
        raise ConfigError("backend tensorrt needs an NVIDIA GPU, found none; leave --backend out")
    built = _engine(plain, config, on_step)
    engine = replace(config, weights=str(built), imgsz=None, trust_weights=True)  # of our own making

    def open_engine() -> UltralyticsDetector:
        return UltralyticsDetector(engine, stands_for=plain.identity)

    return open_engine() if samples is None else open_verified(plain, open_engine, "on TensorRT", samples)


def engines_folder() -> Path:
    """Where engines are kept: never where others can write, since an engine is a program, and these are trusted."""
    return cache_folder() or private_folder()


def _engine(plain: UltralyticsDetector, config: DetectorConfig, on_step: OnStep) -> Path:
    """The engine of a checkpoint for this GPU; built if it is not in the cache folder."""
    import torch

    device, imgsz = plain.predictor.device, plain.predictor.imgsz
    made_by = [version_of("tensorrt"), version_of("ultralytics")]
    made_for = [torch.cuda.get_device_name(device), list(imgsz), plain.at_once]
    folder = engines_folder()
    key = hashlib.sha256(json.dumps([plain.identity.sha256, *made_by, *made_for]).encode()).hexdigest()[:16]
    target = folder / f"{plain.identity.sha256[:16]}-tensorrt-{key}.engine"
    if target.is_file():
        return target
    on_step(f"building a TensorRT engine of {printable(plain.identity.name)}, once for these weights: it takes minutes")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="negmine-", dir=folder) as scratch, quiet_ultralytics():
            model = open_model(Path(config.weights), trusted=config.trust_weights)
            model.model.pt_path = str(Path(scratch) / "weights.pt")  # the engine is written beside it
            built = model.export(
                format="engine", imgsz=list(imgsz), quantize=16, dynamic=True, batch=plain.at_once, device=device
            )
            Path(built).replace(target)
    except Exception as error:  # Ultralytics and TensorRT have no common root
        raise WeightsError(f"{printable(config.weights)} cannot be built for TensorRT: {one_line(error)}") from error
    return target
