"""Choosing the negatives of a round from the bank: hardest first, no two alike, and never one that is measured on."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from negmine.bank.bank import Bank
from negmine.bank.records import Negative
from negmine.ratios.alike import near_any, without_near
from negmine.ratios.contents import read_contents

_CUT_FROM = "SELECT c.negative_id, s.sha256, s.path_bytes FROM crops c JOIN sources s ON s.id = c.source_id"
_SCORES = """
SELECT d.negative_id, max(d.score) FROM detections d JOIN runs r ON r.id = d.run_id
WHERE r.weights_sha256 = ? AND d.negative_id IS NOT NULL GROUP BY d.negative_id
"""


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Pictures that are measured on: nothing that shows them may be trained on.

    Attributes:
        contents: their sha256.
        hashes: their perceptual hashes.
    """

    contents: frozenset[str]
    hashes: frozenset[int]


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """The negatives of a bank that a round may train on.

    Attributes:
        negatives: those that the current weights fire on first, hardest first; then the others, hardest first.
        fresh: how many of them the current weights fire on.
        measured: how many were left out because they show what is measured on.
        untraceable: how many were left out because their source is gone, so that nobody knows what it showed.
    """

    negatives: tuple[Negative, ...]
    fresh: int
    measured: int
    untraceable: int


def candidates(bank: Bank, weights_sha256: str, measured: Measured, known: Mapping[str, int]) -> Candidates:
    """List the negatives that may be trained on.

    Those of earlier rounds stay in, so that what was unlearned is not learned again; but what the current weights get
    wrong comes first, whatever score an earlier detector gave to what is settled by now.

    Args:
        bank: with the current weights' scan in it.
        weights_sha256: of the current weights, as the bank has it.
        measured: what must not be trained on, nor anything that is cut from it or from a near-duplicate.
        known: perceptual hashes by sha256, of sources that were read already.
    """
    usable, _ = bank.exportable()
    sources = _sources(bank)
    gone, told = _source_hashes({sha: path for cut in sources.values() for sha, path in cut.items()}, known)
    own = {number: int(phash, 16) for number, phash in bank.query("SELECT id, phash FROM negatives")}
    near = near_any({*told.values(), *own.values()}, measured.hashes)
    free: list[Negative] = []
    shown = untraceable = 0
    for negative in usable:
        cut = set(sources[negative.id])
        pictures = {own[negative.id], *(told[sha] for sha in cut if sha in told)}
        if pictures & near or (cut | {negative.sha256}) & measured.contents:
            shown += 1
        elif cut & gone:
            untraceable += 1
        else:
            free.append(negative)
    scores = dict(bank.query(_SCORES, (weights_sha256,)))
    free.sort(key=lambda each: (each.id not in scores, -scores.get(each.id, each.score), each.sha256))
    return Candidates(tuple(free), sum(each.id in scores for each in free), shown, untraceable)


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


def _sources(bank: Bank) -> dict[int, dict[str, Path]]:
    """What each negative was cut from: usually one picture, sometimes several whose crops have the same bytes."""
    found: dict[int, dict[str, Path]] = {}
    for number, sha256, name in bank.query(_CUT_FROM):
        found.setdefault(number, {})[sha256] = Path(os.fsdecode(name))
    return found


def _source_hashes(sources: Mapping[str, Path], known: Mapping[str, int]) -> tuple[frozenset[str], dict[str, int]]:
    """Which sources cannot be read any more, and the perceptual hashes of the others."""
    told = {sha256: known[sha256] for sha256 in sources if sha256 in known}
    unread = {sha256: path for sha256, path in sources.items() if sha256 not in known}
    contents = read_contents(_in_order(unread.values()), pixels=True)
    for sha256, path in unread.items():
        picture = contents.picture(path)
        if contents.sha256.get(path) == sha256 and picture is not None and picture.phash is not None:
            told[sha256] = picture.phash
    return frozenset(sources) - set(told), told


def _in_order(paths: Iterable[Path]) -> list[Path]:
    return sorted(set(paths), key=os.fsencode)
