"""The backgrounds of a retraining: those that are mined, and those that are held out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from negmine.bank.bank import Bank
from negmine.datasets.truth import may_hold_objects
from negmine.errors import ConfigError, SourceError
from negmine.held_out import HeldOut, HoldoutConfig, HoldoutSplit, hold_out_named, hold_out_share
from negmine.images.contents import Contents, OnCount, read_contents
from negmine.images.near_duplicates import near_any
from negmine.paths import first_few, printable, sortable
from negmine.retraining.labelled import LabelledData
from negmine.sources.expand import expand_sources
from negmine.words import counted

_FEW = 50  # held-out images; fewer say little
_EXPECTED = "expected backgrounds: name images without targets with --backgrounds"


@dataclass(frozen=True, slots=True)
class BackgroundImage:
    """A background: its file, the sha256 of its bytes, and the perceptual hash of its pixels."""

    path: Path
    sha256: str
    phash: int


@dataclass(frozen=True, slots=True, eq=False)
class Backgrounds:
    """Backgrounds, each content once.

    Attributes:
        mined: files that are scanned for negatives, sorted.
        held_out: what is only measured on.
        measured: the images of that.
        hashes: perceptual hash of every background, by sha256; of those that are left out too.
        left_out: why a file is neither mined nor held out, by its path.
        notes: what the user may want to know, a line each.
    """

    mined: tuple[Path, ...]
    held_out: HeldOut
    measured: tuple[BackgroundImage, ...]
    hashes: Mapping[str, int]
    left_out: Mapping[Path, str]
    notes: tuple[str, ...]


def read_backgrounds(
    sources: Sequence[str | Path],
    bank: Path | None,
    labelled: LabelledData,
    holdout: HoldoutConfig,
    *,
    workers: int | None = None,
    on_progress: OnCount | None = None,
) -> Backgrounds:
    """Read all backgrounds and hold some of them out.

    What looks like a labelled image that is trained on is never held out, as it would be measured on after it was
    learned: it is mined, or, where the user named it to be held out, left out.

    Args:
        sources: images, folders, globs, lists; where there are none, the files that the bank was mined from.
        bank: a bank's folder.
        labelled: the data set; its images are not backgrounds, even if the user names them.
        holdout: the images to hold out, or the share.
        workers: threads.
        on_progress: called with how many images are read, of how many.

    Raises:
        ConfigError: where there are neither sources nor a bank.
        SourceError: where nothing is left to mine or to measure on.
        BankError: where there is no such bank.
    """
    named = _named(holdout)
    paths = background_paths(sources, bank, holdout)
    contents = read_contents(paths, pixels=True, workers=workers, on_progress=on_progress)
    images, broken, known = _each_once(contents, labelled)
    notes = _notes_on_files(broken, known, _near_positives(images, labelled), len(set(paths)))
    left_out = {**broken, **dict.fromkeys(known, "it is in the labelled data")}
    by = holdout.group_by
    by.require_match([*(image.path for image in images), *(image.path for image in (*labelled.train, *labelled.val))])
    measured = by.keys(image.path for image in labelled.val)
    split = _hold_out(images, {contents.sha256[path] for path in named if path in contents.sha256}, measured, holdout)
    near = len(images) - len(split.rest) - len(split.held_out)
    trained = by.keys(image.path for image in labelled.train)
    split, learned = split.release({image.phash for image in labelled.train}, trained, by=by)
    like_learned = sorted((image.path for image in learned), key=sortable)
    mined = split.rest if named else (*split.rest, *learned)
    if like_learned:
        notes.append(_note_on_learned(like_learned, holdout, mined=not named))
    if named:
        left_out |= dict.fromkeys(like_learned, "it looks like an image that is trained on")
    _require_both(HoldoutSplit(mined, split.held_out), left_out, holdout, total=len(paths), learned=len(learned))
    if near:
        notes.append(
            f"{counted(near, 'background')} left out: near-duplicates of what is held out{_or_of_its_groups(holdout)}"
        )
    if len(split.held_out) < _FEW:
        notes.append(
            f"only {counted(len(split.held_out), 'background')} held out: false positives on so few are a rough "
            "estimate; give more backgrounds, or a larger --holdout"
        )
    return Backgrounds(
        mined=tuple(sorted((image.path for image in mined), key=sortable)),
        held_out=HeldOut.of(split.held_out),
        measured=split.held_out,
        hashes={image.sha256: image.phash for image in images},
        left_out=left_out,
        notes=(f"mining {counted(len(mined), 'background')}, holding out {len(split.held_out)}", *notes),
    )


def background_paths(sources: Sequence[str | Path], bank: Path | None, holdout: HoldoutConfig) -> list[Path]:
    """The files of all backgrounds, those first that are named to be held out; see `read_backgrounds`."""
    return [*_named(holdout), *([ref.path for ref in expand_sources(list(sources))] if sources else _mined_into(bank))]


def _named(holdout: HoldoutConfig) -> list[Path]:
    return [ref.path for ref in expand_sources(list(holdout.sources))] if holdout.sources else []


def _mined_into(bank: Path | None) -> list[Path]:
    """The files that a bank was mined from, and that the user said are background."""
    if bank is None:
        raise ConfigError(f"{_EXPECTED}, or a bank that was mined from some with --bank")
    with Bank(bank) as opened:
        paths = sorted(opened.background_paths(), key=sortable)
    there = [path for path in paths if path.exists()]
    if not there:
        found = f"the {len(paths)} that it was mined from are gone" if paths else "it was mined from none"
        raise SourceError(f"{_EXPECTED}; bank {printable(bank)} has none: {found}")
    return there


def _each_once(contents: Contents, labelled: LabelledData) -> tuple[list[BackgroundImage], dict[Path, str], list[Path]]:
    """Each background once; why other files are not images; and the images of the labelled data."""
    broken = dict(contents.unreadable)
    known: list[Path] = []
    once: dict[str, BackgroundImage] = {}
    in_data = labelled.contents
    for path, sha256 in contents.sha256.items():
        content = contents.images[sha256]
        if content.phash is None:
            broken[path] = content.broken or "it is not an image"
        elif sha256 in in_data or may_hold_objects(labelled.truth, path):
            known.append(path)
        else:
            once.setdefault(sha256, BackgroundImage(path, sha256, content.phash))
    return list(once.values()), broken, known


def _hold_out(
    images: Sequence[BackgroundImage], named: set[str], keys: Collection[str], holdout: HoldoutConfig
) -> HoldoutSplit[BackgroundImage]:
    """Hold out the images that the user named, by their sha256, else a share.

    Args:
        images: all backgrounds.
        named: the sha256 of those that the user named.
        keys: of labelled images that are held out; no background of their groups is mined.
        holdout: what belongs together, and the share.
    """
    by = holdout.group_by
    if holdout.sources:
        return hold_out_named(images, named, by=by, keys=keys)
    return hold_out_share(images, share=holdout.share, seed=holdout.seed, by=by, keys=keys)


def _near_positives(images: Sequence[BackgroundImage], labelled: LabelledData) -> list[Path]:
    """Backgrounds that look like images with objects."""
    positives = {image.phash for image in (*labelled.train, *labelled.val) if image.is_positive}
    near = near_any({image.phash for image in images}, positives)
    return sorted((image.path for image in images if image.phash in near), key=sortable)


def _or_of_its_groups(holdout: HoldoutConfig) -> str:
    return ", or of its groups" if holdout.group_by.has_keys else ""


def _note_on_learned(paths: Sequence[Path], holdout: HoldoutConfig, *, mined: bool) -> str:
    groups = ", or are of the groups of such images" if holdout.group_by.has_keys else ""
    what = "mined, not held out" if mined else "left out, not held out"
    return (
        f"{counted(len(paths), 'background')} {what}: they, or near-duplicates of them, look like labelled images that "
        f"are trained on (perceptual hashes within 4 bits){groups}: {first_few(paths)}"
    )


def _notes_on_files(broken: Mapping[Path, str], known: Sequence[Path], near: Sequence[Path], total: int) -> list[str]:
    notes = []
    if broken:
        notes.append(f"{len(broken)} of {counted(total, 'background')} left out, not images: {first_few(broken)}")
    if known:
        notes.append(f"{counted(len(known), 'background')} left out, in the labelled data: {first_few(known)}")
    if near:
        notes.append(
            f"near-duplicates of labelled images with objects (perceptual hashes within 4 bits) among the backgrounds: "
            f"{first_few(near)}; if one holds a target, remove it and start again"
        )
    return notes


def _require_both(
    split: HoldoutSplit[BackgroundImage],
    left_out: Mapping[Path, str],
    holdout: HoldoutConfig,
    *,
    total: int,
    learned: int,
) -> None:
    """Refuse a split with an empty side."""
    usable = len(split.rest) + len(split.held_out)
    if not usable:
        path, reason = next(iter(left_out.items()))
        raise SourceError(
            f"expected backgrounds, and none of {total} can be used ({printable(path)}: {printable(reason)}); "
            "give other images without targets"
        )
    if not split.rest or not split.held_out:
        what = "to mine" if not split.rest else "to measure on"
        by = "the images named" if holdout.sources else f"--holdout {holdout.share:g}"
        together = "groups" if holdout.group_by.has_keys else "near-duplicates"
        why = f"; {learned} would be, but look like images that are trained on" if learned else ""
        raise SourceError(
            f"none of {usable} backgrounds is left {what} by {by} ({together} stay together{why}); give more, or "
            "another --holdout or --seed"
        )
