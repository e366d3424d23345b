"""How many of the labelled objects of each size a detector finds: in a bank, or before and after a retraining."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from negmine.bank.bank import Bank
from negmine.bank.found_objects import found_objects
from negmine.detectors.tiling.auto import ObjectSizes
from negmine.errors import ImageError
from negmine.evaluating.seen import SeenImage
from negmine.images.windows import upright_size
from negmine.labels.classes import paired_class_names
from negmine.structures import BoolArray, FloatArray

_SIDES = (16, 32, 96)  # pixels of a square of the same area; 32 and 96 are COCO's bounds


@dataclass(frozen=True, slots=True)
class FoundOfSize:
    """The objects of a size.

    Attributes:
        name: of the size, for people.
        objects: of that size.
        before: how many of them the start finds, at its score.
        after: the result; None where no round was made.
    """

    name: str
    objects: int
    before: int
    after: int | None

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        return {"size": self.name, "objects": self.objects, "before": self.before, "after": self.after}


def found_by_size(
    before: Sequence[SeenImage], after: Sequence[SeenImage] | None, *, conf_before: float, conf_after: float
) -> tuple[FoundOfSize, ...]:
    """Count the objects that are found, by their size; sizes that no object has are left out.

    Args:
        before: what the start found where.
        after: what the result did; None where no round was made.
        conf_before, conf_after: the score from which a detection counts.
    """
    now = {image.sha256: image for image in after or ()}
    rows = [
        (seen, image, now[image.sha256].objects[index] if image.sha256 in now else None)
        for image in before
        for index, seen in enumerate(image.objects)
        if after is None or (image.sha256 in now and index < len(now[image.sha256].objects))
    ]
    if not rows:
        return ()
    boxes = np.array([seen.box_xyxy for seen, *_ in rows])
    was = np.array([seen.at_least(conf_before) for seen, *_ in rows])
    is_now = None if after is None else np.array([one is not None and one.at_least(conf_after) for *_, one in rows])
    images = {image.sha256: _size(image) for _, image, _ in rows}
    whole = np.array([images[image.sha256] or (np.nan, np.nan) for _, image, _ in rows], dtype=np.float64)
    return _counted(boxes, whole, was, is_now)


def found_in_bank(bank: Bank) -> tuple[FoundOfSize, ...]:
    """Count the objects that the last run that has judged labelled images has found, by their size.

    Those of classes that no detector of the bank knows are left out.
    """
    objects = found_objects(bank)
    names = objects.class_names
    known = {names[at] for at in np.flatnonzero(objects.found)}  # the names that a class map has paired are not kept
    known |= set(paired_class_names(dict(enumerate(bank.class_names())), list(dict.fromkeys(names))).values())
    counts = np.array([name in known for name in names], dtype=np.bool_)
    return _counted(objects.boxes_xyxy[counts], objects.images_wh[counts], objects.found[counts], None)


def _counted(
    boxes_xyxy: FloatArray, images_wh: FloatArray, was: BoolArray, is_now: BoolArray | None
) -> tuple[FoundOfSize, ...]:
    """The objects of each size.

    Args:
        boxes_xyxy: [N, 4] pixels.
        images_wh: [N, 2] pixels; NaN where nobody knows.
        was, is_now: [N] whether each is found, before and after.
    """
    sizes = ObjectSizes(boxes_xyxy[:, 2:] - boxes_xyxy[:, :2], images_wh)
    found = (
        FoundOfSize(
            name,
            int(members.sum()),
            int((was & members).sum()),
            None if is_now is None else int((is_now & members).sum()),
        )
        for name, members in _classes(sizes).items()
    )
    return tuple(each for each in found if each.objects)


def _classes(sizes: ObjectSizes) -> Mapping[str, BoolArray]:
    """Which objects have each size: by pixels, and by the share of the image where its file tells its size."""
    sides = np.sqrt(sizes.sides_wh.prod(axis=1))
    bounds = (0, *_SIDES, np.inf)
    found = {}
    for low, high in pairwise(bounds):
        name = f"under {high} x {high} px" if not low else f"{low} x {low} px or more"
        name = name if not low or high == np.inf else f"{low} x {low} to {high} x {high} px"
        found[name] = (sides >= low) & (sides < high)
    known = ~np.isnan(sizes.images_wh[:, 0])
    found["under a tenth of the image's sides"] = sizes.under_share & known
    found["a tenth of the image's sides or more"] = ~sizes.under_share & known
    return found


def _size(image: SeenImage) -> tuple[int, int] | None:
    try:
        return upright_size(Path(image.path))
    except (ImageError, OSError, ValueError):
        return None
