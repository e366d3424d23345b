"""Choosing the negatives that a training is given: hardest first, look-alikes last, and none that the rule refuses.

The current weights scan the backgrounds first. Then `TrainingRule` decides which negatives of the bank may be trained
on, the hardest are chosen, and variants fill up what the ratio still lacks.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Self

from negmine.augmenting.draws import Drawing
from negmine.augmenting.places import Places
from negmine.augmenting.plan import even_quotas
from negmine.augmenting.variants import VariantMaker, task_for
from negmine.bank.bank import Bank
from negmine.bank.records import Negative, Variant
from negmine.bank.writer import BankWriter
from negmine.files import write_file
from negmine.images.near_duplicates import without_near
from negmine.mining.config import ScanConfig
from negmine.mining.scan import scan
from negmine.ratios.target import Ratio, places_for_bank
from negmine.retraining.config import VariantRecipe
from negmine.retraining.context import Member, Run
from negmine.retraining.documents import read_record
from negmine.retraining.training_set import place_negatives, write_data_yaml
from negmine.trainable import BankHashes, Refusal, TrainingRule, is_held_back, trainable, variants_of
from negmine.videos.contents import OnCount
from negmine.words import counted

_QUALITY = 95  # of the JPEG files of variants


@dataclass(frozen=True, slots=True)
class RoundCounts:
    """What a round is trained on, in counts; see `RoundResult`."""

    fresh: int
    chosen: int
    variants: int
    empties: int
    notes: tuple[str, ...] = ()
    steps: int = 0
    blended: int | None = None
    start_share: float = 0.0

    @classmethod
    def of_members(cls, counts: Sequence[RoundCounts]) -> Self:
        """The means of the members of a round, and what is to be said of each."""
        shared = [note for note in counts[0].notes if all(note in each.notes for each in counts)]
        own = [
            f"member {number}: {note}"
            for number, each in enumerate(counts, 1)
            for note in each.notes
            if note not in shared
        ]
        rows = [(each.fresh, each.chosen, each.variants, each.empties) for each in counts]
        fresh, chosen, variants, empties = (round(fmean(column)) for column in zip(*rows, strict=True))
        return cls(fresh, chosen, variants, empties, (*shared, *own))


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """The negatives of a bank that a round may train on.

    Attributes:
        negatives: those that the current weights fire on first, hardest first; then the others, hardest first.
        fresh: how many of them the current weights fire on.
        refused: how many the rule left out, by the reason.
        held_back: how many are likely targets without a label, or flickers.
    """

    negatives: tuple[Negative, ...]
    fresh: int
    refused: Mapping[Refusal, int]
    held_back: int


def select_negatives(run: Run, number: int, member: Member, current: Path) -> RoundCounts:
    """Choose the negatives of a member, and put them where they are trained on; what was chosen before stays chosen.

    Args:
        run: the retraining.
        number: of the round.
        member: of the round.
        current: the weights that scan.

    Returns:
        What there is; nothing is chosen where the bank has nothing to train on.
    """
    home, config = run.home(number, member), run.config
    if home.negatives.is_file():
        return read_record(RoundCounts, home.counts)
    weights_sha256 = _scan(run, number, member, current)
    with Bank(run.bank) as bank:
        hashes = BankHashes.read(bank, run.data.hashes)
        rule = TrainingRule(member.known, hashes, accept_flicker=run.config.accept_flicker)
        found = candidates(bank, weights_sha256, rule)
    asked, wanted = _wanted(run, member)
    most = max(wanted, config.negatives)
    chosen = choose(
        found.negatives, hashes.negatives, most, near_bits=config.near_bits, max_per_source=config.max_per_source
    )
    variants = _variants(run, number, member, chosen, wanted - len(chosen), rule)
    empties = len(member.images.empties)
    notes = _notes(found, len(chosen) + len(variants) + empties, asked, run)
    counts = RoundCounts(found.fresh, len(chosen), len(variants), empties, notes)
    write_file(home.counts, (json.dumps(asdict(counts), indent=1) + "\n").encode())
    write_data_yaml(home, member.images, run.data.class_names, channels=run.data.channels, negatives=True)
    place_negatives(run.folder, home, chosen, variants)  # their list comes last: with it, all the rest is there
    return counts


def candidates(bank: Bank, weights_sha256: str, rule: TrainingRule) -> Candidates:
    """List the negatives that may be trained on.

    Negatives of earlier rounds stay in, so that the detector does not relearn them. What the current weights fire on
    comes first, whatever score an earlier detector gave to the others.

    Args:
        bank: with the current weights' scan in it.
        weights_sha256: of the current weights, as the bank has it.
        rule: what may be trained on.
    """
    cuts = bank.cuts()
    negatives, _ = trainable(bank, rule.known.objects, accept_flicker=rule.accept_flicker)
    refusals = {negative.id: rule.refusal(negative, cuts[negative.id]) for negative in negatives}
    free = [negative for negative in negatives if refusals[negative.id] is None]
    scores = bank.negative_scores(weights_sha256)
    free.sort(key=lambda each: (each.id not in scores, -scores.get(each.id, each.score), each.sha256))
    refused = Counter(refusal for refusal in refusals.values() if refusal is not None)
    held_back = sum(is_held_back(each, accept_flicker=rule.accept_flicker) for each in bank.negatives())
    return Candidates(tuple(free), sum(each.id in scores for each in free), refused, held_back)


def choose(
    negatives: Sequence[Negative], hashes: Mapping[int, int], wanted: int, *, near_bits: int, max_per_source: int
) -> list[Negative]:
    """Take the first so many that differ; where places are left, as many again that are nearly the same as one before.

    Small things on plain ground are nearly the same to a hash; ten thousand frames of one lamp are, too.

    Args:
        negatives: in the order of choice.
        hashes: perceptual hash by the negative's number.
        wanted: how many, at most.
        near_bits: hashes that differ in so many bits or fewer are nearly the same.
        max_per_source: how many of one source image.
    """
    apart = without_near([hashes[each.id] for each in negatives], bits=near_bits)
    taken: Counter[str] = Counter()

    def first(indices: Iterable[int], most: int) -> list[int]:
        found = list[int]()
        for index in indices:
            source = negatives[index].source_sha256
            if len(found) < most and taken[source] < max_per_source:
                taken[source] += 1
                found.append(index)
        return found

    chosen = first(apart, wanted)
    chosen += first(sorted({*range(len(negatives))} - {*apart}), min(wanted - len(chosen), len(chosen)))
    return [negatives[index] for index in chosen]


def expand(
    bank: Path,
    negatives: Sequence[Negative],
    wanted: int,
    rule: TrainingRule,
    *,
    most: int,
    seed: int,
    recipe: VariantRecipe = "mild",
    workers: int | None = None,
    on_progress: OnCount | None = None,
) -> list[tuple[Negative, Variant]]:
    """Bring negatives to so many variants in all, spread evenly, and list them; those that are there count.

    What was made before a kill stays, and the next run makes the rest: the variants are the same.

    Args:
        bank: its folder.
        negatives: hardest first.
        wanted: variants in all.
        rule: what may be trained on.
        most: of one negative.
        seed: of the draws.
        recipe: what they are drawn from; see `RetrainConfig.variant_recipe`.
        workers: threads.
        on_progress: called with how many are made, of how many.

    Returns:
        Each with its negative, in the order of those; fewer where no draw gives a new image.
    """
    quotas = even_quotas([0] * len(negatives), min(wanted, most * len(negatives)))
    with BankWriter(bank, purpose="negmine retrain") as writer:
        counts = Counter(each.negative_id for each in variants_of(negatives, writer.variants()))
        drawing = Drawing(seed) if recipe == "mild" else Drawing(seed, None, Places.read(writer, negatives))
        tasks = [
            task_for(writer, each, has=counts[each.id], quota=quota, drawing=drawing)
            for each, quota in zip(negatives, quotas, strict=True)
            if counts[each.id] < quota
        ]
        total = sum(task.missing for task in tasks)
        for so_far in VariantMaker(writer, quality=_QUALITY, workers=workers).run(tasks):
            if on_progress is not None:
                on_progress(so_far.made.total(), total)
    with Bank(bank) as opened:
        _, variants = trainable(opened, rule.known.objects, accept_flicker=rule.accept_flicker)
    of: dict[int, list[Variant]] = {}
    for variant in variants_of(negatives, variants):
        if rule.refusal_of_variant(variant) is None:
            of.setdefault(variant.negative_id, []).append(variant)
    return [
        (each, variant)
        for each, quota in zip(negatives, quotas, strict=True)
        for variant in of.get(each.id, [])[:quota]
    ]


def _scan(run: Run, number: int, member: Member, current: Path) -> str:
    """Scan the backgrounds into the bank; the weights' hash, as the bank has it."""
    config = run.config
    detector = run.ports.open_detector(
        replace(run.detector, weights=str(current), conf=min(config.conf, config.mine_conf))
    )
    run.step(number, f"scanning {counted(len(member.mined), 'background')}", member)
    scan(
        list(member.mined),
        detector,
        bank=run.bank,
        config=ScanConfig(crop=config.crop, workers=config.workers),
        on_progress=lambda now: run.listener.on_progress("images scanned", now.done, now.total or now.done),
    )
    return detector.identity.sha256


