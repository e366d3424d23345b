"""Dividing the images: what each member of a round learns from, and what it is measured on.

With one fold, a split of the data, a share of the images or what the user names is held out from every training.

With several (k-fold cross-fitting), a round trains a member for each fold, on all images but those of the fold, and
measures it on these. So every image is measured on once, by the member that never saw it, and the average of the
members' weights has learned from all images. Where few images are labelled, a share of them is too few to judge by.
Labelled images are divided only where the data has no split to measure on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import chain
from operator import or_
from pathlib import Path

from negmine.errors import ConfigError, SourceError
from negmine.fold_assignment import ImageKind, assign_folds, groups_with
from negmine.grouping import GroupBy
from negmine.held_out import HeldOut, HoldoutConfig, HoldoutSplit, hold_out_named, hold_out_share, image_groups
from negmine.paths import first_few, sortable
from negmine.retraining.backgrounds import BackgroundImage, Backgrounds
from negmine.retraining.labelled import ImageWithTruth, LabelledData, require_objects
from negmine.trainable import KnownImages
from negmine.words import counted

FEW_LABELLED = 200  # images with objects; with fewer, a share of them is too few to judge by
FOLDS = 3  # where the user leaves it open
_FEW = 50  # held-out backgrounds; fewer say little


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """What one member of every round learns from, and what it is measured on; no image is in both.

    Attributes:
        train: labelled images that it is trained on.
        val: labelled images that it is measured on.
        mined: backgrounds that are scanned for its negatives, sorted.
        backgrounds: those that it is measured on.
        known: what is held out from it, and what the labels say: no negative may contradict it.
    """

    train: tuple[ImageWithTruth, ...]
    val: tuple[ImageWithTruth, ...]
    mined: tuple[Path, ...]
    backgrounds: HeldOut
    known: KnownImages


@dataclass(frozen=True, slots=True, eq=False)
class Division:
    """The images of a retraining, divided.

    Attributes:
        folds: one for each member of a round.
        number_of: the fold that is measured on an image, by sha256. No member is trained on those of the data's own
            split to measure on; those that are missing here are trained on, or mined, by all.
        groups: the group of each image that is measured on, by sha256: images that belong together.
        left_out: why a background is neither mined nor measured on, by its path.
        notes: what the user may want to know, a line each.
    """

    folds: tuple[Fold, ...]
    number_of: Mapping[str, int]
    groups: Mapping[str, str]
    left_out: Mapping[Path, str]
    notes: tuple[str, ...]

    @property
    def backgrounds(self) -> HeldOut:
        """All backgrounds that are measured on."""
        return reduce(or_, (fold.backgrounds for fold in self.folds))

    def parts(self, labelled: LabelledData) -> dict[str, tuple[ImageWithTruth, ...]]:
        """The labelled images by who is trained on them: `train` by all, `val` by none, `fold-N` by all but member N.

        Args:
            labelled: the data that was divided.
        """
        trained_on = [{image.sha256 for image in fold.train} for fold in self.folds]
        parts: dict[str, list[ImageWithTruth]] = {"train": [], "val": []}
        for image in labelled.images:
            count = sum(image.sha256 in each for each in trained_on)
            if count == len(self.folds):
                name = "train"
            else:
                name = f"fold-{self.number_of[image.sha256] + 1}" if count else "val"
            parts.setdefault(name, []).append(image)
        return {name: tuple(images) for name, images in sorted(parts.items()) if images}


def folds_where_few(labelled: LabelledData, backgrounds: Backgrounds, by: GroupBy) -> int:
    """How many folds to make where the user leaves it open.

    Args:
        labelled: the labelled images.
        backgrounds: the backgrounds.
        by: what belongs together.

    Returns:
        `FOLDS`, or as many as the images can be divided into, where few images with objects are trained on, and no
        backgrounds are named to be held out; else 1.
    """
    few = sum(image.is_positive for image in labelled.train) < FEW_LABELLED
    if backgrounds.named or not few:
        return 1
    groups, kinds, _ = _to_divide(labelled, backgrounds, by)
    return max(1, min(FOLDS, *(groups_with(groups, kinds, kind) for kind, _ in _needed(labelled))))


def divide(labelled: LabelledData, backgrounds: Backgrounds, holdout: HoldoutConfig, *, folds: int) -> Division:
    """Divide the images into what is learned from and what is measured on.

    A background that looks like a labelled image is never measured on by a member that is trained on that image: it is
    in the same fold; or, where all members are, it is mined; or left out, where the user named it to be held out.

    Args:
        labelled: the labelled images.
        backgrounds: the backgrounds.
        holdout: what is held out where there is one fold, and what belongs together.
        folds: how many, 1 or more.

    Raises:
        ConfigError: for more folds than the images can be divided into.
        TruthError: where no objects are left to train on or to measure on.
        SourceError: where no background is left to mine or to measure on.
    """
    every: tuple[ImageWithTruth | BackgroundImage, ...] = (*labelled.images, *backgrounds.images)
    holdout.group_by.require_match([image.path for image in every])
    if folds == 1:
        plan = _held_out_once(labelled, backgrounds, holdout)
    else:
        plan = _dealt(labelled, backgrounds, folds, holdout)
    made = tuple(_fold(number, labelled, backgrounds, plan, holdout.group_by) for number in range(folds))
    for fold in made:
        require_objects(labelled.path, "to train on", fold.train)
    require_objects(labelled.path, "to measure recall on", [*chain.from_iterable(fold.val for fold in made)])
    measured = sum(len(fold.backgrounds.contents) for fold in made)
    notes = [*plan.notes, *_notes_on_sides(made)]
    if measured < _FEW:
        notes.append(
            f"only {counted(measured, 'background')} held out: false positives on so few are a rough estimate; give "
            f"more backgrounds{', or a larger --holdout' if folds == 1 else ''}"
        )
    groups = image_groups([image for image in every if image.sha256 in plan.number_of], holdout.group_by)
    return Division(
        folds=made,
        number_of=plan.number_of,
        groups={sha256: group[0] for group in groups for sha256 in group},
        left_out={**backgrounds.left_out, **plan.left_out},
        notes=tuple(notes),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """Which fold is measured on each image, by sha256; and which backgrounds are not even mined."""

    number_of: Mapping[str, int]
    not_mined: frozenset[str]
    left_out: Mapping[Path, str]
    notes: tuple[str, ...]


def _fold(number: int, labelled: LabelledData, backgrounds: Backgrounds, plan: _Plan, by: GroupBy) -> Fold:
    held_out = {sha256 for sha256, of in plan.number_of.items() if of == number}
    train = tuple(image for image in labelled.train if image.sha256 not in held_out)
    apart = HeldOut.of(image for image in backgrounds.images if image.sha256 in held_out)
    mined = (image.path for image in backgrounds.images if image.sha256 not in held_out | plan.not_mined)
    return Fold(
        train=train,
        val=tuple(image for image in labelled.images if image.sha256 in held_out),
        mined=tuple(sorted(mined, key=sortable)),
        backgrounds=apart,
        known=labelled.known_images(train, apart, by),
    )


def _held_out_once(labelled: LabelledData, backgrounds: Backgrounds, holdout: HoldoutConfig) -> _Plan:
    """Hold the same images out from every training."""
    images, named, notes, by = backgrounds.images, bool(holdout.sources), list[str](), holdout.group_by
    if labelled.val:
        sides = HoldoutSplit(labelled.train, labelled.val)
    else:
        sides = hold_out_share(labelled.train, share=holdout.share, seed=holdout.seed, by=by)
        notes.append(
            f"the data has no split to measure on: holding out {len(sides.held_out)} of its "
            f"{counted(len(labelled.train), 'image')}"
        )
    measured, trained = (by.keys(image.path for image in side) for side in (sides.held_out, sides.rest))
    if named:
        split = hold_out_named(images, backgrounds.named, by=by, keys=measured)
    else:
        split = hold_out_share(images, share=holdout.share, seed=holdout.seed, by=by, keys=measured)
    near = {image.sha256 for image in images}.difference(image.sha256 for image in (*split.rest, *split.held_out))
    split, learned = split.release({image.phash for image in sides.rest}, trained, by=by)
    not_mined = near.union(image.sha256 for image in learned) if named else near
    _require_both(len(images) - len(not_mined) - len(split.held_out), len(split.held_out), holdout, len(learned))
    notes += _notes_on_learned(learned, by, mined=not named)
    if near:
        groups = ", or of its groups" if by.has_keys else ""
        notes.append(f"{counted(len(near), 'background')} left out: near-duplicates of what is held out{groups}")
    reason = "it looks like an image that is trained on"
    return _Plan(
        number_of=dict.fromkeys(
            [image.sha256 for image in sides.held_out] + [image.sha256 for image in split.held_out], 0
        ),
        not_mined=frozenset(not_mined),
        left_out=dict.fromkeys((image.path for image in learned), reason) if named else {},
        notes=tuple(notes),
    )


def _dealt(labelled: LabelledData, backgrounds: Backgrounds, folds: int, holdout: HoldoutConfig) -> _Plan:
    """Hold every image out from one member, what belongs together from the same."""
    by, seed = holdout.group_by, holdout.seed
    groups, kinds, learned = _to_divide(labelled, backgrounds, by)
    free = [kind for kind in kinds.values() if kind is ImageKind.BACKGROUND]
    together = "images that belong together" if by.has_keys else "near-duplicates"
    for kind, what in _needed(labelled):
        most = groups_with(groups, kinds, kind)
        if most < folds:
            advice = f"ask for {most} at most" if most > 1 else "leave --folds out"
            raise ConfigError(
                f"expected no more folds than groups of {together}, found --folds {folds} and "
                f"{counted(most, 'group')} among the {what}; {advice}, or give more of them"
            )
    what = (
        f"{counted(len(free), 'background')}"
        if labelled.val
        else f"the data has no split to measure on: its {counted(len(labelled.train), 'image')} and "
        f"{counted(len(free), 'background')}"
    )
    notes = (
        f"{what} are divided into {folds} folds: a round trains {folds} detectors, each on all folds but one, measures "
        "each on the fold that it never saw, and averages their weights, in place of a soup",
        f"the figures are those of the {folds} detectors on images that they never saw; their average, which is the "
        "result, has learned from every fold and is measured on none",
        *_notes_on_learned(learned, by, mined=True),
    )
    return _Plan(assign_folds(groups, kinds, folds, seed=seed), frozenset(), {}, notes)


def _to_divide(
    labelled: LabelledData, backgrounds: Backgrounds, by: GroupBy
) -> tuple[list[list[str]], dict[str, ImageKind], tuple[BackgroundImage, ...]]:
    """The groups and kinds of the images that folds divide; and the backgrounds that all mine.

    Where the data has a split to measure on, all members are trained on its other images, and no member is measured on
    a background that looks like one of these.
    """
    to_learn = labelled.train if labelled.val else ()
    free, learned = HoldoutSplit((), backgrounds.images).release(
        {image.phash for image in to_learn}, by.keys(image.path for image in to_learn), by=by
    )
    return *_groups((*(labelled.val or labelled.train), *free.held_out), by), tuple(learned)


def _needed(labelled: LabelledData) -> list[tuple[ImageKind, str]]:
    """What there must be some of in every fold, in words."""
    objects = [] if labelled.val else [(ImageKind.WITH_OBJECTS, "labelled images with objects")]
    return [*objects, (ImageKind.BACKGROUND, "backgrounds")]


def _groups(
    images: Sequence[ImageWithTruth | BackgroundImage], by: GroupBy
) -> tuple[list[list[str]], dict[str, ImageKind]]:
    """Groups of images by sha256, and the kind of each image."""
    return image_groups(images, by), {each.sha256: _kind(each) for each in images}


def _kind(image: ImageWithTruth | BackgroundImage) -> ImageKind:
    if isinstance(image, BackgroundImage):
        return ImageKind.BACKGROUND
    return ImageKind.WITH_OBJECTS if image.is_positive else ImageKind.EMPTY


def _notes_on_sides(folds: Sequence[Fold]) -> list[str]:
    notes = []
    for number, fold in enumerate(folds, 1):
        positives = sum(image.is_positive for image in fold.train)
        notes += [
            f"{f'member {number}: ' if len(folds) > 1 else ''}training on {counted(positives, 'image')} with objects "
            f"and {len(fold.train) - positives} without, measuring on {len(fold.val)}; mining "
            f"{counted(len(fold.mined), 'background')}, holding out {len(fold.backgrounds.contents)}"
        ]
    return notes


def _notes_on_learned(learned: Sequence[BackgroundImage], by: GroupBy, *, mined: bool) -> list[str]:
    if not learned:
        return []
    what = "mined, not held out" if mined else "left out, not held out"
    groups = ", or are of the groups of such images" if by.has_keys else ""
    paths = sorted((image.path for image in learned), key=sortable)
    return [
        f"{counted(len(paths), 'background')} {what}: they, or near-duplicates of them, look like labelled images that "
        f"are trained on (perceptual hashes within 4 bits){groups}: {first_few(paths)}"
    ]


def _require_both(mined: int, held_out: int, holdout: HoldoutConfig, learned: int) -> None:
    """Refuse backgrounds of which none are left to mine, or none to measure on."""
    if mined and held_out:
        return
    what = "to mine" if not mined else "to measure on"
    by = "the images named" if holdout.sources else f"--holdout {holdout.share:g}"
    together = "groups" if holdout.group_by.has_keys else "near-duplicates and frames of one video or camera"
    why = f"; {learned} would be, but look like images that are trained on" if learned else ""
    raise SourceError(
        f"none of {mined + held_out} backgrounds is left {what} by {by} ({together} stay together{why}); give "
        "more, or another --holdout or --seed"
    )
