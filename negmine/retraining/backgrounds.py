"""The backgrounds of a retraining: those that are mined, and those that are only ever measured on."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from negmine.bank.bank import Bank
from negmine.errors import ConfigError, SourceError
from negmine.images.contents import OnCount, read_contents
from negmine.images.near_duplicates import near_any, near_groups
from negmine.paths import printable, sortable
from negmine.retraining.holdout import Sides, split_as_named, split_by_content
from negmine.retraining.labelled import Labelled
from negmine.retraining.pictures import LabelledPicture, named
from negmine.sources.expand import expand_sources

_FEW = 50  # held-out images; fewer say little


@dataclass(frozen=True, slots=True, eq=False)
class Backgrounds:
    """Backgrounds, each content once.

    Attributes:
        mined: files that are scanned for negatives, sorted.
        held_out: files that are only measured on, sorted.
        hashes: perceptual hash of each, by sha256.
        held_out_contents: sha256 of the files held out.
        left_out: why a file is neither, by its path.
        notes: what the user may want to know, a line each.
    """

    mined: tuple[Path, ...]
    held_out: tuple[Path, ...]
    hashes: Mapping[str, int]
    held_out_contents: frozenset[str]
    left_out: Mapping[Path, str]
    notes: tuple[str, ...]


def read_backgrounds(
    sources: Sequence[str | Path],
    bank: Path | None,
    labelled: Labelled,
    *,
    held_out: Sequence[str | Path] = (),
    share: float,
    seed: int,
    workers: int | None = None,
    on_progress: OnCount | None = None,
) -> Backgrounds:
    """Read all backgrounds and split them by what is in them.

    What looks like a labelled image that is trained on is never held out, as it would be measured on after it was
    learned: it is mined, or, where it was named to be held out, left out.

    Args:
        sources: images, folders, globs, lists; where there are none, the bank's sources that were scanned as
            backgrounds.
        bank: a bank's folder.
        labelled: the data set; what is in it is no background, whatever the user says.
        held_out: images without targets that are to be held out; where there are none, a share of the others is.
        share: of the backgrounds that is held out.
        seed: of the split.
        workers: threads.
        on_progress: called with how many images are read, of how many.

    Raises:
        ConfigError: where there are neither sources nor a bank.
        SourceError: where nothing is left to mine or to measure on.
        BankError: where there is no such bank.
    """
    apart = [ref.path for ref in expand_sources(list(held_out))] if held_out else []
    paths = [ref.path for ref in expand_sources(list(sources))] if sources else _banked(bank)
    contents = read_contents([*apart, *paths], pixels=True, workers=workers, on_progress=on_progress)
    left_out = dict(contents.unreadable)
    known: list[Path] = []
    once: dict[str, Path] = {}
    hashes: dict[str, int] = {}
    for path, sha256 in contents.sha256.items():
        picture = contents.images[sha256]
        if picture.phash is None:
            left_out[path] = picture.broken or "it is no image"
        elif sha256 in labelled.contents:
            known.append(path)
        else:
            once.setdefault(sha256, path)
            hashes[sha256] = picture.phash
    notes = _notes(left_out, known, _near_positives(once, hashes, labelled), len({*apart, *paths}))
    left_out |= dict.fromkeys(known, "it is in the labelled data")
    named_ones = {contents.sha256[path] for path in apart if path in contents.sha256} & set(hashes)
    sides = split_as_named(hashes, named_ones) if apart else split_by_content(hashes, share=share, seed=seed)
    near = len(hashes) - len(sides.rest) - len(sides.held_out)
    sides, learned = _without_learned(sides, hashes, labelled.train, mine=not apart)
    like_learned = sorted((once[sha256] for sha256 in learned), key=sortable)
    if like_learned:
        notes.append(_note_on_learned(like_learned, mine=not apart))
    if apart:
        left_out |= dict.fromkeys(like_learned, "it looks like an image that is trained on")
    by = f"--holdout {share:g}" if not apart else "the images named"
    _require_both(sides, [*apart, *paths], left_out, by, learned=len(learned))
    if near:
        notes.append(f"{near} backgrounds are left out, as they are near-duplicates of what is held out")
    if len(sides.held_out) < _FEW:
        notes.append(
            f"only {len(sides.held_out)} backgrounds are held out: false positives on so few say little; give more "
            "backgrounds, or a larger --holdout"
        )
    return Backgrounds(
        mined=tuple(sorted((once[sha256] for sha256 in sides.rest), key=sortable)),
        held_out=tuple(sorted((once[sha256] for sha256 in sides.held_out), key=sortable)),
        hashes=hashes,
        held_out_contents=frozenset(sides.held_out),
        left_out=left_out,
        notes=(f"{len(sides.rest)} backgrounds are mined, {len(sides.held_out)} are only measured on", *notes),
    )


def _banked(bank: Path | None) -> list[Path]:
    """The files that a bank was made from, and that the user said are background."""
    expected = "expected backgrounds: name images without targets with --backgrounds"
    if bank is None:
        raise ConfigError(f"{expected}, or a bank that was made from some with --bank")
    with Bank(bank) as opened:
        rows = list(opened.query("SELECT key FROM items WHERE truth_hash IS NULL"))
    paths = sorted((Path(os.fsdecode(name)) for (name,) in rows), key=sortable)
    there = [path for path in paths if path.exists()]
    if not there:
        found = f"the {len(paths)} that it was made from are gone" if paths else "it was made from none"
        raise SourceError(f"{expected}; bank {printable(bank)} has none: {found}")
    return there


def _near_positives(once: Mapping[str, Path], hashes: Mapping[str, int], labelled: Labelled) -> list[Path]:
    """Backgrounds that look like images with objects."""
    positives = (picture for picture in (*labelled.train, *labelled.val) if picture.is_positive)
    return sorted((once[sha256] for sha256 in _near(hashes, positives)), key=sortable)


def _near(hashes: Mapping[str, int], pictures: Iterable[LabelledPicture]) -> set[str]:
    """Those of the backgrounds that look like one of the pictures."""
    near = near_any(set(hashes.values()), {picture.phash for picture in pictures})
    return {sha256 for sha256, phash in hashes.items() if phash in near}


def _without_learned(
    sides: Sides, hashes: Mapping[str, int], train: Sequence[LabelledPicture], *, mine: bool
) -> tuple[Sides, Collection[str]]:
    """Take out of what is held out whatever looks like what is trained on, with its near-duplicates.

    Args:
        sides: each group of near-duplicates on one of them.
        hashes: perceptual hash by sha256.
        train: what is trained on.
        mine: put it to the rest.

    Returns:
        The sides, and what was taken out.
    """
    held_out = {sha256: hashes[sha256] for sha256 in sides.held_out}
    near = _near(held_out, train)
    if not near:
        return sides, ()
    learned = {sha256 for group in near_groups(held_out) if not near.isdisjoint(group) for sha256 in group}
    rest = sorted({*sides.rest, *learned}) if mine else sides.rest
    return Sides(tuple(sorted(set(held_out) - learned)), tuple(rest)), learned


def _note_on_learned(paths: Sequence[Path], *, mine: bool) -> str:
    what = "mined, not held out" if mine else "left out, not held out"
    return (
        f"{len(paths)} backgrounds are {what}, as they or near-duplicates of them look like labelled images that are "
        f"trained on (perceptual hashes within 4 bits): {named(paths)}"
    )


def _notes(left_out: Mapping[Path, str], known: Sequence[Path], near: Sequence[Path], total: int) -> list[str]:
    notes = []
    if left_out:
        notes.append(f"{len(left_out)} of {total} backgrounds are left out, as no image is in them: {named(left_out)}")
    if known:
        notes.append(f"{len(known)} backgrounds are left out, as they are in the labelled data: {named(known)}")
    if near:
        notes.append(
            f"{len(near)} backgrounds look like labelled images with objects (perceptual hashes within 4 bits): "
            f"{named(near)}; if a target is in one, remove it and start again"
        )
    return notes


def _require_both(sides: Sides, paths: Sequence[Path], left_out: Mapping[Path, str], by: str, *, learned: int) -> None:
    """Refuse to go on where one side is empty."""
    usable = len(sides.rest) + len(sides.held_out)
    if not usable:
        path, reason = next(iter(left_out.items()))
        raise SourceError(
            f"expected backgrounds, and none of {len(paths)} can be used ({printable(path)}: {printable(reason)}); "
            "give other images without targets"
        )
    if not sides.rest or not sides.held_out:
        what = "to mine" if not sides.rest else "to measure on"
        why = f"; {learned} would be, but look like images that are trained on" if learned else ""
        raise SourceError(
            f"none of {usable} backgrounds is left {what} by {by} (near-duplicates stay together{why}); give more, or "
            "another --holdout or --seed"
        )