def _wanted(run: Run, member: Member) -> tuple[int, int]:
    """How many images without objects the ratio asks for, and how many of the bank.

    More of the bank than these are chosen, up to the number in the settings: a training keeps the ratio in each batch
    and draws its negatives in turn, so more of them are only more different.

    The empty images of the data set are always trained on, however many they are.
    """
    asked = Ratio.parse(run.config.ratio).negatives_for(len(member.images.positives))
    return asked, places_for_bank(asked, len(member.images.empties))


def _variants(
    run: Run, number: int, member: Member, chosen: Sequence[Negative], missing: int, rule: TrainingRule
) -> list[tuple[Negative, Variant]]:
    config = run.config
    if not config.variants or not chosen or missing < 1:
        return []
    run.step(number, f"making up to {counted(missing, 'variant')} of {counted(len(chosen), 'negative')}", member)
    return expand(
        run.bank,
        chosen,
        missing,
        rule,
        most=config.max_variants,
        seed=config.seed,
        recipe=config.variant_recipe,
        workers=config.workers,
        on_progress=run.listener.counts("variants"),
    )


def _notes(found: Candidates, there: int, asked: int, run: Run) -> tuple[str, ...]:
    notes = []
    refused = found.refused
    alone = len(run.members) == 1  # else the bank holds what other members mined
    if alone and (held_out := refused.get(Refusal.HELD_OUT, 0)):
        notes.append(
            f"{counted(held_out, 'negative')} of the bank not trained on: held out, or cut from images that are held "
            "out or belong to one that is"
        )
    if labelled := sum(refused.get(each, 0) for each in (Refusal.TARGET, Refusal.UNCLEAR, Refusal.NEAR_POSITIVE)):
        notes.append(
            f"{counted(labelled, 'negative')} of the bank not trained on: the data has an object where they were cut, "
            "or a label that is not used, or they look like one of its images with objects"
        )
    if gone := refused.get(Refusal.UNTRACEABLE, 0):
        notes.append(
            f"{counted(gone, 'negative')} of the bank not trained on: the images that they were cut from are gone or "
            "have changed, so they cannot be compared with what is held out"
        )
    if found.held_back:
        notes.append(
            f"{counted(found.held_back, 'negative')} of the bank not trained on: they look like targets without a "
            "label, or are flickers; see `negmine bank list --sort unlabelled`, and accept those that show no target"
        )
    if there < asked:
        notes.append(
            f"{counted(there, 'image')} without objects, fewer than the {asked} of {run.config.ratio}: "
            "each is shown more often"
        )
    return tuple(notes)
