"""Augment: variants of the negatives of a bank, to a number or up to a ratio."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from negmine.augmenting.config import AugmentConfig
from negmine.augmenting.draws import Drawing
from negmine.augmenting.plan import VariantPlan, plan_variants, tasks_of
from negmine.augmenting.result import AugmentProgress, AugmentResult, SkippedNegative
from negmine.augmenting.variants import VariantCounts, VariantMaker
from negmine.bank.bank import require_bank
from negmine.bank.writer import BankWriter
from negmine.datasets.open import open_dataset
from negmine.errors import BankError
from negmine.paths import printable
from negmine.ratios.bank_summary import objects_that_wait
from negmine.trainable import trainable, variants_of


def augment(
    bank: str | Path,
    *,
    config: AugmentConfig,
    on_progress: Callable[[AugmentProgress], None] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> AugmentResult:
    """Make variants of a bank's negatives, each by one operation or two, with their parameters.

    Negatives that may not be trained on get none: those that a reviewer rejected or marked as a target, that are likely
    targets without a label, or that were cut from an image with a target that waits for its label, which `positives`
    may have. Variants that are there stay, whatever made them, and count; asking for the same again makes nothing. A
    run that was stopped resumes where it was.

    Args:
        bank: the bank's folder.
        config: how many, of which kinds.
        on_progress: called with the progress.
        clock: seconds, for the time in the result.

    Raises:
        BankError: where the folder is not a bank, has no negatives, or cannot be written; what was stored stays.
        ConfigError: where the ratio asks too much of one negative.
        TruthError: where the positives cannot be read, or hold no object.
    """
    started = clock()
    require_bank(Path(bank))
    with BankWriter(bank, purpose="negmine augment") as writer:
        positives = [open_dataset(path, split=config.split, config=config.labels) for path in config.positives]
        free, _ = trainable(writer, objects_that_wait(writer, positives))
        in_bank, usable = writer.negative_count(), free[: config.hardest]
        variants = variants_of(free, writer.variants())
        if not usable:
            raise BankError(
                f"bank {printable(writer.folder)} has no negatives to make variants of ({in_bank} in it, none "
                "that a reviewer left); scan more backgrounds with `negmine scan`"
            )
        plan = plan_variants(writer, usable, variants, config)
        maker = VariantMaker(writer, quality=config.quality, workers=config.workers)
        _report(plan, maker.counts, on_progress)
        for counts in maker.run(tasks_of(plan, writer, Drawing.of(config, writer, free))):
            _report(plan, counts, on_progress)
    return AugmentResult(
        bank=writer.folder,
        negatives=len(usable),
        left_out=in_bank - len(free),
        before=sum(plan.existing),
        made=dict(sorted(maker.counts.made.items())),
        unchanged=maker.counts.unchanged,
        repeats=maker.counts.repeats,
        missing=maker.counts.missing,
        skipped=tuple(SkippedNegative(path, reason) for path, reason in maker.counts.skipped.items()),
        mix=plan.mix,
        wanted=plan.wanted,
        seconds=clock() - started,
    )


def _report(plan: VariantPlan, counts: VariantCounts, on_progress: Callable[[AugmentProgress], None] | None) -> None:
    if on_progress is not None:
        made = sum(counts.made.values())
        tried = made + counts.unchanged + counts.repeats
        on_progress(AugmentProgress(done=tried if plan.quotas is None else made, total=plan.total))
