"""What to do about a ratio that is outside of its target, with the command to type."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from math import ceil
from pathlib import Path

from negmine.paths import printable
from negmine.ratios.banked import Banked
from negmine.ratios.counts import Counts
from negmine.ratios.mix import Mix
from negmine.ratios.target import MAX_PER_NEGATIVE, Target


def advise(
    mix: Mix, target: Target, banked: Banked, *, data: Sequence[str | Path], bank: str | Path | None, split: str | None
) -> list[str]:
    """Say how many negatives are missing or too many, and what to do; nothing where the mix is in the range."""
    low, high = target.fewest(mix.positives), target.most(mix.positives)
    if mix.negatives < low:
        missing = target.asked.negatives_for(mix.positives) - mix.negatives  # as `negmine augment --ratio` counts
        return _too_few(mix, target, banked, missing, data=data, bank=bank, split=split)
    if mix.negatives > high:
        return _too_many(mix, target, low, mix.negatives - high, bank)
    return []


def advise_class(name: str, counts: Counts, mix: Mix, target: Target) -> list[str]:
    """Say what to do about a class for which there are too many negatives, or too few."""
    images = counts.per_class[name].images
    low, high = target.fewest(images), target.most(images)
    if mix.negatives > high:
        missing = target.positives_for(mix.negatives) - images
        return [
            f"{missing} images with {printable(name)} are missing for so many negatives: label more of them, or leave "
            f"{mix.negatives - high} negatives out"
        ]
    if mix.negatives < low:
        return [f"{low - mix.negatives} negatives are missing beside the images with {printable(name)}"]
    return []


def _too_few(
    mix: Mix,
    target: Target,
    banked: Banked,
    missing: int,
    *,
    data: Sequence[str | Path],
    bank: str | Path | None,
    split: str | None,
) -> list[str]:
    lines = [f"{missing} negatives are missing"]
    if bank is not None and mix.banked and mix.variants + missing <= mix.banked * MAX_PER_NEGATIVE:
        positives = " ".join(f"--positives {_typed(path)}" for path in data)
        only = f" --split {shlex.quote(split)}" if split is not None else ""
        command = f"negmine augment --ratio {target.asked} {positives}{only} --bank {_typed(bank)}"
        lines.append(f"make {missing} variants of the {mix.banked} negatives in the bank: {command}")
    elif mix.banked:
        lines.append(
            f"the {mix.banked} negatives of the bank are too few to make {missing} variants: that would be over "
            f"{MAX_PER_NEGATIVE} of each"
        )
    lines.append(f"{_how_many_scans(banked, missing)}: {_scan(bank)}")
    return lines


def _how_many_scans(banked: Banked, missing: int) -> str:
    if not banked.scanned or not banked.negatives:
        return "scan background images for more negatives"
    images = ceil(missing * banked.scanned / len(banked.negatives))
    return (
        f"scan about {images} more background images (so far, {banked.scanned} gave {len(banked.negatives)} negatives)"
    )


def _scan(bank: str | Path | None) -> str:
    if bank is None:
        return "negmine scan MORE/ --weights WEIGHTS --bank DIR, and then this command again with --bank DIR"
    return f"negmine scan MORE/ --weights WEIGHTS --bank {_typed(bank)}"


def _too_many(mix: Mix, target: Target, low: int, excess: int, bank: str | Path | None) -> list[str]:
    lines = [f"{excess} negatives are too many"]
    if bank is not None and mix.variants >= excess and mix.negatives - mix.variants >= low:
        lines.append(
            f"leave the {mix.variants} variants out: negmine export --no-variants --bank {_typed(bank)} --out DIR"
        )
    elif mix.variants:
        lines.append(f"{mix.variants} of them are variants, all of which negmine export --no-variants leaves out")
    missing = target.positives_for(mix.negatives) - mix.positives
    lines.append(f"leave {excess} images without objects out, or label {missing} more images with objects")
    return lines


def _typed(path: str | Path) -> str:
    """A path as one types it in a shell."""
    return shlex.quote(printable(path))
