"""Predictions that another program wrote, as a detector: no model, no pixels, any framework."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np

from negmine.detectors.base import BaseDetector, DetectorIdentity, usable
from negmine.detectors.class_names import wanted_classes
from negmine.detectors.config import PredictionsConfig
from negmine.detectors.predictions.base import clipped
from negmine.detectors.predictions.names import check_names, name_of_file
from negmine.detectors.predictions.reading import read_predictions
from negmine.errors import BoxError, DetectorError
from negmine.paths import printable
from negmine.structures import Detections, Image

_MOST = 10_000  # predictions of an image; each may become a negative


class PredictionsDetector(BaseDetector):
    """Looks up the predictions for an image by the name of its file.

    An image that the predictions do not name has none, unless `images` lists the images that were predicted on: then
    the others are skipped. Boxes that stick out of their image by up to a pixel, or 1 % of its side, are clipped.

    Raises:
        PredictionsError: where the predictions are missing or cannot be read.
        ConfigError: where the class names cannot be read, or a wanted class is not among them.
    """

    def __init__(self, config: PredictionsConfig) -> None:
        self._path = Path(config.predictions)
        self._images = config.images
        self._predictions = read_predictions(config)
        self._class_names: Mapping[int, str] = MappingProxyType(dict(self._predictions.class_names))
        self._notes = self._predictions.notes
        self._conf = config.conf
        self._wanted = wanted_classes(config.classes, self._class_names)
        self._identity = DetectorIdentity(
            name=self._path.name or config.predictions,
            sha256=self._predictions.sha256,
            settings={
                "kind": "predictions",
                "conf": config.conf,
                "classes": sorted(config.classes),
                **({} if config.category_base is None else {"category_base": config.category_base}),
            },
        )

    @property
    def lowest_score(self) -> float | None:
        """The lowest score of all predictions; None where there are none."""
        return min((float(rows[:, 4].min()) for rows in self._predictions.rows.values()), default=None)

    @property
    def needs_files(self) -> bool:
        """True: pixels do not say which image they are of."""
        return True

    def predict(self, images: Sequence[Image], paths: Sequence[Path] | None = None) -> list[Detections]:
        """Look up the predictions for the files.

        Raises:
            DetectorError: for images without files.
            BoxError: see `predict_path`.
        """
        if images and paths is None:
            raise DetectorError(f"{printable(self._path)} is not a model: it knows images by file, not by pixels")
        return [
            self.predict_path(path, (image.shape[1], image.shape[0]))
            for image, path in zip(images, paths or (), strict=True)
        ]

    def check_paths(self, paths: Sequence[Path]) -> None:
        """Compare the list of all images with the predictions.

        Raises:
            PredictionsError: where predictions are for none of the images, or may be for several.
        """
        rows, listed = self._predictions.rows, self._predictions.listed
        check_names(rows.keys() if listed is None else listed, rows, paths, printable(self._path))

    def predict_path(self, path: Path, size_wh: tuple[int, int]) -> Detections:
        """The predictions for a file.

        Args:
            path: of the image.
            size_wh: of the upright image, pixels.

        Raises:
            BoxError: where a box is outside the image, there are more than any detector gives, or the image is not
                among those that were predicted on.
        """
        rows, listed = self._predictions.rows, self._predictions.listed
        name = name_of_file(path, rows.keys() if listed is None else listed)
        if name is None and listed is not None:
            listing = self._images or self._path
            raise BoxError(f"{printable(listing)} does not list it, so nothing was predicted on it")
        found = rows.get(name) if name is not None else None
        if found is None:
            return Detections.empty()
        scale = np.array([*size_wh, *size_wh]) if self._predictions.shares else np.ones(4)
        if np.count_nonzero(found[:, 4] >= self._conf) > _MOST:
            raise BoxError(f"it has over {_MOST} predictions of a score of {self._conf:g} or more; raise --conf")
        detections = Detections(clipped(found[:, :4] * scale, size_wh), found[:, 4], found[:, 5].astype(np.int64))
        return usable(detections.select(detections.scores >= self._conf), self._wanted)
