"""A model of Ultralytics with a verifier behind it: its results come with new scores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from negmine.detectors.base import Detector
from negmine.detectors.config import DetectorConfig
from negmine.detectors.ultralytics.cpu_copies import on_all_cores
from negmine.detectors.ultralytics.detector import UltralyticsDetector
from negmine.detectors.ultralytics.neck import Neck, require_features
from negmine.detectors.verifier import Verifier
from negmine.detectors.verifier_files import read_verifier, require_imgsz, require_weights
from negmine.detectors.weights_files import hash_weights
from negmine.detectors.wrapper import DetectorWrapper
from negmine.errors import ConfigError, WeightsError
from negmine.paths import printable

if TYPE_CHECKING:
    from ultralytics import YOLO
    from ultralytics.engine.predictor import BasePredictor
    from ultralytics.engine.results import Results


class VerifiedDetector(DetectorWrapper):
    """An Ultralytics detector whose scores come from a verifier, see `Verifier`."""

    def __init__(self, detector: Detector, verifier_sha256: str) -> None:
        """Wrap a detector whose model has the verifier attached.

        Args:
            detector: runs that model.
            verifier_sha256: of the verifier's file, hex.
        """
        super().__init__(detector, {"verifier": verifier_sha256})


class SecondStage:
    """Gives the results of a model new scores, from inside its predictor. A copy of the model has a copy of this."""

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier
        self._neck = Neck()
        self._conf = 0.0  # that the user asked for

    def attach(self, model: YOLO) -> None:
        """Have it called at each prediction of a model from now on.

        Raises:
            ConfigError: where there is a verifier behind the model already: scores would be multiplied twice.
        """
        before = (getattr(each, "__self__", None) for each in model.callbacks["on_predict_start"])
        if any(isinstance(each, SecondStage) for each in before):
            raise ConfigError("expected a model without a verifier, found one behind it; open the weights again")
        model.add_callback("on_predict_start", self.start)
        model.add_callback("on_predict_postprocess_end", self.rescore)

    def start(self, predictor: BasePredictor) -> None:
        """Ask the model for all that may reach the user's threshold.

        Raises:
            ConfigError: where it runs at another imgsz than the verifier was trained at, or more than once an image.
        """
        require_imgsz(self._verifier, max(predictor.imgsz))
        if predictor.args.augment:
            raise ConfigError("a verifier looks at one run of the model, found augment=True; leave it out")
        self._neck.watch(predictor.model.backend.model)
        self._conf = predictor.args.conf
        predictor.args.conf = self._verifier.detector_conf(self._conf)

    def rescore(self, predictor: BasePredictor) -> None:
        """Replace the results of a batch."""
        predictor.results = [self._rescored(index, result) for index, result in enumerate(predictor.results)]
        self._neck.let_go()

    def _rescored(self, index: int, result: Results) -> Results:
        found = result.boxes
        boxes_xyxy = found.xyxy.cpu().numpy().astype(np.float64)  # [N, 4]
        features = self._neck.describe(index, boxes_xyxy, result.orig_shape, self._verifier.features)
        before, class_ids = found.conf.cpu().numpy(), found.cls.cpu().numpy().astype(np.int64)
        scores = self._verifier.rescored(before, class_ids, features).astype(np.float32)
        order = np.argsort(-scores, kind="stable")
        order = order[scores[order] > self._conf]
        chosen: Results = result[order.tolist()]
        data = chosen.boxes.data.clone()
        data[:, -2] = data.new_tensor(scores[order])  # x1, y1, x2, y2, score, class
        chosen.update(boxes=data)
        return chosen


def attach_verifier(model: YOLO, verifier: str | Path) -> None:
    """Put a verifier behind a model: all that `model.predict` finds from now on has the verifier's scores.

        model = ultralytics.YOLO("best.pt")
        negmine.attach_verifier(model, "verifier.safetensors")
        results = model.predict("street.jpg", conf=0.25)

    A `predict` at another imgsz than the verifier was trained at, or with `augment=True`, raises ConfigError.

    Args:
        model: opened with Ultralytics, from the weights that the verifier was trained for.
        verifier: a file of `negmine verifier train`.

    Raises:
        ConfigError: where there is a verifier behind the model already.
        WeightsError: where the file cannot be read, was trained for other weights, or does not fit the model.
    """
    opened, weights = read_verifier(verifier), getattr(model, "ckpt_path", None)
    if not weights or not Path(weights).is_file():
        raise WeightsError(f"expected a model that was opened from a file of weights, found {weights!r}")
    require_weights(opened, verifier, Path(weights).name, hash_weights(Path(weights)))
    _require_maps(model, opened, verifier)
    SecondStage(opened).attach(model)


def open_verified(config: DetectorConfig) -> Detector:
    """Open weights with the verifier that the settings name.

    Raises:
        ConfigError: for a backend other than torch, or an imgsz other than the verifier's.
        WeightsError: where one of the two files cannot be used, or they do not belong together.
    """
    if config.backend not in ("auto", "torch") or config.int8:
        asked = "int8" if config.int8 else f"backend {config.backend}"
        raise ConfigError(f"a verifier reads the feature maps of torch, found {asked}; leave one of them out")
    original, verifier = open_stages(config)
    SecondStage(verifier).attach(original.model)
    return VerifiedDetector(on_all_cores(original, config), hash_weights(Path(str(config.verifier))))


def open_stages(config: DetectorConfig) -> tuple[UltralyticsDetector, Verifier]:
    """Open weights, and the verifier that was trained for them, at the input size that it was trained at.

    Raises:
        ConfigError: for another imgsz, or other weights than a `.pt` of Ultralytics.
        WeightsError: where one of the two files cannot be used, or they do not belong together.
    """
    path = Path(str(config.verifier))
    verifier = read_verifier(path)
    if Path(config.weights).suffix.lower() != ".pt":
        raise ConfigError(
            f"a verifier is for a .pt of Ultralytics, found {printable(config.weights)}; leave --verifier out"
        )
    require_imgsz(verifier, config.imgsz or verifier.imgsz)
    original = UltralyticsDetector(replace(config, imgsz=verifier.imgsz))
    require_weights(verifier, path, original.identity.name, original.identity.sha256)
    _require_maps(original.model, verifier, path)
    return original, verifier


def _require_maps(model: Any, verifier: Verifier, where: str | Path) -> None:
    if verifier.features.maps != require_features(model.model, model.task, verifier.weights).maps:
        raise WeightsError(
            f"{printable(where)} does not fit {printable(verifier.weights)}: it was trained on other feature maps; "
            "train it again with `negmine verifier train`"
        )
