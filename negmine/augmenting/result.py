"""The result of an augmentation, and its progress."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from negmine.notebook import facts
from negmine.ratios.mix import Mix

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class AugmentProgress:
    """Variants made of the total to make; for a recipe, points of its grid tried."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class SkippedNegative:
    """A negative that could not be read, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class AugmentResult:
    """The result of an augmentation.

    Attributes:
        bank: its folder.
        negatives: that may have variants.
        left_out: negatives that a reviewer rejected or marked as a target, that are likely targets without a label, or
            that were cut from an image with a target that waits for its label.
        before: variants of these negatives that were there already.
        made: new variants, by operation.
        unchanged: draws whose result was the negative itself; no file is stored for them.
        repeats: draws whose result was already stored.
        missing: variants that were asked for and could not be made: no draw gives them, or their negative is skipped.
        skipped: negatives that could not be read.
        mix: with a ratio, the counts of images before.
        wanted: with a ratio, how many negative images it asks for.
        seconds: for the whole run.
    """

    bank: Path
    negatives: int
    left_out: int
    before: int
    made: Mapping[str, int]
    unchanged: int
    repeats: int
    missing: int
    skipped: tuple[SkippedNegative, ...]
    mix: Mix | None
    wanted: int | None
    seconds: float

    @property
    def ratio(self) -> float | None:
        """With a ratio, the negative images for each positive one that there are now."""
        return None if self.mix is None else (self.mix.negatives + sum(self.made.values())) / self.mix.positives

    @property
    def variants(self) -> int:
        """Of these negatives, in the bank now."""
        return self.before + sum(self.made.values())

    def _repr_html_(self) -> str:
        """The counts, in a notebook."""
        return facts("Variants", self.to_dict())

    def to_dict(self) -> dict[str, object]:
        """The `--json` document."""
        counted = None
        if self.mix is not None:
            counted = {
                "positives": self.mix.positives,
                "empty": self.mix.empty,
                "negatives": self.mix.banked,
                "variants": self.mix.variants,
                "wanted": self.wanted,
                "ratio": self.ratio,
            }
        return {
            "schema_version": SCHEMA_VERSION,
            "bank": str(self.bank),
            "negatives": self.negatives,
            "left_out": self.left_out,
            "variants": {
                "before": self.before,
                "made": sum(self.made.values()),
                "in_all": self.variants,
                "by_operation": dict(self.made),
            },
            "unchanged": self.unchanged,
            "repeats": self.repeats,
            "missing": self.missing,
            "skipped": [{"file": str(each.path), "reason": each.reason} for each in self.skipped],
            "counted": counted,
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True, slots=True)
class RemoveVariantsResult:
    """The variants that were taken out of a bank.

    Attributes:
        bank: its folder.
        removed: how many, by operation.
        kept: how many others there are, of other operations.
    """

    bank: Path
    removed: Mapping[str, int]
    kept: int

    def _repr_html_(self) -> str:
        """The counts, in a notebook."""
        return facts("Variants removed", self.to_dict())

    def to_dict(self) -> dict[str, object]:
        """The `--json` document."""
        return {
            "schema_version": SCHEMA_VERSION,
            "bank": str(self.bank),
            "removed": {"in_all": sum(self.removed.values()), "by_operation": dict(self.removed)},
            "kept": self.kept,
        }
