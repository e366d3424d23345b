"""A detector that describes any box of the image that it has just seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from negmine.detectors.config import DetectorConfig
from negmine.detectors.open import HUGGING_FACE
from negmine.detectors.ultralytics.detector import UltralyticsDetector
from negmine.detectors.ultralytics.neck import Neck, require_features
from negmine.detectors.verifier import Features
from negmine.detectors.weights_files import find_weights
from negmine.errors import NoNeckError
from negmine.paths import printable
from negmine.structures import Detections, FloatArray, Image

Describe = Callable[[FloatArray], Features]  # from boxes [N, 4] in pixels of the image to [N, D]


class RegionReader:
    """Runs an Ultralytics checkpoint on one image at a time.

    Attributes:
        class_names: of the checkpoint, by class id.
        features: which numbers describe a box.
    """

    def __init__(self, config: DetectorConfig) -> None:
        """Open a checkpoint.

        Raises:
            NoNeckError: where it is no `.pt` of Ultralytics, or its head does not take feature maps.
            WeightsError: where it cannot be opened.
        """
        if config.weights.startswith(HUGGING_FACE) or find_weights(config.weights).suffix.lower() != ".pt":
            raise NoNeckError(
                f"expected a .pt of Ultralytics, found {printable(config.weights)}: no other weights have a neck that "
                "can be read"
            )
        self._detector = UltralyticsDetector(config)
        name, task = self._detector.identity.name, str(self._detector.predictor.args.task)
        self.features = require_features(self._detector.module, task, name)
        self.name, self.sha256, self.imgsz = name, self._detector.identity.sha256, self._detector.imgsz
        self.class_names: Mapping[int, str] = self._detector.class_names
        self._neck = Neck()
        self._neck.watch(self._detector.module)

    def read(self, image: Image) -> tuple[Detections, Describe]:
        """Detect, and return what describes boxes of this image; it is valid until the next image.

        Raises:
            BoxError: where the model gave boxes or scores that are not finite.
        """
        found = self._detector.predict([image])[0]
        return found, lambda boxes_xyxy: self._neck.describe(0, boxes_xyxy, image.shape, self.features)
