"""How many variants to make of each negative."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from negmine.augmenting.config import AugmentConfig
from negmine.augmenting.draws import Drawing, classic_grid
from negmine.augmenting.variants import VariantTask, task_for
from negmine.bank.bank import Bank, as_json
from negmine.bank.records import Negative, Variant
from negmine.errors import ConfigError
from negmine.ratios.mix import Mix, count_mix
from negmine.ratios.target import Ratio
from negmine.words import counted


@dataclass(frozen=True, slots=True)
class VariantPlan:
    """How many variants each negative has and shall have; with a ratio, the counts behind it."""

    negatives: Sequence[Negative]  # hardest first
    existing: Sequence[int]
    total: int  # draws or variants that are still to come
    quotas: Sequence[int] | None  # None: one of every draw of the recipe
    mix: Mix | None = None
    wanted: int | None = None


def plan_variants(
    bank: Bank, negatives: Sequence[Negative], variants: Iterable[Variant], config: AugmentConfig
) -> VariantPlan:
    """Decide how many variants each negative shall have.

    Args:
        bank: open.
        negatives: that may have variants, hardest first.
        variants: that are there, and may be trained on.
        config: with a number, a ratio or a recipe.

    Raises:
        ConfigError: where the ratio asks too much of one negative.
        TruthError: where the positives cannot be read, or hold no object.
    """
    counts = Counter(each.negative_id for each in variants)
    existing = [counts[negative.id] for negative in negatives]
    if config.recipe == "classic":
        grid = {(draw.operation, as_json(draw.parameters)) for draw in classic_grid()}
        untried = sum(len(grid - bank.tried(negative.id)) for negative in negatives)
        return VariantPlan(negatives, existing, untried, None)
    if config.per_negative is not None:
        return _with_quotas(negatives, existing, [max(has, config.per_negative) for has in existing])
    if config.count is not None:
        return _with_quotas(negatives, existing, even_quotas(existing, config.count))
    ratio = Ratio.parse(config.ratio or "")
    mix = count_mix(config.positives, bank=bank.folder, split=config.split, labels=config.labels)
    wanted = ratio.negatives_for(mix.positives)
    missing = max(wanted - mix.negatives, 0)
    quotas = even_quotas(existing, sum(existing) + missing)
    most = max((quota for quota, has in zip(quotas, existing, strict=True) if quota > has), default=0)
    if most > config.max_per_negative:
        raise ConfigError(_too_many(ratio, mix, wanted, len(negatives), most, config))
    return _with_quotas(negatives, existing, quotas, mix, wanted)


def _with_quotas(
    negatives: Sequence[Negative],
    existing: Sequence[int],
    quotas: Sequence[int],
    mix: Mix | None = None,
    wanted: int | None = None,
) -> VariantPlan:
    return VariantPlan(negatives, existing, sum(quotas) - sum(existing), quotas, mix, wanted)


def _too_many(ratio: Ratio, mix: Mix, wanted: int, negatives: int, most: int, config: AugmentConfig) -> str:
    asked = (
        f"{ratio} to {mix.positives} positive images asks for {wanted} negative images: up to {most} variants of each "
        f"of {counted(negatives, 'negative')}, over the {config.max_per_negative} of --max-per-negative"
    )
    if negatives < mix.banked:
        return f"{asked}; take more than the {negatives} of --hardest (there are {mix.banked}), or ask for fewer"
    more = -(-(wanted - mix.empty) // (config.max_per_negative + 1)) - mix.banked
    return (
        f"{asked}, and copies teach a detector little more; scan more backgrounds with `negmine scan` (at least "
        f"{counted(max(more, 1), 'more negative')}), or ask for fewer"
    )


def tasks_of(plan: VariantPlan, bank: Bank, drawing: Drawing) -> Iterator[VariantTask]:
    """The negatives that need more variants, hardest first; a recipe of all draws ignores `drawing`."""
    if plan.quotas is None:
        grid = classic_grid()
        for negative in plan.negatives:
            yield VariantTask(negative, None, grid, bank.tried(negative.id))
        return
    for negative, has, quota in zip(plan.negatives, plan.existing, plan.quotas, strict=True):
        if quota > has:
            yield task_for(bank, negative, has=has, quota=quota, drawing=drawing)


def even_quotas(existing: Sequence[int], total: int) -> list[int]:
    """Spread variants as evenly as the existing ones allow; the remainder goes to the first.

    Args:
        existing: how many variants each negative has, the hardest first.
        total: how many there shall be in all.

    Returns:
        How many each shall have: never fewer than it has; `total` in all, or the existing ones where they are more.

    Stopped half-way and called again, it gives the same end result.
    """
    if not existing or total <= sum(existing):
        return list(existing)
    low, high = 0, total  # the highest level to which all can be filled
    while low < high:
        level = (low + high + 1) // 2
        if sum(max(level, has) for has in existing) <= total:
            low = level
        else:
            high = level - 1
    quotas = [max(low, has) for has in existing]
    left = total - sum(quotas)
    for index, has in enumerate(existing):
        if left and has <= low:
            quotas[index] += 1
            left -= 1
    return quotas
