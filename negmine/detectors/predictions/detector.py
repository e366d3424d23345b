"""A detector that is the predictions of another: no model, no pixels, any make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np

from negmine.detectors.base import DescribedDetector, DetectorIdentity
from negmine.detectors.classes import wanted_classes
from negmine.detectors.config import PredictionsConfig
from negmine.detectors.predictions.base import Predictions, clipped
from negmine.detectors.predictions.coco import read_coco
from negmine.detectors.predictions.names import check_names, name_of_file
from negmine.detectors.predictions.yolo import read_yolo
from negmine.errors import BoxError, DetectorError, PredictionsError
from negmine.paths import printable
from negmine.structures import Detections, Image


class PredictionsDetector(DescribedDetector):
    """Says of an image what a file of predictions says of it, by the image's name.

    An image that the predictions do not name has none, unless `images` lists those that were predicted on: then the
    others are skipped. Boxes that stick out of their image by up to a pixel, or a hundredth of its side, are cut.

    Raises:
        PredictionsError: where the predictions are missing or cannot be read.
        ConfigError: where the class names cannot be read, or a wanted class is not among them.
    """

    def __init__(self, config: PredictionsConfig) -> None:
        self._path = Path(config.predictions)
        self._images = config.images
        self._predictions = _read(self._path, config)
        self._class_names: Mapping[int, str] = MappingProxyType(dict(self._predictions.class_names))
        self._conf = config.conf
        self._wanted = wanted_classes(config.classes, self._class_names)
        self._identity = DetectorIdentity(
            name=self._path.name or config.predictions,
            sha256=self._predictions.sha256,
            settings={"kind": "predictions", "conf": config.conf, "classes": sorted(config.classes)},
        )
        self._batch_size = 1  # there is nothing to gain

    @property
    def lowest_score(self) -> float | None:
        """Of all predictions; None where there are none."""
        return min((float(rows[:, 4].min()) for rows in self._predictions.rows.values()), default=None)

    def predict(self, images: Sequence[Image]) -> list[Detections]:
        """Nothing: pixels do not say which image they are.

        Raises:
            DetectorError: for any image.
        """
        if images:
            raise DetectorError(f"{printable(self._path)} is no model: it knows images in files alone, not by pixels")
        return []

    def check_paths(self, paths: Sequence[Path]) -> None:
        """Be told all images that will be asked for.

        Raises:
            PredictionsError: where a prediction is of none of them, or of what may be several.
        """
        rows, listed = self._predictions.rows, self._predictions.listed
        check_names(rows.keys() if listed is None else listed, rows, paths, printable(self._path))

    def predict_path(self, path: Path, size_wh: tuple[int, int]) -> Detections:
        """What the predictions say of a file.

        Raises:
            BoxError: where a box is outside the image, or the image is not among those that were predicted on.
        """
        rows, listed = self._predictions.rows, self._predictions.listed
        name = name_of_file(path, rows.keys() if listed is None else listed)
        if name is None and listed is not None:
            raise BoxError(f"{printable(self._images or '')} does not list it, so nothing was predicted on it")
        found = rows.get(name) if name is not None else None
        if found is None:
            return Detections.empty()
        scale = np.array([*size_wh, *size_wh]) if self._predictions.shares else np.ones(4)
        detections = Detections(clipped(found[:, :4] * scale, size_wh), found[:, 4], found[:, 5].astype(np.int64))
        x1, y1, x2, y2 = detections.boxes_xyxy.T
        keep = (detections.scores >= self._conf) & (x2 > x1) & (y2 > y1)
        if self._wanted is not None:
            keep &= np.isin(detections.class_ids, self._wanted)
        return detections.select(keep)


def _read(path: Path, config: PredictionsConfig) -> Predictions:
    images, names = (None if text is None else Path(text) for text in (config.images, config.class_names))
    if path.is_dir():
        if images is not None:
            raise PredictionsError(
                f"{printable(path)} holds YOLO files, which name their images; leave --predictions-images out"
            )
        return read_yolo(path, names)
    if not path.is_file():
        raise PredictionsError(f"no predictions at {printable(path)}; name a COCO results JSON or a folder of YOLO txt")
    return read_coco(path, images, names)
