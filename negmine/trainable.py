"""What may be trained on: the one rule. Export and retrain ask it; so do augment and ratio.

A negative may not be trained on where

- a reviewer rejected it, or saw a target in it;
- a comparison finds that it very likely shows a target without a label, and no reviewer accepted it;
- it is a flicker, from a video that nobody labelled, and neither a reviewer nor `--accept-flicker` accepted it;
- an image that it was cut from shows a target, by a reviewer's word, that is not labelled yet;
- it, or an image that it was cut from, is held out, or is a near-duplicate of one that is, or a frame of the same video
  or camera, or of the same group by what the user says;
- the data set has an object there, or a label that cannot be read or is not used;
- it, or an unlabelled image that it was cut from, is a near-duplicate of an image with objects: the copy may be of
  another size, so nobody knows where the objects are;
- near-duplicates are compared, and an image that it was cut from is gone or has changed, unless those that are there
  will do.

An image with a target that is not labelled yet is no background, and as an image of a data set it is not trained on
either. It is labelled once an object overlaps each false positive that a negative marked as a target was cut around.

A variant may be trained on where its negative may, and where a false positive was pasted into another negative, where
that one may too.

Near-duplicates are compared where the caller passes perceptual hashes, as retrain does, and export beside a data set
with splits of its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np

from negmine.bank.bank import Bank
from negmine.bank.filters import EVERY_NEGATIVE, NegativeFilter
from negmine.bank.records import Cut, Negative, Variant
from negmine.bank.unlabelled_targets import MarkedImage, marked_images
from negmine.boxes import Rect, box_area, box_intersection, box_iou
from negmine.grouping import GroupBy
from negmine.held_out import HeldOut
from negmine.images.near_duplicates import near_any
from negmine.structures import FloatArray, as_boxes_xyxy
from negmine.videos.contents import read_contents

# With a tenth of the labels hidden, 15 of 39 hidden kangaroos and 15 of 111 hidden faces in banks were at or over it,
# and 17 of about 1,500 other negatives (benchmarks/unlabelled.py).
LIKELY_UNLABELLED = 0.98


class Refusal(StrEnum):
    """Why a negative may not be trained on, in the words of the exports."""

    HELD_OUT = "they are, or were cut from, or look like, images of a split that is not trained on"
    TARGET = "the data set has an object there"
    UNCLEAR = "the data set has a label there that cannot be read"
    NEAR_POSITIVE = "they look like images with objects"
    UNTRACEABLE = "the images that they were cut from are gone or have changed"


@dataclass(frozen=True, slots=True, eq=False)
class KnownImages:
    """What is known of images, by the sha256 of their files.

    Attributes:
        held_out: what is measured on.
        group_by: what else belongs to that.
        objects: boxes [N, 4] of the objects in each image whose label was read, xyxy pixels; N is 0 where it is empty.
        unclear: images with a label that cannot be read or is not used.
        positives: perceptual hashes of images with objects.
    """

    held_out: HeldOut = field(default_factory=HeldOut)
    group_by: GroupBy = field(default_factory=GroupBy)
    objects: Mapping[str, FloatArray] = field(default_factory=dict)
    unclear: frozenset[str] = frozenset()
    positives: frozenset[int] = frozenset()

    def has_object(self, sha256: str, rect: Rect | None = None) -> bool:
        """Whether an image has an object, in a part of it where `rect` is given."""
        boxes_xyxy = self.objects.get(sha256)
        if boxes_xyxy is None or not len(boxes_xyxy):
            return False
        return rect is None or bool(box_intersection(np.array([rect], dtype=np.float64), boxes_xyxy).any())


@dataclass(frozen=True, slots=True, eq=False)
class BankHashes:
    """Perceptual hashes of a bank.

    Attributes:
        negatives: of each negative, by its number.
        sources: of each image that one was cut from, by sha256; without those that are gone or have changed.
    """

    negatives: Mapping[int, int]
    sources: Mapping[str, int]

    @classmethod
    def read(cls, bank: Bank, known: Mapping[str, int]) -> BankHashes:
        """Read the images that the negatives of a bank were cut from.

        Args:
            bank: open.
            known: perceptual hashes by sha256, of images that were read before.
        """
        paths = {cut.sha256: cut.path for cuts in bank.cuts().values() for cut in cuts}
        sources = {sha256: known[sha256] for sha256 in paths if sha256 in known}
        unread = {sha256: path for sha256, path in paths.items() if sha256 not in known}
        contents = read_contents(sorted(set(unread.values()), key=os.fsencode), pixels=True)
        for sha256, path in unread.items():
            image = contents.image(path)
            if contents.sha256.get(path) == sha256 and image is not None and image.phash is not None:
                sources[sha256] = image.phash
        return cls(bank.perceptual_hashes(), sources)


class TrainingRule:
    """Decides what of a bank may be trained on beside a data set.

    Args:
        known: what is held out, and what the data set says.
        hashes: of the bank; where None, bytes alone are compared.
        accept_flicker: whether flickers are accepted unseen.
        traceable: refuse what was cut from an image that is gone or has changed, where near-duplicates are compared.

    Attributes:
        known, accept_flicker: the same.
    """

    def __init__(
        self,
        known: KnownImages,
        hashes: BankHashes | None = None,
        *,
        accept_flicker: bool = False,
        traceable: bool = True,
    ) -> None:
        self.known = known
        self.accept_flicker = accept_flicker
        self._hashes = hashes
        self._traceable = traceable
        every = set() if hashes is None else {*hashes.negatives.values(), *hashes.sources.values()}
        self._near_held_out = known.held_out.near(every)
        self._groups_held_out = known.group_by.keys(known.held_out.paths)
        self._near_positives = near_any(every, known.positives)

    def refusal(self, negative: Negative, cuts: Sequence[Cut]) -> Refusal | None:
        """Why a negative may not be trained on; None where it may.

        Args:
            negative: of the bank, one that no reviewer refused.
            cuts: all that it was cut from.
        """
        known, sources = self.known, {cut.sha256 for cut in cuts}
        if known.held_out.holds({negative.sha256, *sources}) or self._phashes(negative, sources) & self._near_held_out:
            return Refusal.HELD_OUT
        if self._groups_held_out and not self._groups_held_out.isdisjoint(known.group_by.keys(c.path for c in cuts)):
            return Refusal.HELD_OUT
        if known.has_object(negative.sha256) or any(known.has_object(cut.sha256, cut.rect) for cut in cuts):
            return Refusal.TARGET
        if not known.unclear.isdisjoint({negative.sha256, *sources}):
            return Refusal.UNCLEAR
        unlabelled = sources - known.objects.keys()  # a label is believed, whatever the image looks like
        if unlabelled and self._phashes(negative, unlabelled) & self._near_positives:
            return Refusal.NEAR_POSITIVE
        if self._traceable and self._hashes is not None and sources - self._hashes.sources.keys():
            return Refusal.UNTRACEABLE
        return None

    def refusal_of_variant(self, variant: Variant) -> Refusal | None:
        """Why a variant may not be trained on though its negative may; None where it may."""
        if self.known.held_out.holds([variant.sha256]):
            return Refusal.HELD_OUT
        if self.known.has_object(variant.sha256):
            return Refusal.TARGET
        return Refusal.UNCLEAR if variant.sha256 in self.known.unclear else None

    def _phashes(self, negative: Negative, sources: Iterable[str]) -> set[int]:
        """Of a negative and of the images that it was cut from, as far as they are known."""
        if self._hashes is None:
            return set()
        of_sources = self._hashes.sources
        return {self._hashes.negatives[negative.id], *(of_sources[each] for each in sources if each in of_sources)}


# Of an object with a false positive that a reviewer took for a target: from then on it is that target.
LABELLED_IOU = 0.5
LABELLED_SHARE = 0.9  # of the false positive that lies in the object: a detector may see but a part of it


def waits_for_label(image: MarkedImage, objects_xyxy: FloatArray | None = None) -> bool:
    """Whether an image shows a target that is not labelled yet.

    Args:
        image: that negatives which are marked as targets were cut from.
        objects_xyxy: [N, 4] objects that are known in it beside those that the bank knows, pixels.
    """
    known = image.objects.boxes_xyxy
    if objects_xyxy is not None:
        known = np.concatenate([known, objects_xyxy])
    boxes = as_boxes_xyxy([each.box_xyxy for each in image.boxes])
    overlaps = (box_iou(boxes, known) >= LABELLED_IOU) | (
        box_intersection(boxes, known) >= LABELLED_SHARE * box_area(boxes)[:, None]
    )
    return not bool(overlaps.any(axis=1).all())


def waiting_images(bank: Bank, objects: Mapping[str, FloatArray] | None = None) -> frozenset[str]:
    """The images that may not be trained on before a target in them is labelled, by the sha256 of their bytes.

    Args:
        bank: open.
        objects: boxes [N, 4] that a data set has in images, by sha256, xyxy pixels.
    """
    known = objects or {}
    return frozenset(each.sha256 for each in marked_images(bank) if waits_for_label(each, known.get(each.sha256)))


class HeldBack(StrEnum):
    """Why a negative about which nobody decided is not trained on, in words that follow `held back as`."""

    UNLABELLED = "a likely target without a label"
    FLICKER = "a flicker"


def is_refused(negative: Negative, *, accept_flicker: bool = False) -> bool:
    """Whether a reviewer rejected a negative, or saw a target in it, or it is held back until one accepts it."""
    return negative.review in ("rejected", "target") or is_held_back(negative, accept_flicker=accept_flicker)


def is_held_back(negative: Negative, *, accept_flicker: bool = False) -> bool:
    """Whether a negative is held back until somebody accepts it."""
    return why_held_back(negative, accept_flicker=accept_flicker) is not None


def why_held_back(negative: Negative, *, accept_flicker: bool = False) -> HeldBack | None:
    """Why a negative is held back until somebody accepts it; None where it is not.

    Args:
        negative: of the bank.
        accept_flicker: whether flickers are accepted unseen.
    """
    if negative.review != "unreviewed":
        return None
    if (negative.unlabelled or 0) >= LIKELY_UNLABELLED:
        return HeldBack.UNLABELLED
    return HeldBack.FLICKER if negative.is_flicker and not accept_flicker else None


def held_back(which: NegativeFilter = EVERY_NEGATIVE) -> NegativeFilter:
    """Those of the negatives that are meant which `is_held_back` holds for, whatever verdicts are asked for."""
    return replace(which, states=("unreviewed",), min_unlabelled=LIKELY_UNLABELLED, or_flicker=True)


def trainable(
    bank: Bank, objects: Mapping[str, FloatArray] | None = None, *, accept_flicker: bool = False
) -> tuple[list[Negative], list[Variant]]:
    """The negatives that are not refused, hardest first, and their variants.

    Those that were cut from an image with a target that waits for its label are left out. So is a variant that is the
    same file as a negative: the negative stands for it, or was refused.

    Args:
        bank: open.
        objects: boxes [N, 4] that a data set has in images, by sha256, xyxy pixels.
        accept_flicker: whether flickers are accepted unseen.
    """
    every = list(bank.negatives())
    usable = [negative for negative in every if not is_refused(negative, accept_flicker=accept_flicker)]
    if waiting := waiting_images(bank, objects):
        cuts = bank.cuts()
        usable = [each for each in usable if waiting.isdisjoint(cut.sha256 for cut in cuts[each.id])]
    files = {negative.sha256 for negative in every}
    return usable, [each for each in variants_of(usable, bank.variants()) if each.sha256 not in files]


def variants_of(negatives: Iterable[Negative], variants: Iterable[Variant]) -> list[Variant]:
    """The variants that show these negatives alone: a false positive that was pasted into another negative shows both.

    Args:
        negatives: that may be trained on, or are chosen of these.
        variants: of any negatives.
    """
    ids, files = set(), set()
    for negative in negatives:
        ids.add(negative.id)
        files.add(negative.sha256)
    return [each for each in variants if each.negative_id in ids and (each.onto is None or each.onto in files)]
