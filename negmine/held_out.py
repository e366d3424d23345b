"""What is held out: images that are only measured on and never trained on, and the three ways to choose them.

- A share of the images (`hold_out_share`). The bytes of an image and the seed alone decide, not its name, its place in
  a list or how many others there are: images that are added later move no other image, except near-duplicates.
- The images that the user names (`hold_out_named`).
- A split of the data set (`hold_out_split`).

Images that belong together are on one side, labelled images and backgrounds alike (`image_groups`): near-duplicates,
and what `GroupBy` says beyond that. Only a split of the data set may part near-duplicates: it is the user's.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Protocol, Self, TypeVar

from negmine.files import write_file
from negmine.grouping import GroupBy
from negmine.images.near_duplicates import near_any, near_groups
from negmine.paths import sortable


class HashedImage(Protocol):
    """An image file whose bytes and pixels are hashed."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def sha256(self) -> str:
        """Of its bytes, hex."""

    @property
    def phash(self) -> int:
        """The perceptual hash of its pixels."""


_Image = TypeVar("_Image", bound=HashedImage)
_NEAR = GroupBy()


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldoutConfig:
    """How images are held out.

    Attributes:
        share: of the images, over 0 and under 1.
        seed: another seed holds out other images.
        sources: the images that the user names; they replace the share of the backgrounds.
        group_by: what belongs together and is never split.
    """

    share: float
    seed: int = 0
    sources: tuple[str | Path, ...] = ()
    group_by: GroupBy = field(default_factory=GroupBy)


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Images that are only measured on. Nothing is trained on them, on their copies or on their near-duplicates.

    Attributes:
        contents: the sha256 of each file.
        hashes: the perceptual hash of each, as far as pixels are compared.
        paths: one file of each content, sorted; () where files do not matter.
    """

    contents: frozenset[str] = frozenset()
    hashes: frozenset[int] = frozenset()
    paths: tuple[Path, ...] = ()

    @classmethod
    def of(cls, images: Iterable[HashedImage]) -> Self:
        """Hold these images out."""
        every = list(images)
        return cls(
            frozenset(image.sha256 for image in every),
            frozenset(image.phash for image in every),
            tuple(sorted((image.path for image in every), key=sortable)),
        )

    def __or__(self, other: HeldOut) -> HeldOut:
        """All that is held out in either."""
        paths = tuple(sorted({*self.paths, *other.paths}, key=sortable))
        return HeldOut(self.contents | other.contents, self.hashes | other.hashes, paths)

    def holds(self, contents: Iterable[str]) -> bool:
        """Whether any of these sha256 is held out."""
        return not self.contents.isdisjoint(contents)

    def near(self, hashes: Collection[int]) -> set[int]:
        """Those of the perceptual hashes that are near one that is held out."""
        return near_any(hashes, self.hashes)

    def write(self, path: Path) -> None:
        """Write a list of the files, a line each, which every command takes as a source."""
        write_file(path, b"".join(os.fsencode(each) + b"\n" for each in self.paths))


@dataclass(frozen=True, slots=True)
class HoldoutSplit(Generic[_Image]):
    """Images after some of them were held out, in the order that they came in.

    Attributes:
        rest: mined or trained on.
        held_out: only measured on.
    """

    rest: tuple[_Image, ...]
    held_out: tuple[_Image, ...]

    def release(
        self, learned: Collection[int], keys: Collection[str] = (), *, by: GroupBy = _NEAR
    ) -> tuple[HoldoutSplit[_Image], tuple[_Image, ...]]:
        """Stop holding out what belongs to images that are trained on: what looks like them, or has their key.

        Args:
            learned: perceptual hashes of what is trained on.
            keys: their keys.
            by: what belongs together.

        Returns:
            The split without the released images, and these.
        """
        near = near_any({image.phash for image in self.held_out}, learned)
        touched = {image.sha256 for image in self.held_out if image.phash in near or by.key(image.path) in keys}
        if not touched:
            return self, ()
        groups = image_groups(self.held_out, by)
        released = {sha256 for group in groups if not touched.isdisjoint(group) for sha256 in group}
        kept = tuple(image for image in self.held_out if image.sha256 not in released)
        return HoldoutSplit(self.rest, kept), tuple(image for image in self.held_out if image.sha256 in released)


def image_groups(
    images: Sequence[HashedImage], by: GroupBy = _NEAR, *, together: Iterable[Sequence[str]] = ()
) -> list[list[str]]:
    """Group images that belong together: near-duplicates, images with the same key, and what these link.

    Args:
        images: each content once.
        by: gives the keys.
        together: the sha256 of images among them that belong together for another reason.

    Returns:
        The sha256 of every image in just one group; each group sorted, and the groups by their first.
    """
    parts = near_groups({image.sha256: image.phash for image in images})
    number = {sha256: index for index, part in enumerate(parts) for sha256 in part}
    linked = list(range(len(parts)))  # a forest: each part points to one of its group, in the end to the first

    def first(index: int) -> int:
        while linked[index] != index:
            linked[index] = linked[linked[index]]
            index = linked[index]
        return index

    def link(one: int, other: int) -> None:
        ends = first(one), first(other)
        linked[max(ends)] = min(ends)

    first_with: dict[str, int] = {}
    for image in images:
        if (key := by.key(image.path)) is not None:
            link(number[image.sha256], first_with.setdefault(key, number[image.sha256]))
    for every in together:
        for sha256 in every:
            link(number[sha256], number[every[0]])
    groups: dict[int, list[str]] = {}
    for index, part in enumerate(parts):
        groups.setdefault(first(index), []).extend(part)
    return sorted(sorted(group) for group in groups.values())


def hold_out_share(
    images: Sequence[_Image], *, share: float, seed: int, by: GroupBy = _NEAR, keys: Collection[str] = ()
) -> HoldoutSplit[_Image]:
    """Hold out about a share of the groups. Where keys make them few, at least one is on either side.

    Args:
        images: each content once.
        share: of 1.
        seed: another seed holds out other groups.
        by: what belongs together.
        keys: of images that are held out already; what has one of these is held out too.
    """
    groups = image_groups(images, by)
    ranks = sorted((seeded_rank(group[0], seed), index) for index, group in enumerate(groups))
    under = sum(rank < share for rank, _ in ranks)
    if len(groups) > 1 and by.keys(image.path for image in images):
        under = min(max(under, 1), len(groups) - 1)
    chosen = {sha256 for _, index in ranks[:under] for sha256 in groups[index]}
    return _split(images, chosen | _grouped({i.sha256 for i in images if by.key(i.path) in keys}, groups), set())


def hold_out_named(
    images: Sequence[_Image], contents: Collection[str], *, by: GroupBy = _NEAR, keys: Collection[str] = ()
) -> HoldoutSplit[_Image]:
    """Hold out what is named. What belongs to it is neither held out nor in the rest.

    Args:
        images: each content once.
        contents: the sha256 of those to hold out.
        by: what belongs together.
        keys: of images that are held out already; what has one of these is not in the rest either.
    """
    chosen = set(contents)
    touched = chosen | {image.sha256 for image in images if by.key(image.path) in keys}
    return _split(images, chosen, _grouped(touched, image_groups(images, by)))


def hold_out_split(train: Sequence[_Image], val: Sequence[_Image], *, by: GroupBy = _NEAR) -> HoldoutSplit[_Image]:
    """Hold out a split of a data set. Copies of its images in the other split, and what has their key, are left out."""
    contents, keys = {image.sha256 for image in val}, by.keys(image.path for image in val)
    rest = (image for image in train if image.sha256 not in contents and by.key(image.path) not in keys)
    return HoldoutSplit(tuple(rest), tuple(val))


def _grouped(contents: Collection[str], groups: Iterable[Sequence[str]]) -> set[str]:
    """All of the groups that hold one of the contents."""
    wanted = set(contents)
    return {sha256 for group in groups if not wanted.isdisjoint(group) for sha256 in group}


def _split(images: Sequence[_Image], held_out: Collection[str], left_out: Collection[str]) -> HoldoutSplit[_Image]:
    rest = (image for image in images if image.sha256 not in held_out and image.sha256 not in left_out)
    return HoldoutSplit(tuple(rest), tuple(image for image in images if image.sha256 in held_out))


def seeded_rank(sha256: str, seed: int) -> float:
    """A number from 0 to 1 that looks random and is always the same."""
    digest = hashlib.sha256(f"{seed}:{sha256}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
