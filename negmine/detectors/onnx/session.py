"""onnxruntime sessions, and what an ONNX file says about itself. The only place that imports onnxruntime."""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from negmine.detectors.config import MAX_IMGSZ, DetectorConfig
from negmine.detectors.onnx.limits import Limits, limited
from negmine.detectors.telemetry import import_quietly
from negmine.errors import ConfigError, WeightsError
from negmine.paths import printable

FLOATS: Mapping[str, type[np.floating[Any]]] = MappingProxyType(
    {"tensor(float)": np.float32, "tensor(float16)": np.float16}
)

VERIFIER = "verifier"  # in the metadata of what `negmine verifier export` writes: the SHA-256 of the verifier


def open_session(path: Path, config: DetectorConfig, device: str) -> Any:
    """Open a file with onnxruntime; unless its user vouches for it, within limits of memory and time.

    Raises:
        WeightsError: where it cannot be opened, is far larger inside than any detector, or onnxruntime is not
            installed. Its `run` raises it for what takes more than the file explains.
        ConfigError: for a device that does not exist here.
    """
    try:
        onnxruntime = import_quietly("onnxruntime")
    except ModuleNotFoundError as error:
        raise WeightsError(
            f"{printable(path)} needs the package onnxruntime, which is not installed; pip install 'negmine[onnx]'"
        ) from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors are raised anyway
    providers = _providers(device, onnxruntime.get_available_providers())
    limits = Limits.of(path, config)
    try:
        session = limited(onnxruntime.InferenceSession, str(path), options, limits, providers=providers)
    except Exception as error:  # onnxruntime's errors have no common root
        raise WeightsError(
            f"{printable(path)} cannot be opened by onnxruntime: {printable(first_line(error))}"
        ) from error
    if device not in ("auto", "cpu") and device_of(session) == "cpu":
        raise ConfigError(f"expected a device that is there, found {device!r}; use auto or cpu")
    return session


def first_line(error: Exception) -> str:
    """The first line of an error of onnxruntime, shortened."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def device_of(session: Any) -> str:
    """What a session runs on: `cpu`, `cuda`."""
    provider: str = session.get_providers()[0]
    return provider.removesuffix("ExecutionProvider").lower()


def load_session(data: bytes) -> Any:
    """Load a model that negmine converted; each thread that calls it runs on one core."""
    onnxruntime = import_quietly("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors are raised anyway
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def _providers(device: str, available: Sequence[str]) -> list[Any]:
    """onnxruntime's providers for a device by Ultralytics' names: `auto`, `cpu`, `0`, `cuda:0`."""
    cpu, cuda = "CPUExecutionProvider", "CUDAExecutionProvider"
    number = device.removeprefix("cuda:") if device != "cuda" else "0"
    if device == "cpu" or (device == "auto" and cuda not in available):
        return [cpu]
    if cuda not in available or not (device == "auto" or number.isdecimal()):
        raise ConfigError(
            f"expected a device that is there and that onnxruntime was built for, found {device!r}; use auto or cpu"
        )
    return [(cuda, {"device_id": 0 if device == "auto" else int(number)}), cpu]


def only_input(session: Any, where: str) -> Any:
    """The input of a graph that takes one image, or a batch.

    Raises:
        WeightsError: for a graph that takes anything else.
    """
    inputs = session.get_inputs()
    if len(inputs) == 1 and inputs[0].type in FLOATS and len(inputs[0].shape) in (3, 4):
        *batch, channels, _, _ = inputs[0].shape
        if channels == 3 and all(size == 1 or not isinstance(size, int) for size in batch):
            return inputs[0]
    found = ", ".join(f"{each.type} {each.shape}" for each in inputs)
    raise WeightsError(f"{where}: expected one input of floats, [1 or any, 3, height, width], found {printable(found)}")


def metadata_inside(session: Any) -> Mapping[str, str]:
    """What an exporter wrote into the file, by key; nothing where it is no text."""
    try:
        metadata: Mapping[str, str] = session.get_modelmeta().custom_metadata_map
    except UnicodeDecodeError:
        return {}
    return metadata


def names_inside(session: Any) -> dict[int, str]:
    """The class names in an export of Ultralytics, a Python mapping or list; {} where there are none."""
    try:
        names = ast.literal_eval(metadata_inside(session).get("names", "{}"))
        pairs = names.items() if isinstance(names, dict) else enumerate(names)
        return {int(number): str(name) for number, name in pairs}
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return {}


def imgsz_inside(session: Any) -> int | None:
    """The longer side of the input that an export says it was made for, pixels; None where it says none."""
    with contextlib.suppress(ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        stated = ast.literal_eval(metadata_inside(session).get("imgsz", "None"))
        sides: Sequence[int] = stated if isinstance(stated, (list, tuple)) else [stated]
        if sides and all(type(side) is int and 32 <= side <= MAX_IMGSZ for side in sides):
            return max(sides)
    return None


def conf_inside(session: Any) -> float | None:
    """The score that every detection of an export with a verifier exceeds; None for other files."""
    metadata = metadata_inside(session)
    with contextlib.suppress(ValueError):
        return float(metadata["conf"]) if VERIFIER in metadata and "conf" in metadata else None
    return None


def coco_names() -> list[str]:
    """The 80 categories of COCO that have objects, in COCO's order."""
    from torchvision.models.detection import SSD300_VGG16_Weights

    return [name for name in SSD300_VGG16_Weights.COCO_V1.meta["categories"] if name not in ("__background__", "N/A")]
