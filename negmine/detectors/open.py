"""Weights of any kind in, a detector out."""

from __future__ import annotations

from negmine.detectors.base import Detector
from negmine.detectors.config import DetectorConfig
from negmine.detectors.torchvision_models import is_torchvision


def open_detector(config: DetectorConfig) -> Detector:
    """Open weights with the framework that they are of.

    Raises:
        ConfigError: for a device that is not there, a class or an imgsz that the model lacks.
        WeightsError: for weights that are missing, corrupt, foreign, no detector's, or lack their runtime.
        UnsafeWeightsError: for a pickle that would run foreign code; `config.trust_weights` opens those of Ultralytics
            all the same.
    """
    if is_torchvision(config.weights):
        from negmine.detectors.torchvision import TorchvisionDetector

        return TorchvisionDetector(config)
    from negmine.detectors.ultralytics import UltralyticsDetector

    return UltralyticsDetector(config)
