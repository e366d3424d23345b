"""What an export wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from negmine.notebook import facts
from negmine.paths import printable

SCHEMA_VERSION = 1  # of the `--json` document


@dataclass(frozen=True, slots=True)
class SplitCounts:
    """The images of a data set in one split of the export.

    Attributes:
        name: of the split.
        positives: images with objects.
        empty: images that the data set knows to be empty.
        objects: in all of them, as they were written.
    """

    name: str
    positives: int
    empty: int
    objects: int

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        return {"name": self.name, "positives": self.positives, "empty": self.empty, "objects": self.objects}


@dataclass(frozen=True, slots=True)
class AddedCounts:
    """The negatives and variants in one split."""

    negatives: int = 0
    variants: int = 0

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        return {"negatives": self.negatives, "variants": self.variants}


@dataclass(frozen=True, slots=True)
class MergeResult:
    """What was written of a data set that negatives were merged into.

    Attributes:
        data: as it was given.
        data_format: what people call its format.
        class_names: by class id.
        splits: that were written, `train` first.
        unlabelled: images that were left out because they have no label.
        unlisted: images that were left out because no list of the data set names them.
        lost: labels, and lines of lists, whose image does not exist.
        notes: how labels and images were paired, and what else the user may want to know.
        skipped: images that cannot be read, or whose labels cannot be written, and why.
        withheld: negatives and variants that were left out because of the data set, by reason.
        ratio: images without objects for each with objects, in `train`.
        empties_left_out: images without objects to train on that a ratio had no room for.
    """

    data: Path
    data_format: str
    class_names: tuple[str, ...]
    splits: tuple[SplitCounts, ...]
    unlabelled: int
    unlisted: int
    lost: int
    notes: tuple[str, ...]
    skipped: Mapping[Path, str]
    withheld: Mapping[str, int]
    ratio: float
    empties_left_out: int = 0

    @property
    def train(self) -> SplitCounts:
        """The split that the negatives are in."""
        return self.splits[0]

    def to_dict(self) -> dict[str, object]:
        """A part of the `--json` document."""
        return {
            "data": printable(self.data),
            "format": self.data_format,
            "classes": list(self.class_names),
            "splits": [split.to_dict() for split in self.splits],
            "unlabelled": self.unlabelled,
            "unlisted": self.unlisted,
            "lost": self.lost,
            "notes": list(self.notes),
            "skipped": [{"file": printable(path), "reason": reason} for path, reason in self.skipped.items()],
            "withheld": dict(self.withheld),
            "negatives_per_positive": self.ratio,
            "empties_left_out": self.empties_left_out,
        }


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What an export wrote.

    Attributes:
        out: the folder.
        format: of the labels.
        negatives: exported.
        variants: exported.
        left_out: negatives that a reviewer rejected or marked as a target, or that are likely targets without a label.
        waiting: other negatives that were left out, since their image shows a target that is not labelled yet.
        written: files that were new or had changed.
        unchanged: files that were there already.
        removed: files of an earlier export that do not belong to this one.
        merged: the data set that they were merged into; None where there was none.
        passed_over: others that may be trained on, and were not chosen.
        splits: how many are in each split, by its name.
    """

    out: Path
    format: str
    negatives: int
    variants: int
    left_out: int
    waiting: int
    written: int
    unchanged: int
    removed: int
    merged: MergeResult | None = None
    passed_over: int = 0
    splits: Mapping[str, AddedCounts] = field(default_factory=dict)

    def _repr_html_(self) -> str:
        """The counts, in a notebook."""
        return facts("Export", self.to_dict())

    def to_dict(self) -> dict[str, object]:
        """The `--json` document."""
        return {
            "schema_version": SCHEMA_VERSION,
            "out": str(self.out),
            "format": self.format,
            "negatives": self.negatives,
            "variants": self.variants,
            "left_out": self.left_out,
            "waiting": self.waiting,
            "passed_over": self.passed_over,
            "splits": {name: each.to_dict() for name, each in self.splits.items()},
            "files": {"written": self.written, "unchanged": self.unchanged, "removed": self.removed},
            "merged": None if self.merged is None else self.merged.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class TargetExportResult:
    """What was written for a labeller.

    Attributes:
        out: the folder.
        format: of the labels.
        images: that show a target without a label, or likely do.
        negatives: that are marked as such targets, in these images.
        proposals: boxes of the detector, to be corrected.
        objects: boxes that are labels already.
        labelled: images whose marked targets are all labelled by now, and which were left out.
        skipped: images that are gone or cannot be used, and why.
        written: files that were new or had changed.
        unchanged: files that were there already.
        removed: files of an earlier export that do not belong to this one.
    """

    out: Path
    format: str
    images: int
    negatives: int
    proposals: int
    objects: int
    labelled: int
    skipped: Mapping[Path, str]
    written: int
    unchanged: int
    removed: int

    def to_dict(self) -> dict[str, object]:
        """The `--json` document."""
        return {
            "schema_version": SCHEMA_VERSION,
            "out": printable(self.out),
            "format": self.format,
            "images": self.images,
            "negatives": self.negatives,
            "proposals": self.proposals,
            "objects": self.objects,
            "labelled": self.labelled,
            "skipped": [{"file": printable(path), "reason": reason} for path, reason in self.skipped.items()],
            "files": {"written": self.written, "unchanged": self.unchanged, "removed": self.removed},
        }
