"""The port that every detector is behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from negmine.structures import Detections, Image


@dataclass(frozen=True, slots=True)
class DetectorIdentity:
    """What makes two detectors the same: the key under which the bank files what a detector said.

    Attributes:
        name: for people, such as the weights' file name.
        sha256: of the weights, hex; of whatever stands for them where there is no file.
        settings: all that changes a detection (conf, iou, imgsz, ...); JSON values only.
        versions: of the libraries that ran it; kept for provenance, no part of the key.
    """

    name: str
    sha256: str
    settings: Mapping[str, object] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


@runtime_checkable
class Detector(Protocol):
    """Finds objects in images. Stateless: the result for an image does not depend on what was seen before."""

    @property
    def class_names(self) -> Mapping[int, str]:
        """Class id to name."""

    @property
    def identity(self) -> DetectorIdentity:
        """What the bank files this detector's results under."""

    @property
    def batch_size(self) -> int:
        """How many images `predict` likes to be handed at once."""

    def predict(self, images: Sequence[Image]) -> list[Detections]:
        """Detect in a batch.

        Args:
            images: each [H, W, 3] uint8 BGR, EXIF-upright; sizes may differ.

        Returns:
            One result per image, in order; boxes in pixels of that image.
        """


@runtime_checkable
class PathDetector(Detector, Protocol):
    """A detector that looks at no pixels: it knows each image by its file, and has only images in files to speak of."""

    def check_paths(self, paths: Sequence[Path]) -> None:
        """Be told all images that will be asked for, before the first.

        Raises:
            PredictionsError: where it speaks of an image that is none of them, or may be several.
        """

    def predict_path(self, path: Path, size_wh: tuple[int, int]) -> Detections:
        """What it says of a file.

        Args:
            path: of the image.
            size_wh: of the upright image, in pixels.

        Raises:
            BoxError: where that cannot be of this image.
        """


@runtime_checkable
class InterruptibleDetector(Detector, Protocol):
    """A detector that likes more images at once than anybody wants to wait for."""

    def give_up(self) -> None:
        """Have the call of `predict` that is under way in another thread raise InterruptedError soon."""


def check_paths(detector: Detector, paths: Sequence[Path]) -> None:
    """Tell a detector all images that it will be asked for, where it wants to know.

    Raises:
        PredictionsError: where it speaks of an image that is none of them, or may be several.
    """
    if isinstance(detector, PathDetector):
        detector.check_paths(paths)


class DescribedDetector:
    """What detectors say of themselves; an adapter sets the first three fields, and has `predict`.

    One that runs on a device says so in `_device`.
    """

    _class_names: Mapping[int, str]
    _identity: DetectorIdentity
    _batch_size: int
    _device: Any = None
    _notes: tuple[str, ...] = ()

    @property
    def class_names(self) -> Mapping[int, str]:
        """Class id to name, of all classes of the model."""
        return self._class_names

    @property
    def identity(self) -> DetectorIdentity:
        """Name and hash of what it is, and the settings that change a detection."""
        return self._identity

    @property
    def batch_size(self) -> int:
        """How many images `predict` likes: as many as run at once, or a few times that where the next are prepared.

        One on a CPU, where more buy nothing, unless it was told otherwise.
        """
        return self._batch_size

    @property
    def device(self) -> str | None:
        """What it runs on, by torch's name: `cpu`, `cuda:0`, `mps`; None where it does not know."""
        return None if self._device is None else str(self._device)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user may want to know of how it was opened, a sentence each."""
        return self._notes

    def note(self, *notes: str) -> None:
        """Add to what it says of how it was opened."""
        self._notes = (*self._notes, *notes)


def opening_notes(detector: Detector) -> tuple[str, ...]:
    """What a detector has to say before its first image: how it was opened, and an input size that is not its own."""
    notes: tuple[str, ...] = getattr(detector, "notes", ())
    return (*notes, *filter(None, [other_size(detector)]))


def other_size(detector: Detector) -> str | None:
    """A warning where weights run at another size than they were trained at, which changes every score; else None.

    Args:
        detector: one whose `trained_imgsz` says so; of others nothing is known.
    """
    trained, used = getattr(detector, "trained_imgsz", None), detector.identity.settings.get("imgsz")
    if trained is None or used is None or trained == used:
        return None
    return f"{detector.identity.name} was trained at imgsz {trained} and runs at {used}; --imgsz {trained} may suit it"
