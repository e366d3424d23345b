"""The same picture in two places where it must not be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from negmine.datasets.labelled import LabelledImage
from negmine.images.contents import Contents
from negmine.images.near_duplicates import near_groups
from negmine.labels.splits import UNLISTED, WHOLE
from negmine.paths import sortable
from negmine.ratios.banked import Banked
from negmine.ratios.counts import kind_of
from negmine.ratios.findings import Finding, sorted_files

MAX_DISTANCE = 4  # bits of 64
_NO_SPLITS = (WHOLE, UNLISTED)  # images that nobody put on one side or the other


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a picture is: in a split as positive, empty, ..., or in the bank."""

    path: Path
    sha256: str
    kind: str
    split: str | None


def duplicate_findings(images: Sequence[LabelledImage], banked: Banked, contents: Contents) -> list[Finding]:
    """One finding for each group of equal or nearly equal pictures that contradict each other, or lie in two splits.

    Pictures without structure, such as one plain colour, all have nearly the same perceptual hash. They are compared
    by their bytes alone.

    Args:
        images: a file that is in two splits is there twice.
        banked: the bank, whose usable negatives are negatives.
        contents: of all the images, with perceptual hashes.
    """
    hashes = dict(banked.hashes)
    places = [_Place(negative.path, negative.sha256, "empty", None) for negative in banked.negatives]
    for image in images:
        picture = contents.image(image.path)
        if picture is not None and picture.phash is not None:
            sha256 = contents.sha256[image.path]
            hashes[sha256] = picture.phash
            split = None if image.split in _NO_SPLITS else image.split
            places.append(_Place(image.path, sha256, kind_of(image), split))
    groups = _groups(places, hashes)
    found = [*_contradictions(groups), *_leaks(groups)]
    return sorted(found, key=lambda each: (each.kind, sortable(each.files[0])))


def _contradictions(groups: Sequence[Sequence[_Place]]) -> list[Finding]:
    found = []
    for group in groups:
        involved = [place for place in group if place.kind in ("positive", "empty")]
        if len({place.kind for place in involved}) == 2:
            message = f"{_same(involved)} with objects and without: one of the labels is wrong, or the crop shows one"
            found.append(Finding("contradiction", message, sorted_files(place.path for place in involved)))
    return found


def _leaks(groups: Sequence[Sequence[_Place]]) -> list[Finding]:
    found = []
    for group in groups:
        involved = [place for place in group if place.split is not None]
        splits = sorted({place.split or "" for place in involved})
        if len(splits) > 1:
            where = f"{_same(involved)} in {' and '.join(splits)}"
            message = f"{where}: if one is trained on and the other measured on, results are too good"
            found.append(Finding("leak", message, sorted_files(place.path for place in involved)))
    return found


def _same(places: Sequence[_Place]) -> str:
    """How alike they are."""
    if len({place.sha256 for place in places}) == 1:
        return "the same picture, byte for byte, is"
    return f"nearly the same picture (perceptual hashes within {MAX_DISTANCE} bits) is"


def _groups(places: Sequence[_Place], hashes: Mapping[str, int]) -> list[list[_Place]]:
    """Places whose pictures are the same or linked by near-duplicates; those of a single place are left out."""
    contents = near_groups({place.sha256: hashes[place.sha256] for place in places})
    group_of = {sha256: group[0] for group in contents for sha256 in group}
    groups: dict[str, list[_Place]] = {}
    for place in places:
        groups.setdefault(group_of[place.sha256], []).append(place)
    return [group for group in groups.values() if len(group) > 1]
