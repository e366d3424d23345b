"""What a round is trained on: the bank after a scan with the current weights, and from it the negatives."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from negmine.bank.bank import Bank
from negmine.bank.records import Negative, Variant
from negmine.files import write_file
from negmine.mining.config import ScanConfig
from negmine.mining.scan import scan
from negmine.ratios.target import Ratio
from negmine.retraining.layout import RoundFolder, place_negatives, write_data_yaml
from negmine.retraining.parts import Parts
from negmine.retraining.selection import Candidates, candidates, choose, perceptual_hashes
from negmine.retraining.variants import expand


@dataclass(frozen=True, slots=True)
class Mix:
    """What a round is trained on, in counts; see `RoundResult`."""

    fresh: int
    chosen: int
    variants: int
    empties: int
    notes: tuple[str, ...] = ()


def mix_of(parts: Parts, number: int, current: Path) -> Mix | None:
    """Choose the negatives of a round, and put them where they are trained on; what was chosen before stays chosen.

    Args:
        parts: of the run.
        number: of the round.
        current: the weights that are scanned with.

    Returns:
        What there is; None where the bank has nothing to train on.
    """
    folder = parts.layout.round(number)
    if folder.negatives.is_file():
        document = json.loads(folder.mix.read_text(encoding="utf-8"))
        return Mix(**document | {"notes": tuple(document["notes"])})
    found, hashes = _scanned(parts, number, current)
    asked, wanted = _wanted(parts)
    config = parts.config
    chosen = choose(found.negatives, hashes, wanted, near_bits=config.near_bits, max_per_source=config.max_per_source)
    if not chosen:
        return None
    variants = _variants(parts, number, chosen, wanted - len(chosen))
    empties = len(parts.placed.empties)
    notes = _notes(found, len(chosen) + len(variants) + empties, asked, config.ratio)
    mix = Mix(found.fresh, len(chosen), len(variants), empties, notes)
    _write(parts, folder, mix, chosen, variants)
    return mix


def _scanned(parts: Parts, number: int, current: Path) -> tuple[Candidates, dict[int, int]]:
    """Scan what is mined; the negatives that may be trained on, and the perceptual hash of each."""
    config = parts.config
    detector = parts.open_detector(replace(parts.detector, weights=str(current), conf=config.conf))
    parts.step(number, f"scanning {len(parts.mined)} backgrounds")
    scan(
        list(parts.mined),
        detector,
        bank=parts.bank,
        config=ScanConfig(crop=config.crop, workers=config.workers),
        on_progress=lambda now: parts.on_progress("images scanned", now.done, now.total),
    )
    with Bank(parts.bank) as bank:
        return candidates(bank, detector.identity.sha256, parts.measured, parts.hashes), perceptual_hashes(bank)


def _wanted(parts: Parts) -> tuple[int, int]:
    """How many images without objects the ratio asks for, and how many of the bank.

    The empty images of the data set are always trained on; however many they are, they leave half of the place to hard
    negatives, which they need not be.
    """
    asked = Ratio.parse(parts.config.ratio).negatives_for(len(parts.placed.positives))
    return asked, max(asked - len(parts.placed.empties), (asked + 1) // 2)


def _variants(parts: Parts, number: int, chosen: Sequence[Negative], missing: int) -> list[tuple[Negative, Variant]]:
    config = parts.config
    if not config.variants or missing < 1:
        return []
    parts.step(number, f"making up to {missing} variants of {len(chosen)} negatives")
    return expand(
        parts.bank,
        chosen,
        missing,
        most=config.max_variants,
        seed=config.seed,
        workers=config.workers,
        on_progress=lambda done, total: parts.on_progress("variants", done, total),
    )


def _notes(found: Candidates, there: int, asked: int, ratio: str) -> tuple[str, ...]:
    notes = []
    if found.measured:
        notes.append(f"{found.measured} negatives of the bank show what is measured on, and are not trained on")
    if found.labelled:
        notes.append(
            f"{found.labelled} negatives of the bank are not trained on: where they were cut, the data has an object, "
            "or a label that is not used, or they look like an image of it with objects"
        )
    if found.untraceable:
        notes.append(
            f"{found.untraceable} negatives of the bank are not trained on: their source is gone, and nobody can tell "
            "whether it is measured on"
        )
    if there < asked:
        notes.append(f"{there} images without objects, fewer than the {asked} of {ratio}: each is shown more often")
    return tuple(notes)


def _write(
    parts: Parts,
    folder: RoundFolder,
    mix: Mix,
    chosen: Sequence[Negative],
    variants: Sequence[tuple[Negative, Variant]],
) -> None:
    """The list of negatives last: with it, all the rest is there."""
    write_file(folder.mix, (json.dumps(asdict(mix), indent=1) + "\n").encode())
    write_data_yaml(folder, parts.class_names, negatives=True)
    place_negatives(parts.layout, folder, chosen, variants)
