"""The choice of the backend that runs a checkpoint of Ultralytics: the one asked for, or the fastest with parity."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from negmine.detectors.base import Detector, OnStep, silent, version_of
from negmine.detectors.config import DetectorConfig, require_no_backend
from negmine.detectors.devices import may_have_gpu
from negmine.detectors.letterbox import whole_strides
from negmine.detectors.samples import Samples
from negmine.detectors.telemetry import import_quietly
from negmine.detectors.ultralytics.checkpoint import imgsz_of
from negmine.detectors.ultralytics.converted import Runtime, kept_checkpoint, open_converted, open_kept
from negmine.detectors.ultralytics.cpu_copies import on_all_cores
from negmine.detectors.ultralytics.detector import UltralyticsDetector
from negmine.detectors.ultralytics.gpu import open_half
from negmine.detectors.ultralytics.tensorrt import open_tensorrt
from negmine.detectors.weights_files import find_weights
from negmine.errors import ConfigError, WeightsError
from negmine.paths import printable


def open_ultralytics(config: DetectorConfig, samples: Samples | None, on_step: OnStep = silent) -> Detector:
    """Open what Ultralytics opens, on the backend that is asked for; see `open_detector`.

    Raises:
        ConfigError: for a backend that does not run these weights or this device.
        WeightsError: for weights that cannot be opened or converted, or whose runtime is missing.
    """
    path = find_weights(config.weights)
    if path.suffix.lower() != ".pt":
        if config.backend != "torch":
            require_no_backend(config)
        return UltralyticsDetector(config)
    config = replace(config, weights=str(path))
    if config.backend == "torch":
        return on_all_cores(UltralyticsDetector(config), config)
    if config.backend == "tensorrt":
        return open_tensorrt(config, samples, on_step)
    kept = _kept(config, path, samples)
    if kept is not None:
        return kept
    if config.backend == "auto" and not config.int8:
        return _fastest(config, samples, on_step)
    return _asked_for(config, path, samples, on_step)


def _kept(config: DetectorConfig, path: Path, samples: Samples | None) -> Detector | None:
    """What an earlier run converted and compared, without torch; None where torch has to decide."""
    asked_for = config.backend != "auto" or config.int8
    on_cpu = config.device == "cpu" or (config.device == "auto" and (asked_for or not may_have_gpu()))
    if not on_cpu or (samples is None and not asked_for):
        return None
    checkpoint = kept_checkpoint(path)
    if checkpoint is None:
        return None
    config = replace(config, device="cpu")
    return open_kept(checkpoint, config, _runtime(config, imgsz_of(config, checkpoint.trained_imgsz), samples))


def _fastest(config: DetectorConfig, samples: Samples | None, on_step: OnStep) -> Detector:
    """The fastest backend that finds what the weights find; the weights themselves without images to compare on."""
    from negmine.detectors.ultralytics.tracing import why_not

    original = UltralyticsDetector(config)
    if original.device_type == "cuda" and samples is not None:
        return open_half(original, config, samples)
    if original.device_type == "cpu" and samples is not None and why_not(original) is None and _imports("openvino"):
        try:
            return _converted(original, config, samples, on_step)
        except WeightsError as error:
            original.note(f"warning: torch is used, which is slower: {error}")
    return on_all_cores(original, config)


def _asked_for(config: DetectorConfig, path: Path, samples: Samples | None, on_step: OnStep) -> Detector:
    from negmine.detectors.ultralytics.tracing import why_not

    backend = "openvino" if config.int8 else config.backend
    if config.device not in ("auto", "cpu"):
        raise ConfigError(f"backend {backend} runs on the CPU, found device {config.device!r}; leave one of them out")
    package = "openvino" if backend == "openvino" else "onnxruntime"
    for needed in (package,) if backend == "openvino" else ("onnx", package):
        if not _imports(needed):
            raise WeightsError(
                f"backend {backend} needs the package {needed}, which is not installed; "
                f"pip install 'negmine[{backend}]'"
            )
    config = replace(config, device="cpu")
    original = UltralyticsDetector(config)
    reason = why_not(original)
    if reason is not None:
        raise ConfigError(f"{printable(path)} does not run on backend {backend}: {reason}; leave --backend out")
    return _converted(original, config, samples, on_step)


def _converted(
    original: UltralyticsDetector, config: DetectorConfig, samples: Samples | None, on_step: OnStep
) -> Detector:
    """The converted model, or the weights where it finds other things."""
    detector = open_converted(original, config, _runtime(config, original.imgsz, samples), samples, on_step)
    return on_all_cores(original, config) if detector is original else detector


def _runtime(config: DetectorConfig, imgsz: int, samples: Samples | None) -> Runtime:
    """The runtime that was asked for.

    Args:
        config: what was asked for.
        imgsz: the input size that 8-bit weights are calibrated at, pixels.
        samples: the images that they are calibrated on.
    """
    if config.backend == "onnx":
        from negmine.detectors.ultralytics import onnxruntime as onnx_converted

        return Runtime(
            "onnx", "onnxruntime", onnx_converted.to_onnx, onnx_converted.OnnxRunner, lambda _: {"backend": "onnx"}
        )
    from negmine.detectors.ultralytics import openvino

    if config.int8:
        from negmine.detectors.ultralytics import int8

        return Runtime(
            "openvino-int8",
            "openvino",
            lambda module: int8.to_int8(module, whole_strides(imgsz), samples),
            lambda parts: openvino.OpenVinoRunner(parts, fixed_shapes=True),
            int8.settings_of,
            lossy=True,
            depends_on={"imgsz": str(imgsz), "nncf": version_of("nncf")},
        )
    return Runtime(
        "openvino", "openvino", openvino.to_openvino, openvino.OpenVinoRunner, lambda _: {"backend": "openvino"}
    )


def _imports(package: str) -> bool:
    try:
        import_quietly(package)
    except ImportError:  # missing, or broken
        return False
    return True
