"""The result of training a verifier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from negmine.notebook import facts
from negmine.paths import printable
from negmine.words import counted

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class ClassVerifier:
    """What was learned of one class.

    Attributes:
        name: of the class.
        objects: labelled boxes, as they were shifted, and detections of objects.
        false_positives: on background.
        penalty: that cross-validation chose; None where the class keeps its scores.
        reason: why it keeps them; None where it does not.
        loss_before, loss: mean logistic loss on images left out, of the detector and of the two stages.
    """

    name: str
    objects: int
    false_positives: int
    penalty: float | None = None
    reason: str | None = None
    loss_before: float | None = None
    loss: float | None = None

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class Validation:
    """What cross-validation found at the user's score threshold; each image was left out of the fit that judges it.

    Attributes:
        conf: the threshold.
        images: source images.
        folds: parts of them.
        objects: detections of objects at or over the threshold, before.
        objects_after: the same with the verifier.
        false_positives: on background, at or over the threshold, before.
        false_positives_after: the same with the verifier.
    """

    conf: float
    images: int
    folds: int
    objects: int
    objects_after: int
    false_positives: int
    false_positives_after: int

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def __str__(self) -> str:
        return (
            f"cross-validated in {self.folds} parts of {counted(self.images, 'image')}, at conf {self.conf:g}: "
            f"false positives {self.false_positives} -> {self.false_positives_after}, found objects {self.objects} -> "
            f"{self.objects_after}"
        )


@dataclass(frozen=True, slots=True)
class VerifierResult:
    """A trained verifier.

    Attributes:
        out: its file.
        sha256: of the file, hex.
        weights: that it was trained for.
        imgsz: input size that it was trained at, pixels.
        classes: those that the data lists.
        validation: by cross-validation.
        notes: what the user may want to know.
        seconds: that it took.
    """

    out: Path
    sha256: str
    weights: Path
    imgsz: int
    classes: tuple[ClassVerifier, ...]
    validation: Validation
    notes: tuple[str, ...]
    seconds: float

    def _repr_html_(self) -> str:
        """The counts, in a notebook."""
        return facts("Verifier", self.to_dict())

    def to_dict(self) -> Mapping[str, object]:
        """The `--json` document."""
        return {
            "schema_version": SCHEMA_VERSION,
            "out": printable(self.out),
            "sha256": self.sha256,
            "weights": printable(self.weights),
            "imgsz": self.imgsz,
            "classes": [each.to_dict() for each in self.classes],
            "validation": self.validation.to_dict(),
            "notes": list(self.notes),
            "seconds": round(self.seconds, 3),
        }
