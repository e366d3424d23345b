"""The settings to open a detector with. Imports nothing heavy, so that `--help` can read the defaults."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from negmine.detectors.tiling.config import TileConfig
from negmine.errors import ConfigError
from negmine.paths import printable

OnnxLayout = Literal["yolox", "ultralytics", "yolov5", "ssd"]
MAX_IMGSZ, _MAX_STATED_IMGSZ = 16_384, 2048
Backend = Literal["auto", "torch", "openvino", "onnx", "tensorrt"]


@dataclass(frozen=True, slots=True)
class DetectorConfig:
    """How to open weights, and which detections to keep; the defaults are those of the framework.

    Attributes:
        weights: a file or export folder that Ultralytics opens, or the name of official weights that it downloads; a
            checkpoint of torchvision, or `torchvision:NAME` for the weights that it publishes; `hf:PATH` for a detector
            of transformers, a folder or a name on the hub; with `onnx_layout` any ONNX file.
        conf: detections that score below are dropped, 0 to 1.
        iou: overlap above which the non-maximum suppression drops the lower score, 0 to 1; None for the framework's own
            (0.7 of Ultralytics, 0.5 of torchvision, 0.65 of YOLOX, 0.45 of YOLOv5 and SSD). Models without one, such
            as DETR, ignore it.
        imgsz: longer side that an image is resized to, pixels; None for the size that the weights were trained at, 640
            where that is unknown, and torchvision's own rule for its models.
        batch: images that run at once; None means one on a CPU, and on anything else 16 for Ultralytics, 8 for others.
            Where a GPU runs out of memory, Ultralytics models run on half as many.
        device: `auto`, or as Ultralytics names them: `cpu`, `0`, `cuda:1`, `mps`, ...
        classes: names of the classes to keep; empty means all.
        trust_weights: open a pickle as it is, which may run code, and programs such as a TensorRT engine.
        onnx_layout: the inputs and outputs of an ONNX model that Ultralytics did not export; None for what the file
            says and its outputs show.
        class_names: a file of class names for such a model: a `.txt` with one per line, or a `data.yaml`.
        backend: what runs a `.pt` of Ultralytics: `torch` runs the weights themselves, the others a copy that is
            converted once and kept. `auto` is the fastest that finds the same as the weights on the user's images, and
            `torch` where there are no images to compare on.
        int8: run with 8-bit weights on OpenVINO, calibrated on the user's images; int8 results differ.
        verifier: a file of `negmine verifier train` for these weights, whose scores replace the detector's.
        tiles: run on tiles of each image, or on the image at several scales; None for whole images.
        thresholds: a file of `negmine eval --thresholds`, a score for each class in place of `conf`.

    Raises:
        ConfigError: where a value is out of its range.
    """

    weights: str
    conf: float = 0.25
    iou: float | None = None
    imgsz: int | None = None
    batch: int | None = None
    device: str = "auto"
    classes: tuple[str, ...] = ()
    trust_weights: bool = False
    onnx_layout: OnnxLayout | None = None
    class_names: str | None = None
    backend: Backend = "auto"
    int8: bool = False
    verifier: str | None = None
    tiles: TileConfig | None = None
    thresholds: str | None = None

    def __post_init__(self) -> None:
        _check_share("conf", self.conf)
        _check_share("iou", self.iou)
        if self.imgsz is not None and self.imgsz < 32:
            raise ConfigError(f"expected imgsz of 32 pixels or more, found {self.imgsz}")
        if self.imgsz is not None and self.imgsz > MAX_IMGSZ:
            raise ConfigError(f"expected imgsz of {MAX_IMGSZ} pixels or less, found {self.imgsz}; name a smaller one")
        if self.batch is not None and self.batch < 1:
            raise ConfigError(f"expected batch of 1 or more, found {self.batch}; leave it out to have it chosen")
        if not self.device.strip():
            raise ConfigError("expected a device such as auto, cpu or 0, found an empty string")
        if self.onnx_layout is not None and self.onnx_layout not in get_args(OnnxLayout):
            raise ConfigError(
                f"expected an onnx_layout of {', '.join(get_args(OnnxLayout))}, found {self.onnx_layout!r}"
            )
        if self.backend not in get_args(Backend):
            raise ConfigError(f"expected a backend of {', '.join(get_args(Backend))}, found {self.backend!r}")
        if self.int8 and self.backend not in ("auto", "openvino"):
            raise ConfigError(f"int8 runs on OpenVINO, found backend {self.backend}; leave one of them out")
        _check_once(self.classes)


@dataclass(frozen=True, slots=True)
class PredictionsConfig:
    """Predictions that another program wrote, in place of a detector.

    Attributes:
        predictions: a file or folder that another program wrote; `negmine.detectors.predictions` has the formats.
        images: the COCO file of those images and categories; None where the results name the images themselves.
        class_names: a `.txt` with one name per line, or a `data.yaml`; for YOLO files, None for the `data.yaml` or
            `classes.txt` in the folder or above it.
        conf: predictions that score below are dropped, 0 to 1.
        classes: names of the classes to keep; empty means all.
        category_base: the number that the classes of the predictions are counted from, 0 or 1; None where the
            categories or the numbers that occur tell.
        thresholds: a file of `negmine eval --thresholds`, a score for each class in place of `conf`.

    Raises:
        ConfigError: where a value is out of its range.
    """

    predictions: str
    images: str | None = None
    class_names: str | None = None
    conf: float = 0.25
    classes: tuple[str, ...] = ()
    category_base: Literal[0, 1] | None = None
    thresholds: str | None = None

    def __post_init__(self) -> None:
        _check_share("conf", self.conf)
        _check_once(self.classes)


def require_no_backend(config: DetectorConfig) -> None:
    """Refuse a backend for weights that cannot be converted.

    Raises:
        ConfigError: where one was asked for.
    """
    if config.backend not in ("auto", "torch") or config.int8:
        asked = "int8" if config.int8 else f"backend {config.backend}"
        raise ConfigError(f"{asked} is for a .pt of Ultralytics, found {printable(config.weights)}; leave it out")


def require_stated_size(config: DetectorConfig, imgsz: float) -> None:
    """Refuse a size that takes gigabytes, where only the weights ask for it.

    Raises:
        ConfigError: for one of more than 2048 pixels that is not `config.imgsz`.
    """
    if config.imgsz is None and imgsz > _MAX_STATED_IMGSZ:
        raise ConfigError(
            f"{printable(config.weights)} asks for images of {imgsz:g} pixels, which take much memory; pass --imgsz "
            f"(imgsz=) with the size that you want, up to {MAX_IMGSZ}"
        )


def _check_share(name: str, value: float | None) -> None:
    if value is not None and not (math.isfinite(value) and 0 <= value <= 1):
        raise ConfigError(f"expected {name} from 0 to 1, found {value}")


def _check_once(classes: Sequence[str]) -> None:
    if len(set(classes)) != len(classes):
        raise ConfigError(f"expected every class once, found {', '.join(classes)}")
