"""Weights of any kind in, a detector out."""

from __future__ import annotations

from negmine.detectors.base import Detector
from negmine.detectors.config import DetectorConfig


def open_detector(config: DetectorConfig) -> Detector:
    """Open weights with the framework that they are of; at present that is always Ultralytics.

    Raises:
        ConfigError: for a device that is not there, a class or an imgsz that the model lacks.
        WeightsError: for weights that are missing, corrupt, foreign, no detector's, or lack their runtime.
        UnsafeWeightsError: for a pickle that would run foreign code; `config.trust_weights` opens it all the same.
    """
    from negmine.detectors.ultralytics import UltralyticsDetector

    return UltralyticsDetector(config)
