"""The result of a check of the ratio."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from negmine.notebook import facts
from negmine.paths import printable
from negmine.ratios.findings import Finding
from negmine.ratios.mix import ImageCounts, Mix
from negmine.ratios.small import SmallObjects
from negmine.ratios.target import Target


@dataclass(frozen=True, slots=True)
class RatioResult:
    """Counts of positive and negative images, and whether their ratio lies in the target.

    Attributes:
        data: the data sets, as given.
        formats: the format of each, as recognised.
        notes: of each, how its labels and images were paired, and what else the user may want to know.
        bank: as given.
        counts: of all images, each file once.
        splits: counts by name of the split; a file that is in two splits counts in both.
        mix: positive and negative images of data and bank.
        target: the range.
        ok: whether the ratio lies in the target, against `checked_class` too; so it does where the data holds negatives
            of the bank and lies in the target, whatever else the bank holds.
        checked_class: the rarest class, if its check was asked for.
        advice: what to do, one line each; empty if `ok`.
        findings: what is suspicious; this does not change `ok`.
        compared: whether images were compared with each other.
        small: how many objects are small.
    """

    data: tuple[Path, ...]
    formats: tuple[str, ...]
    notes: tuple[tuple[str, ...], ...]
    bank: Path | None
    counts: ImageCounts
    splits: Mapping[str, ImageCounts]
    mix: Mix
    target: Target
    ok: bool
    checked_class: str | None
    advice: tuple[str, ...]
    findings: tuple[Finding, ...]
    compared: bool
    small: SmallObjects

    @property
    def ratio(self) -> Fraction:
        """Negative images for each positive one."""
        return Fraction(self.mix.negatives, self.mix.positives)

    def _repr_html_(self) -> str:
        """The counts, in a notebook."""
        return facts("Ratio", self.to_dict())

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        return {
            "schema_version": 1,
            "data": [
                {"path": printable(path), "format": name, "notes": list(notes)}
                for path, name, notes in zip(self.data, self.formats, self.notes, strict=True)
            ],
            "bank": None if self.bank is None else printable(self.bank),
            "positives": _positives(self.counts, self.mix.negatives),
            "negatives": {
                "in_all": self.mix.negatives,
                "images": self.mix.empty + self.mix.banked,
                "variants": self.mix.variants,
                "unlabelled": self.mix.unlabelled,
                "data": self.mix.empty,
                "bank": self.mix.banked,
                "in_both": self.mix.in_both,
            },
            "broken": self.counts.broken,
            "ignored": self.counts.ignored,
            "ratio": float(self.ratio),
            "target": {
                "text": self.target.text,
                "min_negatives": self.target.fewest(self.mix.positives),
                "max_negatives": self.target.most(self.mix.positives),
            },
            "checked_class": self.checked_class,
            "ok": self.ok,
            "splits": {name: _split(counts) for name, counts in self.splits.items()},
            "advice": list(self.advice),
            "compared": self.compared,
            "small_objects": self.small.to_dict(),
            "findings": [finding.to_dict() for finding in self.findings],
        }


def _split(counts: ImageCounts) -> dict[str, object]:
    return {
        "positives": _positives(counts, counts.empty),
        "negatives": {"images": counts.empty, "unlabelled": counts.unlabelled},
        "broken": counts.broken,
        "ignored": counts.ignored,
        "ratio": _per_image(counts.empty, counts.images),
    }


def _positives(counts: ImageCounts, negatives: int) -> dict[str, object]:
    per_class = {
        name: {"images": each.images, "instances": each.instances, "ratio": _per_image(negatives, each.images)}
        for name, each in counts.per_class.items()
    }
    return {"images": counts.images, "instances": counts.instances, "per_class": per_class}


def _per_image(negatives: int, positives: int) -> float | None:
    """Negatives for each positive; None without positives."""
    return negatives / positives if positives else None
