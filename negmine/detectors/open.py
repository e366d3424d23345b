"""Opening a detector, whatever its framework."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from negmine.detectors.base import Detector, OnStep, silent
from negmine.detectors.config import DetectorConfig, PredictionsConfig, require_no_backend
from negmine.detectors.torchvision.builders import is_torchvision
from negmine.errors import ConfigError
from negmine.paths import printable

if TYPE_CHECKING:
    from negmine.detectors.samples import Samples
    from negmine.detectors.tiling.auto import ReadSizes

HUGGING_FACE = "hf:"


def open_detector(
    config: DetectorConfig | PredictionsConfig,
    samples: Samples | None = None,
    on_step: OnStep = silent,
    sizes: ReadSizes | None = None,
) -> Detector:
    """Open weights with their framework, or predictions that another program wrote.

    Args:
        config: what to open.
        samples: gives so many of the images that the detector is for, such as `samples_of(paths)`. A faster backend is
            compared with the weights on them; without them `backend="auto"` is torch. An ONNX layout is tried on them.
        on_step: told in words what takes long, such as a conversion.
        sizes: reads the sizes of the labelled objects that tiles of the size `auto` are for.

    Raises:
        ConfigError: for a device that does not exist here, a class or an imgsz that the model does not have, a layout
            for weights other than ONNX, a backend for weights other than an Ultralytics checkpoint, or thresholds of
            other classes.
        WeightsError: for weights that are missing, corrupt, not a detector, or whose runtime is not installed; for a
            verifier that cannot be read, or was trained for other weights.
        UnsafeWeightsError: for a pickle that would run foreign code; `config.trust_weights` opens those of Ultralytics
            anyway.
        PredictionsError: for predictions that cannot be read.
    """
    if config.thresholds is not None:
        from negmine.detectors.class_thresholds import ThresholdedDetector, read_thresholds

        thresholds = read_thresholds(Path(config.thresholds))
        lowest = replace(config, conf=thresholds.lowest, thresholds=None)
        return ThresholdedDetector(open_detector(lowest, samples, on_step, sizes), thresholds)
    if isinstance(config, PredictionsConfig):
        from negmine.detectors.predictions.detector import PredictionsDetector

        return PredictionsDetector(config)
    if config.tiles is not None:
        from negmine.detectors.tiling.auto import with_tiles

        return with_tiles(open_detector(replace(config, tiles=None), samples, on_step), config.tiles, sizes)
    if config.verifier is not None:
        from negmine.detectors.ultralytics.verified import open_verified

        return open_verified(config)
    if config.onnx_layout is None and config.class_names is not None:
        raise ConfigError("expected class_names with an onnx_layout, or with predictions; other weights name their own")
    if config.onnx_layout is not None:
        if not is_onnx(config.weights):
            raise ConfigError(
                f"onnx_layout is for .onnx files, found {printable(config.weights)}; leave --onnx-layout out"
            )
        require_no_backend(config)
        from negmine.detectors.onnx.detector import OnnxDetector

        return OnnxDetector(config, samples)
    if config.weights.startswith(HUGGING_FACE):
        require_no_backend(config)
        from negmine.detectors.hugging_face import HuggingFaceDetector

        return HuggingFaceDetector(config)
    if is_torchvision(config.weights):
        require_no_backend(config)
        from negmine.detectors.torchvision.detector import TorchvisionDetector

        return TorchvisionDetector(config)
    if is_onnx(config.weights):
        require_no_backend(config)
        from negmine.detectors.onnx.recognise import told_layout

        layout = told_layout(config, samples)
        if layout is not None:
            return open_detector(replace(config, onnx_layout=layout), samples, on_step)
    from negmine.detectors.ultralytics.backends import open_ultralytics

    return open_ultralytics(config, samples, on_step)


def is_onnx(weights: str) -> bool:
    """Whether weights are an ONNX file, by name."""
    return weights.lower().endswith(".onnx")
