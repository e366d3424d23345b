"""The port behind which every detector is, and the defaults that detectors share."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from negmine.structures import Detections, Image

OnStep = Callable[[str], None]  # told in words what begins now
OnProgress = Callable[[str, int, int], None]  # what is counted, how many are done, of how many


@dataclass(frozen=True, slots=True)
class DetectorIdentity:
    """What makes two detectors the same: the key under which the bank files their detections.

    Attributes:
        name: for people, such as the file name of the weights.
        sha256: of the weights, hex; of whatever stands for them where there is no file.
        settings: everything that changes a detection (conf, iou, imgsz, ...); JSON values only.
        versions: of the libraries that ran it; kept for provenance, not part of the key.
    """

    name: str
    sha256: str
    settings: Mapping[str, object] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


class Detector(Protocol):
    """Finds objects in images. Stateless: the result for an image does not depend on earlier images.

    `BaseDetector` has a default for everything but what a detector is and finds. `DetectorWrapper` passes everything on
    to another detector. `FunctionDetector` makes a detector of a plain function.
    """

    @property
    def class_names(self) -> Mapping[int, str]:
        """Class id to name, for every class that `predict` may return."""

    @property
    def identity(self) -> DetectorIdentity:
        """The key of this detector's results in the bank."""

    @property
    def batch_size(self) -> int:
        """How many images `predict` works best on; it takes any number."""

    @property
    def device(self) -> str | None:
        """Where it runs, by torch's name: `cpu`, `cuda:0`, `mps`; None if unknown."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user may want to know about how it was opened, one sentence each."""

    @property
    def trained_imgsz(self) -> int | None:
        """The input size that the weights were trained at, pixels; None if unknown."""

    @property
    def channels(self) -> int:
        """Channels of the images that the weights see: 3, or 1 where `predict` shows them in grey."""

    @property
    def lowest_score(self) -> float | None:
        """The lowest score of all its detections; None if unknown, as for every model."""

    @property
    def needs_files(self) -> bool:
        """Whether it knows images by their files alone, so that it cannot be run on crops or frames."""

    @property
    def reads_parts(self) -> bool:
        """Whether an image may be a file of which parts are read (`Pixels`), such as one too large to be decoded."""

    def check_paths(self, paths: Sequence[Path]) -> None:
        """Look at the list of all images, before the first of them is predicted on.

        Raises:
            PredictionsError: where the detector's own files do not fit these images.
        """

    def predict(self, images: Sequence[Image], paths: Sequence[Path] | None = None) -> list[Detections]:
        """Detect in a batch.

        Args:
            images: each [H, W, 3] uint8 BGR, EXIF-upright; sizes may differ.
            paths: the file of each image; None for images without files. Only detectors with `needs_files` read it.

        Returns:
            One result per image, in order; boxes in pixels of that image.

        Raises:
            BoxError: where boxes, scores or class ids of an image are invalid.
            InterruptedError: after `give_up`.
        """

    def give_up(self) -> None:
        """Make a `predict` that is running in another thread raise InterruptedError soon, if it takes long.

        It has no effect on a `predict` that begins later; call it again while one may be about to begin.
        """


class BaseDetector:
    """Defaults for all of `Detector` but `predict`. A subclass sets the first three fields.

    Attributes:
        _class_names: see `Detector.class_names`.
        _identity: see `Detector.identity`.
        _batch_size: see `Detector.batch_size`.
        _device: see `Detector.device`; anything that reads as its name.
    """

    _class_names: Mapping[int, str]
    _identity: DetectorIdentity
    _batch_size: int = 1
    _device: Any = None
    _notes: tuple[str, ...] = ()

    @property
    def class_names(self) -> Mapping[int, str]:
        """Class id to name, for all classes of the model."""
        return self._class_names

    @property
    def identity(self) -> DetectorIdentity:
        """Name and hash, and the settings that change a detection."""
        return self._identity

    @property
    def batch_size(self) -> int:
        """How many images `predict` works best on; one by default."""
        return self._batch_size

    @property
    def device(self) -> str | None:
        """Where it runs, by torch's name; None by default."""
        return None if self._device is None else str(self._device)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user may want to know about how it was opened; nothing by default."""
        return self._notes

    def note(self, *notes: str) -> None:
        """Add sentences to `notes`."""
        self._notes = (*self._notes, *notes)

    @property
    def trained_imgsz(self) -> int | None:
        """The input size that the weights were trained at, pixels; None by default."""
        return None

    @property
    def channels(self) -> int:
        """Channels of the images that the weights see; 3 by default."""
        return 3

    @property
    def lowest_score(self) -> float | None:
        """The lowest score of all its detections; None by default."""
        return None

    @property
    def needs_files(self) -> bool:
        """Whether it knows images by their files alone; False by default."""
        return False

    @property
    def reads_parts(self) -> bool:
        """Whether an image may be a file of which parts are read; False by default."""
        return False

    def check_paths(self, paths: Sequence[Path]) -> None:
        """Look at the list of all images; any list will do by default."""

    def give_up(self) -> None:
        """Stop a `predict` that takes long; by default none does."""


def silent(text: str) -> None:
    """An `OnStep` that tells nobody."""


def opening_notes(detector: Detector) -> tuple[str, ...]:
    """Everything to tell the user before the first image: how the detector was opened, and an unusual input size."""
    return (*detector.notes, *filter(None, [imgsz_warning(detector)]))


def imgsz_warning(detector: Detector) -> str | None:
    """A warning if the weights run at another size than they were trained at, which changes every score."""
    trained, used = detector.trained_imgsz, detector.identity.settings.get("imgsz")
    if trained is None or used is None or trained == used:
        return None
    return f"{detector.identity.name} was trained at imgsz {trained} and runs at {used}; --imgsz {trained} may suit it"


def usable(detections: Detections, class_ids: Sequence[int] | None = None) -> Detections:
    """Drop boxes without area, and those of other classes.

    Args:
        detections: as a model gave them.
        class_ids: of the classes to keep; None for all.
    """
    x1, y1, x2, y2 = detections.boxes_xyxy.T
    keep = (x2 > x1) & (y2 > y1)
    if class_ids is not None:
        keep &= np.isin(detections.class_ids, class_ids)
    return detections.select(keep)


def version_of(package: str) -> str:
    """The version of an installed package, without importing it; empty where it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def versions_of(*packages: str) -> dict[str, str]:
    """The versions of packages by their names, for an identity."""
    return {package: version_of(package) for package in packages}
