"""Object detectors of Hugging Face's transformers: DETR, RT-DETR, D-FINE and whatever else it can open."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from negmine.detectors.base import BaseDetector, DetectorIdentity, usable, versions_of
from negmine.detectors.batches import predict_by_shape
from negmine.detectors.class_names import wanted_classes
from negmine.detectors.config import DetectorConfig, require_stated_size
from negmine.detectors.devices import open_device
from negmine.detectors.hugging_face_files import require_plain_folder, require_same_size
from negmine.detectors.weights_files import hash_dense, hash_named, require_finite
from negmine.errors import BoxError, ConfigError, WeightsError
from negmine.paths import printable
from negmine.structures import Detections, Image

PREFIX = "hf:"
_ON_HUB = re.compile(r"[\w][\w.-]*(/[\w][\w.-]*)?")
_ACCELERATOR_BATCH = 8
_HASHED = (".safetensors", "config.json")  # config.json and preprocessor_config.json


class HuggingFaceDetector(BaseDetector):
    """Detects as `processor.post_process_object_detection(model(**processor(image)), threshold=conf)` does.

    The weights are a folder or a name on the hub, in safetensors only. No code that comes with them is run, and nothing
    that they name is fetched. Images of one shape run together, so that none is padded for another. Boxes without area
    are dropped.

    Raises:
        ConfigError: for a device that does not exist here, a class that the model does not have, or
            an imgsz it cannot run at.
        WeightsError: for weights that are missing or cannot be opened, or where transformers is not installed.
    """

    def __init__(self, config: DetectorConfig) -> None:
        self._config = config
        name = config.weights.removeprefix(PREFIX)
        self._processor, self._model, folder = _open(name)
        self._device = open_device(config.device)
        self._model.to(self._device)
        imgsz = _set_size(self._processor, config.imgsz)
        require_stated_size(config, _largest_side(self._processor))
        self._class_names: Mapping[int, str] = MappingProxyType(
            {int(number): str(label) for number, label in self._model.config.id2label.items()}
        )
        self._wanted = wanted_classes(config.classes, self._class_names)
        self._batch_size = config.batch or (1 if self._device.type == "cpu" else _ACCELERATOR_BATCH)
        self._identity = DetectorIdentity(
            name=config.weights,
            sha256=_hash(folder),
            settings={"kind": "hf", "conf": config.conf, "imgsz": imgsz, "classes": sorted(config.classes)},
            versions=versions_of("torch", "transformers"),
        )

    def predict(self, images: Sequence[Image], paths: Sequence[Path] | None = None) -> list[Detections]:
        """Detect in each image; the result for one does not depend on the others.

        Raises:
            BoxError: where the model gave boxes or scores that are not finite, or cannot be run on an image.
        """
        import torch

        def run(batch: list[Image]) -> list[Detections]:
            try:
                results = self._run(batch)
            except Exception as error:  # transformers raises whatever it stumbles over
                raise BoxError(f"{printable(self._identity.name)} cannot be run: {_line(error)}") from error
            return [self._detections(result) for result in results]

        with torch.inference_mode():
            return predict_by_shape(images, self._batch_size, run)

    def _run(self, images: Sequence[Image]) -> list[Mapping[str, Any]]:
        rgb = [np.ascontiguousarray(image[:, :, ::-1]) for image in images]
        inputs = self._processor(images=rgb, return_tensors="pt", input_data_format="channels_last")
        outputs = self._model(**inputs.to(self._device))
        results: list[Mapping[str, Any]] = self._processor.post_process_object_detection(
            outputs, threshold=self._config.conf, target_sizes=[image.shape[:2] for image in images]
        )
        return results

    def _detections(self, result: Mapping[str, Any]) -> Detections:
        boxes, scores, labels = (result[key].cpu().numpy() for key in ("boxes", "scores", "labels"))
        return usable(Detections(boxes.astype(np.float64), scores, labels), self._wanted)


def _open(name: str) -> tuple[Any, Any, Path]:
    """The processor, the model, and the folder that they were read from."""
    where = f"{PREFIX}{printable(name)}"
    here = Path(name) if name and Path(name).is_dir() else None
    if here is not None:
        require_plain_folder(here, where)  # before the seconds that importing transformers takes
    try:
        from transformers import AutoConfig, AutoImageProcessor, AutoModelForObjectDetection
    except ModuleNotFoundError as error:
        raise WeightsError(
            f"{where} needs the package transformers, which is not installed; pip install 'negmine[hf]'"
        ) from error
    if here is None and not _ON_HUB.fullmatch(name):
        raise WeightsError(f"no folder of weights at {printable(name)!r}, and it does not look like a name on the hub")
    try:
        with _quiet():
            folder = here or _fetched(name)
            if here is None:
                require_plain_folder(folder, where)
            with _offline():
                config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
                require_same_size(folder, config, AutoModelForObjectDetection, where)
                processor = AutoImageProcessor.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
                model = AutoModelForObjectDetection.from_pretrained(
                    folder, use_safetensors=True, trust_remote_code=False, local_files_only=True
                )
    except WeightsError:
        raise
    except ImportError as error:  # a backbone or processor of a package that is not there
        raise WeightsError(f"{where} needs a package that is not installed: {_line(error)}") from error
    except Exception as error:  # transformers, safetensors and the hub all have their own
        raise WeightsError(f"{where} cannot be opened as a detector: {_line(error)}") from error
    require_finite(model.state_dict(), where)
    return processor, model.eval(), folder


def _fetched(name: str) -> Path:
    """The folder with what the hub has under a name: settings and safetensors. What is in the cache is not fetched."""
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(name, allow_patterns=["*.json", "*.safetensors"], ignore_patterns=["*/*"]))


@contextmanager
def _offline() -> Iterator[None]:
    """No request of the hub's library leaves the machine: a config may name a backbone to fetch."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers' log and progress bars off stderr while it opens something; errors are raised anyway."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def _set_size(processor: Any, imgsz: int | None) -> int | None:
    """Make `imgsz` the longer side that images are resized to; None keeps the processor's own rule."""
    if imgsz is None:
        return None
    size = dict(processor.size)
    if set(size) >= {"height", "width"}:
        processor.size = {"height": imgsz, "width": imgsz}
    elif set(size) >= {"shortest_edge", "longest_edge"}:
        processor.size = {"shortest_edge": imgsz, "longest_edge": imgsz}
    else:
        raise ConfigError(f"this model's images are resized to {size}, found imgsz {imgsz}; leave it out")
    return imgsz


def _largest_side(processor: Any) -> int:
    """The longest side in pixels that images are resized, cropped or padded to."""
    settings = processor.to_dict()
    sizes = (settings.get(key) for key in ("size", "crop_size", "pad_size", "size_divisor", "pad_size_divisor"))
    sides = [side for each in sizes for side in (each.values() if isinstance(each, dict) else [each])]
    return max((side for side in sides if type(side) is int), default=0)


def _hash(folder: Path) -> str:
    """SHA-256, hex, of the weights and of the files that say how to run them."""
    files = sorted(path for path in folder.iterdir() if path.name.endswith(_HASHED) and path.is_file())
    return hash_named((path.name, hash_dense(path)) for path in files)


def _line(error: Exception) -> str:
    return printable((str(error).strip().splitlines() or [type(error).__name__])[0][:200])
