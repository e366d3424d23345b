"""Variants of the negatives of a round, where there are too few of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from negmine.augmenting.config import OP_NAMES
from negmine.augmenting.draws import drawn
from negmine.augmenting.loop import AugmentLoop
from negmine.augmenting.quotas import even_quotas
from negmine.augmenting.work import Work
from negmine.bank.bank import Bank
from negmine.bank.records import Negative, Variant
from negmine.bank.writer import BankWriter

_TRIES = 50, 4  # draws that are tried for a negative: so many, and so many for each variant that it shall have
_QUALITY = 95  # of the JPEG files


def expand(
    bank: Path,
    negatives: Sequence[Negative],
    wanted: int,
    *,
    most: int,
    seed: int,
    workers: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[tuple[Negative, Variant]]:
    """Bring negatives to so many variants in all, spread evenly, and list them; those that are there count.

    What was made before a kill stays, and it goes on from there: the variants are the same.

    Args:
        bank: its folder.
        negatives: hardest first.
        wanted: variants in all.
        most: of one negative.
        seed: of the draws.
        workers: threads.
        on_progress: called with how many are made, of how many.

    Returns:
        Each with its negative, in the order of those; fewer where no draw gives a new picture.
    """
    quotas = even_quotas([0] * len(negatives), min(wanted, most * len(negatives)))
    with BankWriter(bank, purpose="negmine retrain") as writer:
        counts = writer.variant_counts()
        lacking = [(each, quota - counts.get(each.id, 0)) for each, quota in zip(negatives, quotas, strict=True)]
        works = [_work(writer, each, missing, seed) for each, missing in lacking if missing > 0]
        total = sum(missing for _, missing in lacking if missing > 0)
        for tally in AugmentLoop(writer, quality=_QUALITY, workers=workers).run(works):
            if on_progress is not None:
                on_progress(sum(tally.made.values()), total)
    with Bank(bank) as opened:
        _, every = opened.exportable()
    of: dict[int, list[Variant]] = {}
    for variant in every:
        of.setdefault(variant.negative_id, []).append(variant)
    return [
        (each, variant)
        for each, quota in zip(negatives, quotas, strict=True)
        for variant in of.get(each.id, [])[:quota]
    ]


def _work(bank: Bank, negative: Negative, missing: int, seed: int) -> Work:
    draws = drawn(seed, OP_NAMES, negative.sha256, limit=_TRIES[0] + _TRIES[1] * missing)
    return Work(negative, missing, draws, bank.tried(negative.id))
