"""ONNX models that Ultralytics did not export, run by onnxruntime; `layouts.py` says what goes in and comes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np

from negmine.detectors.base import BaseDetector, DetectorIdentity, usable, versions_of
from negmine.detectors.class_names import read_class_names, wanted_classes
from negmine.detectors.config import DetectorConfig
from negmine.detectors.onnx.decoding import Decoding, Outputs
from negmine.detectors.onnx.graph import Graph
from negmine.detectors.onnx.layouts import LAYOUTS, GraphLayout
from negmine.detectors.onnx.limits import BESIDE
from negmine.detectors.onnx.recognise import misfit, try_out
from negmine.detectors.onnx.session import coco_names, first_line, open_session
from negmine.detectors.samples import Samples
from negmine.detectors.weights_files import hash_weights
from negmine.errors import BoxError, ConfigError, NegmineError, WeightsError
from negmine.files import sha256_of
from negmine.paths import printable
from negmine.structures import Detections, Image

_ACCELERATOR_BATCH = 16
_BACKGROUND = ("__background__", "background", "BACKGROUND")
_COCO_CLASSES = 80


class OnnxDetector(BaseDetector):
    """Detects as `config.onnx_layout` says; class names come from `config.class_names`, the file, or COCO's 80.

    Raises:
        ConfigError: for a device that does not exist here, a size that the graph does not take, or a number of class
            names other than the model's.
        WeightsError: for a file that is missing, cannot be run, or is of another layout.
    """

    def __init__(self, config: DetectorConfig, samples: Samples | None = None) -> None:
        """Open a file, and try the layout out.

        Args:
            config: what to open.
            samples: gives some of the user's images to try it on; None for a black image and noise alone.
        """
        path = Path(config.weights)
        if not path.is_file():
            raise WeightsError(f"no weights at {printable(path)}")
        self._config, self._graph = config, Graph(path, open_session(path, config, config.device))
        self._layout, classes = self._start(samples)
        self._iou = self._layout.iou if config.iou is None or self._layout.iou is None else config.iou
        self._class_names: Mapping[int, str] = MappingProxyType(self._names(classes))
        self._wanted = wanted_classes(config.classes, self._class_names)
        self._device = self._graph.device
        at_once = config.batch or (1 if self._device == "cpu" else _ACCELERATOR_BATCH)
        self._batch_size = at_once if self._graph.takes_batches and self._layout.takes_batches else 1
        self._identity = DetectorIdentity(
            name=path.name,
            sha256=_hash(path),
            settings={
                "kind": "onnx",
                "layout": self._layout.name,
                "conf": config.conf,
                "iou": self._iou,
                "imgsz": list(self._input_wh),
                "classes": sorted(config.classes),
                "class_names": list(self._class_names.values()),
            },
            versions=versions_of("onnxruntime"),
        )

        if self._graph.conf is not None and config.conf < self._graph.conf:
            self.note(
                f"{self._graph.where} was exported at conf {self._graph.conf:g}, and finds nothing below it; for "
                f"--conf {config.conf:g} export it again with that"
            )

    def predict(self, images: Sequence[Image], paths: Sequence[Path] | None = None) -> list[Detections]:
        """Detect in each image; the result for one does not depend on the others.

        Raises:
            BoxError: where the model gave NaN, or values that are not of its layout, or cannot be run on an image.
            WeightsError: where it takes more memory or time than its size explains.
        """
        found: list[Detections] = []
        for start in range(0, len(images), self._batch_size):
            batch = images[start : start + self._batch_size]
            outputs = self._outputs(batch)
            found += [self._detections(image, each) for image, each in zip(batch, outputs, strict=True)]
        return found

    def _outputs(self, images: Sequence[Image]) -> list[Outputs]:
        try:
            return self._graph.run(images, self._layout, self._input_wh)
        except NegmineError:
            raise
        except Exception as error:  # onnxruntime's errors have no common root
            raise BoxError(f"{self._identity.name} cannot be run: {printable(first_line(error))}") from error

    def _detections(self, image: Image, outputs: Outputs) -> Detections:
        if any(np.isnan(output).any() for output in outputs):
            raise BoxError(f"{self._identity.name} gave NaN")
        doubt = self._layout.doubt(outputs, self._input_wh)
        if doubt is not None:
            raise BoxError(f"{self._identity.name}, read with the layout {self._layout.name}, gave {doubt}")
        size_wh = (image.shape[1], image.shape[0])
        decoding = Decoding(size_wh, self._input_wh, self._config.conf, 1.0 if self._iou is None else self._iou)
        return usable(self._layout.decode(outputs, decoding), self._wanted)

    def _start(self, samples: Samples | None) -> tuple[GraphLayout, int]:
        """Try the layout out, and find the number of classes; a misfit shows now, not during a scan."""
        for layout in LAYOUTS[self._config.onnx_layout or "yolox"]:
            trial = try_out(self._graph, layout, self._config, samples)
            self._input_wh = trial.input_wh
            classes = trial.classes(layout)
            if classes is not None:
                if trial.doubt(layout) is not None:
                    break
                return layout, classes
        raise misfit(self._graph, layout, trial)

    def _names(self, classes: int) -> dict[int, str]:
        """The names of the model's classes, of which there are `classes`; 0 if unknown."""
        if self._config.class_names is not None:
            names, source = read_class_names(Path(self._config.class_names)), printable(self._config.class_names)
        else:
            names, source = dict(self._graph.names), "its metadata"
        if not names and classes == _COCO_CLASSES:
            return dict(enumerate(coco_names()))
        if not names:
            count = f", of which it has {classes}" if classes else ""
            raise ConfigError(f"{self._graph.where} does not name its classes{count}; give --class-names FILE")
        if self._layout.name == "ssd" and names.get(0) in _BACKGROUND:
            names = {number - 1: name for number, name in names.items() if number}
        if classes and sorted(names) != list(range(classes)):
            raise ConfigError(
                f"{self._graph.where} has {classes} classes, found {len(names)} names in {source}; correct them"
            )
        return names


def _hash(path: Path) -> str:
    """SHA-256 of the file, and of the one beside it that large exports keep their tensors in."""
    beside = [path.with_name(f"{path.name}{ending}") for ending in BESIDE]
    hashes = [hash_weights(each) for each in (path, *beside) if each.is_file()]
    return hashes[0] if len(hashes) == 1 else sha256_of("".join(hashes).encode())
