"""The base of detectors that run another one: on tiles, on several sizes, or with a second stage behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from negmine.detectors.base import Detector, DetectorIdentity
from negmine.structures import Detections, Image


class DetectorWrapper:
    """Passes everything on to another detector. A subclass overrides `predict`, and whatever else it changes.

        class Surest(DetectorWrapper):
            def __init__(self, detector: Detector) -> None:
                super().__init__(detector, {"surest": True})

            def predict(self, images, paths=None):
                return [found.select(found.scores > 0.9) for found in self.detector.predict(images, paths)]

    Attributes:
        detector: the one that is run.
    """

    def __init__(self, detector: Detector, settings: Mapping[str, object]) -> None:
        """Wrap a detector.

        Args:
            detector: to run.
            settings: what the wrapper changes about its detections, JSON values; they join the settings of the
                identity, so that the bank does not take the results of the two for each other. {} for no change.
        """
        self.detector = detector
        self._settings = settings

    @property
    def class_names(self) -> Mapping[int, str]:
        """Those of the wrapped detector."""
        return self.detector.class_names

    @property
    def identity(self) -> DetectorIdentity:
        """That of the wrapped detector, with the wrapper's settings."""
        identity = self.detector.identity
        return replace(identity, settings={**identity.settings, **self._settings})

    @property
    def batch_size(self) -> int:
        """That of the wrapped detector."""
        return self.detector.batch_size

    @property
    def device(self) -> str | None:
        """That of the wrapped detector."""
        return self.detector.device

    @property
    def notes(self) -> tuple[str, ...]:
        """Those of the wrapped detector."""
        return self.detector.notes

    @property
    def trained_imgsz(self) -> int | None:
        """That of the wrapped detector."""
        return self.detector.trained_imgsz

    @property
    def channels(self) -> int:
        """Those of the wrapped detector."""
        return self.detector.channels

    @property
    def lowest_score(self) -> float | None:
        """That of the wrapped detector."""
        return self.detector.lowest_score

    @property
    def needs_files(self) -> bool:
        """As the wrapped detector."""
        return self.detector.needs_files

    @property
    def reads_parts(self) -> bool:
        """Whether an image may be a file of which parts are read; False, since a subclass gets the images itself."""
        return False

    def check_paths(self, paths: Sequence[Path]) -> None:
        """Pass the list of all images on."""
        self.detector.check_paths(paths)

    def predict(self, images: Sequence[Image], paths: Sequence[Path] | None = None) -> list[Detections]:
        """Detect with the wrapped detector."""
        return self.detector.predict(images, paths)

    def give_up(self) -> None:
        """Have the wrapped detector give up."""
        self.detector.give_up()
