"""Augment: variants of the negatives of a bank, to a number or up to a ratio."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from negmine.augmenting.config import AugmentConfig
from negmine.augmenting.draws import classic_grid, drawn
from negmine.augmenting.loop import AugmentLoop, Tally
from negmine.augmenting.quotas import even_quotas
from negmine.augmenting.result import AugmentProgress, AugmentResult, SkippedNegative
from negmine.augmenting.work import Work
from negmine.bank.bank import Bank, as_json, require_bank
from negmine.bank.records import Negative
from negmine.bank.writer import BankWriter
from negmine.errors import BankError, ConfigError
from negmine.paths import printable
from negmine.ratios.mix import Mix, count_mix
from negmine.ratios.target import Ratio

_TRIES = 50, 4  # draws that are tried for a negative: so many, and so many for each variant that it shall have


def augment(
    bank: str | Path,
    *,
    config: AugmentConfig,
    on_progress: Callable[[AugmentProgress], None] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> AugmentResult:
    """Make variants of a bank's negatives: mild changes, each by one operation with its parameters.

    Negatives that a reviewer rejected get none. Variants that are there stay, whatever made them, and count; asking for
    the same again makes nothing. A run that was stopped goes on where it was.

    Args:
        bank: the bank's folder.
        config: how many, of which kinds.
        on_progress: told how far it is.
        clock: seconds, for the time in the result.

    Raises:
        BankError: where the folder is no bank, has no negatives, or cannot be written; what was stored stays.
        ConfigError: where the ratio asks too much of one negative.
        TruthError: where the positives cannot be read, or hold no object.
    """
    started = clock()
    require_bank(Path(bank))
    with BankWriter(bank, purpose="negmine augment") as writer:
        every = list(writer.negatives())
        usable = [negative for negative in every if negative.usable][: config.hardest]
        if not usable:
            raise BankError(
                f"bank {printable(writer.folder)} has no negatives to make variants of ({len(every)} in it, none "
                "that a reviewer left); scan more backgrounds with `negmine scan`"
            )
        plan = _plan(writer, usable, config)
        loop = AugmentLoop(writer, quality=config.quality, workers=config.workers)
        _report(plan, loop.tally, on_progress)
        for tally in loop.run(_works(writer, plan, config)):
            _report(plan, tally, on_progress)
    return AugmentResult(
        bank=writer.folder,
        negatives=len(usable),
        left_out=sum(not negative.usable for negative in every),
        before=sum(plan.existing),
        made=dict(sorted(loop.tally.made.items())),
        unchanged=loop.tally.unchanged,
        repeats=loop.tally.repeats,
        missing=loop.tally.missing,
        skipped=tuple(SkippedNegative(work.negative.path, reason) for work, reason in loop.tally.skipped),
        mix=plan.mix,
        wanted=plan.wanted,
        seconds=clock() - started,
    )


@dataclass(frozen=True, slots=True)
class _Plan:
    """How many variants each negative has and shall have; with a ratio, how that was counted."""

    negatives: Sequence[Negative]  # hardest first
    existing: Sequence[int]
    total: int  # draws or variants that are still to come
    quotas: Sequence[int] | None  # None: one of every draw of the recipe
    mix: Mix | None = None
    wanted: int | None = None


def _plan(bank: Bank, negatives: Sequence[Negative], config: AugmentConfig) -> _Plan:
    counts = bank.variant_counts()
    existing = [counts.get(negative.id, 0) for negative in negatives]
    if config.recipe is not None:
        grid = {(draw.operation, as_json(draw.parameters)) for draw in classic_grid()}
        untried = sum(len(grid - bank.tried(negative.id)) for negative in negatives)
        return _Plan(negatives, existing, untried, None)
    if config.per_negative is not None:
        return _to_quotas(negatives, existing, [max(has, config.per_negative) for has in existing])
    if config.count is not None:
        return _to_quotas(negatives, existing, even_quotas(existing, config.count))
    ratio = Ratio.parse(config.ratio or "")
    mix = count_mix(config.positives, bank=bank.folder, split=config.split)
    wanted = ratio.negatives_for(mix.positives)
    missing = max(wanted - mix.negatives, 0)
    quotas = even_quotas(existing, sum(existing) + missing)
    most = max((quota for quota, has in zip(quotas, existing, strict=True) if quota > has), default=0)
    if most > config.max_per_negative:
        raise ConfigError(_too_many(ratio, mix, wanted, len(negatives), most, config))
    return _to_quotas(negatives, existing, quotas, mix, wanted)


def _to_quotas(
    negatives: Sequence[Negative],
    existing: Sequence[int],
    quotas: Sequence[int],
    mix: Mix | None = None,
    wanted: int | None = None,
) -> _Plan:
    return _Plan(negatives, existing, sum(quotas) - sum(existing), quotas, mix, wanted)


def _too_many(ratio: Ratio, mix: Mix, wanted: int, negatives: int, most: int, config: AugmentConfig) -> str:
    asked = (
        f"{ratio} to {mix.positives} positive images asks for {wanted} negative images: up to {most} variants of each "
        f"of {negatives} negatives, over the {config.max_per_negative} of --max-per-negative"
    )
    if negatives < mix.banked:
        return f"{asked}; take more than the {negatives} of --hardest (there are {mix.banked}), or ask for fewer"
    more = -(-(wanted - mix.empty) // (config.max_per_negative + 1)) - mix.banked
    return (
        f"{asked}, and copies teach a detector little more; scan more backgrounds with `negmine scan` (at least "
        f"{max(more, 1)} more negatives), or ask for fewer"
    )


def _works(bank: Bank, plan: _Plan, config: AugmentConfig) -> Iterator[Work]:
    """The negatives that lack variants, hardest first."""
    if plan.quotas is None:
        grid = classic_grid()
        for negative in plan.negatives:
            yield Work(negative, None, grid, bank.tried(negative.id))
        return
    for negative, has, quota in zip(plan.negatives, plan.existing, plan.quotas, strict=True):
        if quota > has:
            draws = drawn(config.seed, config.ops, negative.sha256, limit=_TRIES[0] + _TRIES[1] * quota)
            yield Work(negative, quota - has, draws, bank.tried(negative.id))


def _report(plan: _Plan, tally: Tally, on_progress: Callable[[AugmentProgress], None] | None) -> None:
    if on_progress is not None:
        made = sum(tally.made.values())
        tried = made + tally.unchanged + tally.repeats
        on_progress(AugmentProgress(done=tried if plan.quotas is None else made, total=plan.total))
