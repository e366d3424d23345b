"""Advice on a ratio outside its target, with the command to type."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from math import ceil
from pathlib import Path

from negmine.paths import printable
from negmine.ratios.bank_summary import BankSummary
from negmine.ratios.mix import ImageCounts, Mix
from negmine.ratios.target import MAX_PER_NEGATIVE, Target
from negmine.words import counted


def advise(
    mix: Mix,
    target: Target,
    summary: BankSummary,
    *,
    data: Sequence[str | Path],
    bank: str | Path | None,
    split: str | None,
) -> list[str]:
    """Say how many negatives are missing or too many, and what to do; [] if the mix is in the range."""
    low, high = target.fewest(mix.positives), target.most(mix.positives)
    if mix.negatives < low:
        missing = target.asked.negatives_for(mix.positives) - mix.negatives  # as `negmine augment --ratio` counts
        return _too_few(mix, target, summary, missing, data=data, bank=bank, split=split)
    if mix.negatives > high:
        return _too_many(mix, target, low, mix.negatives - high, bank)
    return []


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


def _too_few(
    mix: Mix,
    target: Target,
    summary: BankSummary,
    missing: int,
    *,
    data: Sequence[str | Path],
    bank: str | Path | None,
    split: str | None,
) -> list[str]:
    lines = [f"{_are(missing, 'negative')} missing"]
    if bank is not None and mix.banked and mix.variants + missing <= mix.banked * MAX_PER_NEGATIVE:
        positives = " ".join(f"--data {_typed(path)}" for path in data)
        only = f" --split {shlex.quote(split)}" if split is not None else ""
        command = f"negmine augment --ratio {target.asked} {positives}{only} --bank {_typed(bank)}"
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


def _too_many(mix: Mix, target: Target, low: int, excess: int, bank: str | Path | None) -> list[str]:
    lines = [f"{_are(excess, 'negative')} too many"]
    if bank is not None and mix.variants >= excess and mix.negatives - mix.variants >= low:
        command = f"negmine export --no-variants --bank {_typed(bank)} --out DIR"
        lines.append(f"leave the {counted(mix.variants, 'variant')} out: {command}")
    elif mix.variants:
        lines.append(f"{mix.variants} of them are variants, all of which negmine export --no-variants leaves out")
    missing = target.positives_for(mix.negatives) - mix.positives
    empty, positive = counted(excess, "image"), counted(missing, "more image")
    lines.append(f"leave {empty} without objects out, or label {positive} with objects")
    return lines


def _are(number: int, noun: str) -> str:
    return f"{counted(number, noun)} {'is' if number == 1 else 'are'}"


def _typed(path: str | Path) -> str:
    """A path as it is typed in a shell."""
    return shlex.quote(printable(path))
