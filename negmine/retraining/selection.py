"""Choosing the negatives of a round from the bank: hardest first, no two alike, and never one that is measured on.

Nor one that shows an object of the data set: a bank may have been made from its images as if nothing was in them.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from negmine.bank.bank import Bank
from negmine.bank.records import Cut, Negative
from negmine.boxes import Rect, box_intersection
from negmine.images.contents import read_contents
from negmine.images.near_duplicates import near_any, without_near
from negmine.structures import FloatArray

_SCORES = """
SELECT d.negative_id, max(d.score) FROM detections d JOIN runs r ON r.id = d.run_id
WHERE r.weights_sha256 = ? AND d.negative_id IS NOT NULL GROUP BY d.negative_id
"""


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What must not be trained on as empty: what is measured on, and what the data set knows better.

    Attributes:
        contents: sha256 of the pictures that are measured on.
        hashes: their perceptual hashes.
        objects: boxes [N, 4] of the objects in each labelled picture that is trained on, by its sha256.
        positives: perceptual hashes of those of them that have any.
        unused: sha256 of labelled pictures whose labels nobody read, or whose split is not used.
    """

    contents: frozenset[str]
    hashes: frozenset[int]
    objects: Mapping[str, FloatArray] = field(default_factory=dict)
    positives: frozenset[int] = frozenset()
    unused: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """The negatives of a bank that a round may train on.

    Attributes:
        negatives: those that the current weights fire on first, hardest first; then the others, hardest first.
        fresh: how many of them the current weights fire on.
        measured: how many were left out because they show what is measured on.
        labelled: how many were left out because the data set has an object there, or a label that is not used.
        untraceable: how many were left out because their source is gone, so that nobody knows what it showed.
    """

    negatives: tuple[Negative, ...]
    fresh: int
    measured: int
    labelled: int
    untraceable: int


def candidates(bank: Bank, weights_sha256: str, measured: Measured, known: Mapping[str, int]) -> Candidates:
    """List the negatives that may be trained on.

    Those of earlier rounds stay in, so that what was unlearned is not learned again; but what the current weights get
    wrong comes first, whatever score an earlier detector gave to what is settled by now.

    Args:
        bank: with the current weights' scan in it.
        weights_sha256: of the current weights, as the bank has it.
        measured: what must not be trained on, nor anything that is cut from it or from a near-duplicate; of labelled
            pictures that are trained on only the parts with objects. A near-duplicate of one of those may be another
            size, so that nobody knows where its objects are: nothing at all of it is trained on.
        known: perceptual hashes by sha256, of sources that were read already.
    """
    usable, _ = bank.exportable()
    cuts = bank.cuts()
    gone, told = _source_hashes({cut.sha256: cut.path for each in cuts.values() for cut in each}, known)
    own = perceptual_hashes(bank)
    pictures = {*told.values(), *own.values()}
    near, near_positives = near_any(pictures, measured.hashes), near_any(pictures, measured.positives)
    free: list[Negative] = []
    shown = labelled = untraceable = 0
    for negative in usable:
        sources = {cut.sha256 for cut in cuts[negative.id]}
        unlabelled = sources - set(measured.objects)  # what has a label is judged by that, whatever it looks like
        if _looks(negative, sources, own, told) & near or (sources | {negative.sha256}) & measured.contents:
            shown += 1
        elif _is_labelled(negative, cuts[negative.id], measured) or (
            unlabelled and _looks(negative, unlabelled, own, told) & near_positives
        ):
            labelled += 1
        elif sources & gone:
            untraceable += 1
        else:
            free.append(negative)
    scores = dict(bank.query(_SCORES, (weights_sha256,)))
    free.sort(key=lambda each: (each.id not in scores, -scores.get(each.id, each.score), each.sha256))
    return Candidates(tuple(free), sum(each.id in scores for each in free), shown, labelled, untraceable)


def choose(
    negatives: Sequence[Negative], hashes: Mapping[int, int], wanted: int, *, near_bits: int, max_per_source: int
) -> list[Negative]:
    """Take the first so many, leaving out what is nearly the same as one before, and too many of one source.

    Args:
        negatives: in the order of choice.
        hashes: perceptual hash by the negative's number.
        wanted: how many, at most.
        near_bits: hashes that differ in so many bits or fewer are nearly the same.
        max_per_source: how many of one source image.
    """
    distinct = [negatives[i] for i in without_near([hashes[each.id] for each in negatives], bits=near_bits)]
    taken: Counter[str] = Counter()
    chosen: list[Negative] = []
    for negative in distinct:
        if len(chosen) < wanted and taken[negative.source_sha256] < max_per_source:
            taken[negative.source_sha256] += 1
            chosen.append(negative)
    return chosen


def perceptual_hashes(bank: Bank) -> dict[int, int]:
    """Of every negative, by its number."""
    return {number: int(phash, 16) for number, phash in bank.query("SELECT id, phash FROM negatives")}


def _looks(negative: Negative, sources: Iterable[str], own: Mapping[int, int], told: Mapping[str, int]) -> set[int]:
    """The perceptual hashes of a negative and of what it was cut from, as far as that can be read."""
    return {own[negative.id], *(told[sha256] for sha256 in sources if sha256 in told)}


def _is_labelled(negative: Negative, cuts: Sequence[Cut], measured: Measured) -> bool:
    """Whether the data set has an object where a negative was cut, or a label of it that is not used."""
    if negative.sha256 in measured.unused or len(measured.objects.get(negative.sha256, ())):
        return True
    return any(cut.sha256 in measured.unused or _touches(cut.rect, measured.objects.get(cut.sha256)) for cut in cuts)


def _touches(rect: Rect, boxes_xyxy: FloatArray | None) -> bool:
    if boxes_xyxy is None:
        return False
    return bool(box_intersection(np.array([rect], dtype=np.float64), boxes_xyxy).any())


def _source_hashes(sources: Mapping[str, Path], known: Mapping[str, int]) -> tuple[frozenset[str], dict[str, int]]:
    """Which sources cannot be read any more, and the perceptual hashes of the others."""
    told = {sha256: known[sha256] for sha256 in sources if sha256 in known}
    unread = {sha256: path for sha256, path in sources.items() if sha256 not in known}
    contents = read_contents(_in_order(unread.values()), pixels=True)
    for sha256, path in unread.items():
        picture = contents.image(path)
        if contents.sha256.get(path) == sha256 and picture is not None and picture.phash is not None:
            told[sha256] = picture.phash
    return frozenset(sources) - set(told), told


def _in_order(paths: Iterable[Path]) -> list[Path]:
    return sorted(set(paths), key=os.fsencode)
