"""Weights of any kind in, a detector out."""

from __future__ import annotations

from negmine.detectors.base import Detector
from negmine.detectors.config import DetectorConfig, PredictionsConfig
from negmine.detectors.torchvision_models import is_torchvision
from negmine.errors import ConfigError
from negmine.paths import printable

HUGGING_FACE = "hf:"


def open_detector(config: DetectorConfig | PredictionsConfig) -> Detector:
    """Open weights with the framework that they are of, or predictions without any.

    Raises:
        ConfigError: for a device that is not there, a class or an imgsz that the model lacks, or a layout for weights
            that are no ONNX file.
        WeightsError: for weights that are missing, corrupt, foreign, no detector's, or lack their runtime.
        UnsafeWeightsError: for a pickle that would run foreign code; `config.trust_weights` opens those of Ultralytics
            all the same.
        PredictionsError: for predictions that cannot be read.
    """
    if isinstance(config, PredictionsConfig):
        from negmine.detectors.predictions import PredictionsDetector

        return PredictionsDetector(config)
    if config.onnx_layout is None and config.class_names is not None:
        raise ConfigError("expected class_names with an onnx_layout, or with predictions; other weights name their own")
    if config.onnx_layout is not None:
        if not is_onnx(config.weights):
            raise ConfigError(
                f"onnx_layout is for .onnx files, found {printable(config.weights)}; leave --onnx-layout out"
            )
        from negmine.detectors.onnx import OnnxDetector

        return OnnxDetector(config)
    if config.weights.startswith(HUGGING_FACE):
        from negmine.detectors.hugging_face import HuggingFaceDetector

        return HuggingFaceDetector(config)
    if is_torchvision(config.weights):
        from negmine.detectors.torchvision import TorchvisionDetector

        return TorchvisionDetector(config)
    from negmine.detectors.ultralytics import UltralyticsDetector

    return UltralyticsDetector(config)


def is_onnx(weights: str) -> bool:
    """Whether weights are an ONNX file, by their name."""
    return weights.lower().endswith(".onnx")
