"""Opening a model with Ultralytics, safely, and exactly the file that was named. For detectors and trainers."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from negmine.detectors.ultralytics.opening import open_untrusted
from negmine.detectors.ultralytics.weights_safety import TRUST
from negmine.detectors.weights_files import require_finite
from negmine.errors import NegmineError, UnsafeWeightsError, WeightsError
from negmine.paths import printable

if TYPE_CHECKING:
    from torch import nn
    from ultralytics import YOLO

_TASKS = ("detect", "segment", "pose", "obb")
# Formats, by Ultralytics' names, that are data. All others are scripted, or compiled for a device, and may do more than
# detect: TensorFlow's can read and write files.
_DATA = frozenset({"pt", "onnx", "openvino", "coreml", "litert", "mnn", "ncnn"})
_CHANNELS = (1, 3)  # of the images that there are here, in grey or in colour


def open_model(path: Path, *, trusted: bool) -> YOLO:
    """Open a model that gives boxes; call it inside `quiet_ultralytics`.

    Args:
        path: a file or an exported model's folder.
        trusted: open a pickle as it is, and programs.

    Raises:
        WeightsError: where the file holds no such model.
        UnsafeWeightsError: for a checkpoint that cannot be read without running it, or a program, unless `trusted`.
    """
    from ultralytics import YOLO
    from ultralytics.nn.autobackend import AutoBackend
    from ultralytics.nn.backends.base import BaseBackend

    pickled = path.suffix.lower() == ".pt"
    kind = AutoBackend._model_type(str(path))  # by its name, anywhere in it; None where it opens nothing of this name
    if not trusted and kind is not None and kind not in _DATA:
        raise UnsafeWeightsError(
            f"{printable(path)} is a program that runs when it is opened; {TRUST}, or name the .pt or .onnx"
        )
    if path.suffix.lower() == ".onnx" and not BaseBackend.read_metadata(path).get("names"):
        raise WeightsError(
            f"{path} was not exported by Ultralytics (no class names inside); say what it is with --onnx-layout "
            "yolox, ultralytics, yolov5 or ssd, or wrap its runtime in a FunctionDetector"
        )
    try:
        if pickled and not trusted:
            model = open_untrusted(path)
        else:
            with _plainly_named(path) as plain:
                model = YOLO(str(plain))
    except NegmineError:
        raise
    except Exception as error:  # unpicklers raise whatever they stumble over
        raise WeightsError(f"{path} cannot be opened as a detector: {one_line(error)}") from error
    if model.task not in _TASKS:
        raise WeightsError(
            f"{path} is a model for the task {model.task!r}, which gives no boxes; expected one of {', '.join(_TASKS)}"
        )
    if pickled:
        require_finite(model.model.state_dict(), printable(path))
    channels = channels_of(model.model) if pickled else int(BaseBackend.read_metadata(path).get("channels", 3))
    if channels not in _CHANNELS:
        raise WeightsError(
            f"{printable(path)} takes images of {channels} channels, and negmine reads images of 3, or 1; use "
            "weights of 3 channels or of 1"
        )
    return model


def channels_of(module: nn.Module) -> int:
    """Channels of the images that a module takes: those of its first convolution; 3 where it has none."""
    return next((weight.shape[1] for weight in module.parameters() if weight.ndim == 4), 3)


@contextmanager
def _plainly_named(path: Path) -> Iterator[Path]:
    """A plain name for a file: Ultralytics opens another file if the name has an apostrophe or is like `yolov5n.pt`."""
    from ultralytics.utils.checks import check_yolov5u_filename

    name = str(path.absolute())
    if path.is_dir() or check_yolov5u_filename(name.strip().replace("'", ""), verbose=False) == name:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="negmine-") as folder:
        yield Path(shutil.copyfile(path, Path(folder) / f"weights{path.suffix}"))


def one_line(error: Exception) -> str:
    """The first line of a framework's error, without decoration."""
    lines = str(error).encode("ascii", "ignore").decode().strip().splitlines() or [""]
    return f"{type(error).__name__}: {' '.join(lines[0].removeprefix('ERROR').split())}"
