"""The result of a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from negmine.paths import printable

SCHEMA_VERSION = 1
By = Literal["neck", "perceptual hash"]


@dataclass(frozen=True, slots=True)
class Likely:
    """A negative that may show a target without a label.

    Attributes:
        sha256: of its file, hex.
        unlabelled: 0 to 1.
        class_name, score: what the detector took it for, and how surely.
        source: the image that it was cut from.
    """

    sha256: str
    unlabelled: float
    class_name: str
    score: float
    source: Path

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        return {
            "sha256": self.sha256,
            "unlabelled": self.unlabelled,
            "class_name": self.class_name,
            "score": self.score,
            "source": printable(self.source),
        }


@dataclass(frozen=True, slots=True)
class Place:
    """Where one false positive comes again and again.

    Attributes:
        number: of the place.
        images: that it is in.
        folder: of these.
        class_name: what the detector takes it for.
        sha256: of the hardest negative there, hex.
    """

    number: int
    images: int
    folder: Path
    class_name: str
    sha256: str

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        return {
            "number": self.number,
            "images": self.images,
            "folder": printable(self.folder),
            "class_name": self.class_name,
            "sha256": self.sha256,
        }


@dataclass(frozen=True, slots=True)
class CompareResult:
    """What a comparison found.

    Attributes:
        bank: the bank's folder.
        by: what negatives were compared by.
        negatives: that were compared.
        targets: labelled objects that they were compared with.
        computed: vectors of negatives and objects that were not there before.
        from_crops: images that are gone, in whose place the negatives cut from them were looked at.
        clusters: of two negatives or more.
        clustered: negatives in these.
        places: with two images or more, most images first.
        likely: negatives that nobody decided about, those that look most like an unlabelled target first; ten at most.
            None where it cannot be told.
        held_back: sha256 of those that are not trained on or exported until somebody accepts them.
        digits: of a hash, that tell the bank's negatives apart.
        skipped: why a negative could not be looked at, by its file.
        notes: what the user may want to know.
        seconds: that it took.
    """

    bank: Path
    by: By
    negatives: int
    targets: int
    computed: int
    from_crops: int
    clusters: int
    clustered: int
    places: tuple[Place, ...]
    likely: tuple[Likely, ...] | None
    held_back: tuple[str, ...]
    digits: int
    skipped: Mapping[Path, str]
    notes: tuple[str, ...]
    seconds: float

    def to_dict(self) -> Mapping[str, object]:
        """The `--json` document."""
        return {
            "schema_version": SCHEMA_VERSION,
            "bank": printable(self.bank),
            "by": self.by,
            "negatives": self.negatives,
            "targets": self.targets,
            "computed": self.computed,
            "from_crops": self.from_crops,
            "clusters": self.clusters,
            "clustered": self.clustered,
            "places": [each.to_dict() for each in self.places],
            "likely": None if self.likely is None else [each.to_dict() for each in self.likely],
            "held_back": list(self.held_back),
            "skipped": {printable(path): printable(reason) for path, reason in self.skipped.items()},
            "notes": list(self.notes),
            "seconds": round(self.seconds, 3),
        }
