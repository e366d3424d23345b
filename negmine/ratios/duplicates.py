"""Equal or nearly equal images where they must not be: leaks between splits, and contradicting labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from negmine.datasets.labelled import LabelledImage
from negmine.images.near_duplicates import near_groups
from negmine.labels.splits import UNLISTED, WHOLE
from negmine.paths import sortable
from negmine.ratios.bank_summary import BankSummary
from negmine.ratios.findings import Finding, sorted_files
from negmine.ratios.mix import kind_of
from negmine.videos.contents import Contents

MAX_DISTANCE = 4  # bits of 64
_NO_SPLITS = (WHOLE, UNLISTED)  # names that stand for no split


@dataclass(frozen=True, slots=True)
class _Occurrence:
    """A file with an image, in a split as positive, empty, ..., or in the bank."""

    path: Path
    sha256: str
    kind: str
    split: str | None


def duplicate_findings(images: Sequence[LabelledImage], bank: BankSummary, contents: Contents) -> list[Finding]:
    """One finding for each group of equal or nearly equal images whose labels contradict, or that lie in two splits.

    Images without structure, such as a plain colour, all have nearly the same perceptual hash. Only their bytes are
    compared.

    Args:
        images: of all splits; a file that is in two splits appears twice.
        bank: its negatives count as images without objects.
        contents: of all images, with perceptual hashes.
    """
    hashes = dict(bank.hashes)
    occurrences = [_Occurrence(negative.path, negative.sha256, "empty", None) for negative in bank.negatives]
    for image in images:
        content = contents.image(image.path)
        if content is not None and content.phash is not None:
            sha256 = contents.sha256[image.path]
            hashes[sha256] = content.phash
            split = None if image.split in _NO_SPLITS else image.split
            occurrences.append(_Occurrence(image.path, sha256, kind_of(image), split))
    groups = _groups(occurrences, hashes)
    found = [*_contradictions(groups), *_leaks(groups)]
    return sorted(found, key=lambda each: (each.kind, sortable(each.files[0])))


def _contradictions(groups: Sequence[Sequence[_Occurrence]]) -> list[Finding]:
    found = []
    for group in groups:
        involved = [occurrence for occurrence in group if occurrence.kind in ("positive", "empty")]
        if len({occurrence.kind for occurrence in involved}) == 2:
            message = (
                f"{_same(involved)} with objects and without: one of the labels is wrong, or a crop shows an object"
            )
            found.append(Finding("contradiction", message, sorted_files(occurrence.path for occurrence in involved)))
    return found


def _leaks(groups: Sequence[Sequence[_Occurrence]]) -> list[Finding]:
    found = []
    for group in groups:
        involved = [occurrence for occurrence in group if occurrence.split is not None]
        splits = sorted({occurrence.split or "" for occurrence in involved})
        if len(splits) > 1:
            where = f"{_same(involved)} in {' and '.join(splits)}"
            message = f"{where}: training on one and measuring on the other makes results look too good"
            found.append(Finding("leak", message, sorted_files(occurrence.path for occurrence in involved)))
    return found


def _same(occurrences: Sequence[_Occurrence]) -> str:
    """How similar they are."""
    if len({occurrence.sha256 for occurrence in occurrences}) == 1:
        return "the same image, byte for byte, is"
    return f"nearly the same image (perceptual hashes within {MAX_DISTANCE} bits) is"


def _groups(occurrences: Sequence[_Occurrence], hashes: Mapping[str, int]) -> list[list[_Occurrence]]:
    """Occurrences of the same image, or of images linked by near-duplicates; only groups of several."""
    contents = near_groups({occurrence.sha256: hashes[occurrence.sha256] for occurrence in occurrences})
    group_of = {sha256: group[0] for group in contents for sha256 in group}
    groups: dict[str, list[_Occurrence]] = {}
    for occurrence in occurrences:
        groups.setdefault(group_of[occurrence.sha256], []).append(occurrence)
    return [group for group in groups.values() if len(group) > 1]
