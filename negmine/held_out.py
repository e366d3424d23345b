"""What is held out: images that are only measured on and never trained on, and the three ways to choose them.

- A share of the images (`hold_out_share`). The bytes of an image and the seed alone decide, not its name, its place in
  a list or how many others there are: images that are added later move no other image, except near-duplicates.
- The images that the user names (`hold_out_named`).
- A split of the data set (`hold_out_split`).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, Self, TypeVar

from negmine.files import write_file
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


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldoutConfig:
    """How images are held out.

    Attributes:
        share: of the images, over 0 and under 1.
        seed: another seed holds out other images.
        sources: the images that the user names; they replace the share of the backgrounds.
    """

    share: float
    seed: int = 0
    sources: tuple[str | Path, ...] = ()


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

    def release(self, learned: Collection[int]) -> tuple[HoldoutSplit[_Image], tuple[_Image, ...]]:
        """Stop holding out what looks like an image that is trained on, and near-duplicates of that.

        Args:
            learned: perceptual hashes of what is trained on.

        Returns:
            The split without the released images, and these.
        """
        near = near_any({image.phash for image in self.held_out}, learned)
        if not near:
            return self, ()
        groups = near_groups({image.sha256: image.phash for image in self.held_out})
        touched = {image.sha256 for image in self.held_out if image.phash in near}
        released = {sha256 for group in groups if not touched.isdisjoint(group) for sha256 in group}
        kept = tuple(image for image in self.held_out if image.sha256 not in released)
        return HoldoutSplit(self.rest, kept), tuple(image for image in self.held_out if image.sha256 in released)


def hold_out_share(images: Sequence[_Image], *, share: float, seed: int) -> HoldoutSplit[_Image]:
    """Hold out about a share of the groups of near-duplicates.

    Args:
        images: each content once.
        share: of 1.
        seed: another seed holds out other groups.
    """
    groups = near_groups({image.sha256: image.phash for image in images})
    chosen = {sha256 for group in groups if seeded_rank(group[0], seed) < share for sha256 in group}
    return _split(images, chosen, set())


def hold_out_named(images: Sequence[_Image], contents: Collection[str]) -> HoldoutSplit[_Image]:
    """Hold out what is named. Near-duplicates of it are neither held out nor in the rest.

    Args:
        images: each content once.
        contents: the sha256 of those to hold out.
    """
    chosen = set(contents)
    groups = near_groups({image.sha256: image.phash for image in images})
    return _split(images, chosen, {sha256 for group in groups if not chosen.isdisjoint(group) for sha256 in group})


def hold_out_split(train: Sequence[_Image], val: Sequence[_Image]) -> HoldoutSplit[_Image]:
    """Hold out a split of a data set. Copies of its images in the other split are not in the rest."""
    contents = {image.sha256 for image in val}
    return HoldoutSplit(tuple(image for image in train if image.sha256 not in contents), tuple(val))


def _split(images: Sequence[_Image], held_out: Collection[str], left_out: Collection[str]) -> HoldoutSplit[_Image]:
    rest = (image for image in images if image.sha256 not in held_out and image.sha256 not in left_out)
    return HoldoutSplit(tuple(rest), tuple(image for image in images if image.sha256 in held_out))


def seeded_rank(sha256: str, seed: int) -> float:
    """A number from 0 to 1 that looks random and is always the same."""
    digest = hashlib.sha256(f"{seed}:{sha256}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
