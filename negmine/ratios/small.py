"""Which labelled objects are small, by both definitions in use, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from negmine.datasets.labelled import LabelledImage
from negmine.datasets.open import Dataset
from negmine.datasets.sizes import LOOKED_AT, object_sizes
from negmine.detectors.tiling.auto import ObjectSizes
from negmine.errors import ImageError
from negmine.images.windows import upright_size
from negmine.videos.contents import Contents
from negmine.words import counted

WHAT_TO_DO = "whole images show them as a few pixels: detect and train on tiles (--tile auto), or with a larger --imgsz"


@dataclass(frozen=True, slots=True)
class SmallObjects:
    """How many objects are small.

    Attributes:
        objects: that were measured.
        under_px: of them, how many cover less than 32 x 32 pixels (COCO).
        under_share: how many are under a tenth of their image in width and in height.
        either: how many are small by one of the two, or by both.
        per_class: the same by name, most small ones first; empty for a class itself.
    """

    objects: int
    under_px: int
    under_share: int
    either: int
    per_class: Mapping[str, SmallObjects] = field(default_factory=dict)

    @classmethod
    def of(cls, sizes: Sequence[ObjectSizes]) -> SmallObjects:
        """Count the objects of data sets."""
        rows = [
            (name, bool(px), bool(share))
            for each in sizes
            for name, px, share in zip(each.names, each.under_px, each.under_share, strict=True)
        ]
        by_name: dict[str, list[tuple[str, bool, bool]]] = {}
        for row in rows:
            by_name.setdefault(row[0], []).append(row)
        classes = {name: cls._counted(members, {}) for name, members in by_name.items()}
        return cls._counted(rows, dict(sorted(classes.items(), key=lambda each: (-each[1].either, each[0]))))

    @classmethod
    def _counted(cls, rows: Sequence[tuple[str, bool, bool]], classes: Mapping[str, SmallObjects]) -> SmallObjects:
        return cls(
            len(rows),
            sum(px for _, px, _ in rows),
            sum(share for *_, share in rows),
            sum(px or share for _, px, share in rows),
            classes,
        )

    @property
    def line(self) -> str:
        """A line for people."""
        return (
            f"{self.either} of {counted(self.objects, 'object')} {'is' if self.either == 1 else 'are'} small: "
            f"{self.under_px} under 32 x 32 px, {self.under_share} under a tenth of their image's sides"
        )

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        own: dict[str, object] = {
            "objects": self.objects,
            "under_32px": self.under_px,
            "under_tenth": self.under_share,
            "either": self.either,
        }
        classes = {name: each.to_dict() for name, each in self.per_class.items()}
        return own | ({"per_class": classes} if classes else {})


def small_objects(
    datasets: Sequence[Dataset], images: Sequence[LabelledImage], contents: Contents, *, compared: bool
) -> SmallObjects:
    """Measure the objects of data sets.

    Args:
        datasets: with the labels.
        images: each file once.
        contents: with the sizes of the images that were read.
        compared: whether all were read; otherwise the headers of a thousand images with objects are.
    """

    def known_size(path: Path) -> tuple[int, int]:
        content = contents.image(path)
        if content is None or content.size_wh is None:
            raise ImageError("it cannot be read")
        return content.size_wh

    sizes = []
    for dataset in datasets:
        paths = [image.path for image in images if image.dataset == dataset.path and image.is_positive]
        most, size_of = (None, known_size) if compared else (LOOKED_AT, upright_size)
        sizes.append(object_sizes(dataset.truth, paths, most=most, size_of=size_of))
    return SmallObjects.of(sizes)
