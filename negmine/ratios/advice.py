"""Advice on a ratio outside its target, with the command to type."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path

from negmine.datasets.config import LabelConfig
from negmine.labels.splits import TEST, TRAIN, TRAINVAL, VAL
from negmine.paths import printable
from negmine.ratios.bank_summary import BankSummary
from negmine.ratios.mix import ImageCounts, Mix
from negmine.ratios.target import MAX_PER_NEGATIVE, Target
from negmine.words import counted


@dataclass(frozen=True, slots=True)
class Asked:
    """What a ratio was asked of, to be typed again.

    Attributes:
        data: the data sets.
        bank: as given.
        split: the one that counts; None for all.
        labels: how the labels are understood.
        format: key of the format of the one data set; None of several.
        splits: the names of its splits.
    """

    data: Sequence[str | Path]
    bank: str | Path | None = None
    split: str | None = None
    labels: LabelConfig = field(default_factory=LabelConfig)
    format: str | None = None
    splits: Sequence[str] = ()

    @property
    def positives(self) -> str:
        """The options that name the data as positives."""
        named = " ".join(f"--data {_typed(path)}" for path in self.data)
        return f"{named}{self.of_labels}"

    @property
    def of_labels(self) -> str:
        """The options that say how labels are understood, and which split counts."""
        words = ["--split", self.split] if self.split is not None else []
        words += ["--missing-is-empty"] * self.labels.missing_is_empty
        words += ["--images", printable(self.labels.images)] if self.labels.images is not None else []
        words += ["--ignore-orphans"] * self.labels.ignore_orphans
        words += [word for pair in self.labels.class_map.items() for word in ("--class-map", "=".join(pair))]
        return "".join(f" {shlex.quote(word)}" for word in words)


def advise(mix: Mix, target: Target, summary: BankSummary, asked: Asked) -> list[str]:
    """Say how many negatives are missing or too many, and what to do; [] if the mix is in the range."""
    low, high = target.fewest(mix.positives), target.most(mix.positives)
    if mix.negatives < low:
        missing = target.asked.negatives_for(mix.positives) - mix.negatives  # as `negmine augment --ratio` counts
        return _too_few(mix, target, summary, missing, asked)
    if mix.negatives > high and not is_merged(mix, target):
        return _too_many(mix, target, mix.negatives - high, asked)
    return []


def is_merged(mix: Mix, target: Target) -> bool:
    """Whether the data holds negatives of the bank already and is in the range without the others."""
    return mix.in_both > 0 and target.contains(mix.positives, mix.of_data)


def advise_class(name: str, counts: ImageCounts, mix: Mix, target: Target) -> list[str]:
    """Say what to do if there are too many or too few negatives for a class; [] otherwise."""
    images = counts.per_class[name].images
    low, high = target.fewest(images), target.most(images)
    if mix.negatives > high:
        missing = target.positives_for(mix.negatives) - images
        return [
            f"so many negatives need {counted(missing, 'more image')} with {printable(name)}: label more of them, or "
            f"leave {counted(mix.negatives - high, 'negative')} out"
        ]
    if mix.negatives < low:
        return [f"the images with {printable(name)} need {counted(low - mix.negatives, 'more negative')}"]
    return []


def _too_few(mix: Mix, target: Target, summary: BankSummary, missing: int, asked: Asked) -> list[str]:
    lines, bank = [f"{_are(missing, 'negative')} missing"], asked.bank
    if bank is not None and mix.banked and mix.variants + missing <= mix.banked * MAX_PER_NEGATIVE:
        command = f"negmine augment --ratio {target.asked} {asked.positives} --bank {_typed(bank)}"
        lines.append(
            f"make {counted(missing, 'variant')} of the {counted(mix.banked, 'negative')} in the bank: {command}"
        )
    elif mix.banked:
        lines.append(
            f"{counted(missing, 'variant')} of the {counted(mix.banked, 'negative')} in the bank would be over "
            f"{MAX_PER_NEGATIVE} of each, which is too many"
        )
    lines.append(f"{_how_many_scans(summary, missing)}: {_scan(bank)}")
    return lines


def _how_many_scans(summary: BankSummary, missing: int) -> str:
    if not summary.scanned or not summary.negatives:
        return "scan background images for more negatives"
    images = ceil(missing * summary.scanned / len(summary.negatives))
    return (
        f"scan about {counted(images, 'more background image')} (so far, {counted(summary.scanned, 'image')} gave "
        f"{counted(len(summary.negatives), 'negative')})"
    )


def _scan(bank: str | Path | None) -> str:
    if bank is None:
        return "negmine scan MORE/ --weights WEIGHTS --bank DIR, then this command again with --bank DIR"
    return f"negmine scan MORE/ --weights WEIGHTS --bank {_typed(bank)}"


def _too_many(mix: Mix, target: Target, excess: int, asked: Asked) -> list[str]:
    lines, bank = [f"{_are(excess, 'negative')} too many"], asked.bank
    if bank is not None and mix.variants >= excess and mix.negatives - mix.variants >= target.fewest(mix.positives):
        command = f"negmine export --no-variants --bank {_typed(bank)} --out DIR"
        lines.append(f"leave the {counted(mix.variants, 'variant')} out: {command}")
    elif mix.variants:
        lines.append(f"{mix.variants} of them are variants, all of which negmine export --no-variants leaves out")
    leave_out = f"leave {counted(excess, 'image')} without objects out"
    command = _leaving_out(mix, target, excess, asked)
    lines.append(f"{leave_out}: {command}" if command else leave_out)
    missing = target.positives_for(mix.negatives) - mix.positives
    lines.append(f"or label {counted(missing, 'more image')} with objects")
    return lines


def _leaving_out(mix: Mix, target: Target, excess: int, asked: Asked) -> str:
    """The command that leaves the excess out, of the bank if that is enough; "" where no single one does."""
    ratio, bank = f"--ratio {target.limit}", asked.bank
    if bank is not None and not mix.in_both and mix.empty < target.limit.room_for(mix.positives):
        return f"negmine export {ratio} {asked.positives} --bank {_typed(bank)} --out DIR"
    if asked.format is None or asked.split not in (None, TRAIN, TRAINVAL):
        return ""
    source = "--no-bank" if bank is None else f"--bank {_typed(bank)}"
    divided = ""  # YOLO needs images to validate on
    if asked.format == "yolo" and asked.split is None and not {VAL, TEST}.intersection(asked.splits):
        divided = " --split 0.8/0.2"
    merged = f"--merge {_typed(asked.data[0])}{asked.of_labels}{divided}"
    return f"negmine export {source} {merged} {ratio} --format {asked.format} --out DIR"


def _are(number: int, noun: str) -> str:
    return f"{counted(number, noun)} {'is' if number == 1 else 'are'}"


def _typed(path: str | Path) -> str:
    """A path as it is typed in a shell."""
    return shlex.quote(printable(path))
