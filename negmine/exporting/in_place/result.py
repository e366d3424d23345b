"""What was added to a data set, and what was taken out of it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from negmine.notebook import facts
from negmine.paths import printable

SCHEMA_VERSION = 1  # of the `--json` documents


@dataclass(frozen=True, slots=True)
class AddResult:
    """What was added to a data set.

    Attributes:
        data: as it was given.
        data_format: what people call its format.
        root: the folder that everything was added in or below.
        images: the folder that the images are in.
        negatives: of the bank that are in the data set now.
        variants: of these.
        left_out: negatives that a reviewer rejected or marked as a target, or that are held back.
        waiting: other negatives whose image shows a target that is not labelled yet.
        passed_over: others that may be trained on, and were not chosen.
        withheld: negatives and variants that were left out because of the data set, by reason.
        skipped: files of others, in whose place negatives or variants would have come, and the reason.
        written: files that are new or have changed, those included that name the images.
        unchanged: files that were there already.
        removed: files of an earlier run that do not belong to this one.
        positives: images with objects to train on.
        ratio: images without objects for each of these.
    """

    data: Path
    data_format: str
    root: Path
    images: Path
    negatives: int
    variants: int
    left_out: int
    waiting: int
    passed_over: int
    withheld: Mapping[str, int]
    skipped: Mapping[Path, str]
    written: int
    unchanged: int
    removed: int
    positives: int
    ratio: float

    def _repr_html_(self) -> str:
        """The counts, in a notebook."""
        return facts("Added", self.to_dict())

    def to_dict(self) -> dict[str, object]:
        """The `--json` document."""
        return {
            "schema_version": SCHEMA_VERSION,
            "data": printable(self.data),
            "format": self.data_format,
            "root": printable(self.root),
            "images": printable(self.images),
            "negatives": self.negatives,
            "variants": self.variants,
            "left_out": self.left_out,
            "waiting": self.waiting,
            "passed_over": self.passed_over,
            "withheld": dict(self.withheld),
            "skipped": [{"file": printable(path), "reason": reason} for path, reason in self.skipped.items()],
            "files": {"written": self.written, "unchanged": self.unchanged, "removed": self.removed},
            "positives": self.positives,
            "negatives_per_positive": self.ratio,
        }


@dataclass(frozen=True, slots=True)
class TakeOutResult:
    """What was taken out of a data set.

    Attributes:
        data: as it was given.
        root: the folder that everything was taken out of.
        removed: files that were removed.
        restored: files that name the images, from which our part was cut.
        gone: files that somebody had removed before.
        kept: files that stay, since somebody has changed them or works with them, and why.
        shared: files that stay, since they were added to another data set in the folder too.
    """

    data: Path
    root: Path
    removed: int
    restored: tuple[Path, ...] = ()
    gone: int = 0
    kept: Mapping[Path, str] = field(default_factory=dict)
    shared: int = 0

    def _repr_html_(self) -> str:
        """The counts, in a notebook."""
        return facts("Taken out", self.to_dict())

    def to_dict(self) -> dict[str, object]:
        """The `--json` document."""
        return {
            "schema_version": SCHEMA_VERSION,
            "data": printable(self.data),
            "root": printable(self.root),
            "removed": self.removed,
            "restored": [printable(path) for path in self.restored],
            "gone": self.gone,
            "shared": self.shared,
            "kept": [{"file": printable(path), "reason": reason} for path, reason in self.kept.items()],
        }
