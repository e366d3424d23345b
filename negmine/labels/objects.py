"""What every writer does with the images that it is given: sorts them by split, and checks and clips their objects."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from negmine.boxes import Box
from negmine.errors import LabelError
from negmine.labels.checks import at_least_a_pixel, clipped_box
from negmine.labels.plan import ExportImage, Outline, Proposal
from negmine.labels.splits import TRAIN
from negmine.paths import printable


@dataclass(frozen=True, slots=True)
class WrittenObject:
    """An object as it is written.

    Attributes:
        class_name: one of the classes that are written.
        number: of that class, from 0.
        box_xyxy: inside the image, a pixel wide and high at least.
        difficult, crowd: its marks.
        proposal: what speaks for it where a detector proposes it; None where a person labelled it.
        outline: its polygons, as its data set has them; () where nothing but its box is known.
    """

    class_name: str
    number: int
    box_xyxy: Box
    difficult: bool
    crowd: bool
    proposal: Proposal | None
    outline: Outline = ()

    @property
    def score(self) -> float | None:
        """That of the proposal."""
        return None if self.proposal is None else self.proposal.score

    @property
    def box_xywh(self) -> Box:
        """The box by its corner and size, as COCO has it."""
        x1, y1, x2, y2 = self.box_xyxy
        return x1, y1, x2 - x1, y2 - y1


def class_numbers(class_names: Iterable[str]) -> dict[str, int]:
    """Class name to number, from 0; of two equal names the first counts."""
    numbers: dict[str, int] = {}
    for number, name in enumerate(class_names):
        numbers.setdefault(name, number)
    return numbers


def written_objects(image: ExportImage, numbers: Mapping[str, int], *, crowds: bool) -> list[WrittenObject]:
    """The objects of an image, in their order.

    Args:
        image: to be written.
        numbers: of the classes that are written, by name.
        crowds: whether the format has crowds; without, they are left out.

    Raises:
        LabelError: for an object whose class is not among these, or whose box has no area inside the image.
    """
    truth, found = image.truth, list[WrittenObject]()
    rows = zip(
        truth.boxes_xyxy.tolist(),
        truth.class_names,
        truth.difficult,
        truth.crowd,
        image.proposed(),
        image.outlined(),
        strict=True,
    )
    for index, (box, name, difficult, crowd, proposal, outline) in enumerate(rows):
        if crowd and not crowds:
            continue
        where = f"{printable(image.name)}, object {index} ({printable(name)})"
        if name not in numbers:
            raise LabelError(f"{where}: its class is none of the {len(numbers)} that are written; add it to them")
        inside = at_least_a_pixel(clipped_box(box, image.size_wh, where), image.size_wh)
        found.append(WrittenObject(name, numbers[name], inside, bool(difficult), bool(crowd), proposal, outline))
    return found


def by_split(images: Sequence[ExportImage]) -> dict[str, list[ExportImage]]:
    """The images of each split, `train` first, which is there in any case."""
    splits: dict[str, list[ExportImage]] = {TRAIN: []}
    for image in images:
        for split in image.splits:
            splits.setdefault(split, []).append(image)
    return splits


def json_file(document: object, *, indent: int | None = None) -> bytes:
    """A JSON file: ASCII, so that no reader has to know its encoding; the same document, the same bytes."""
    return (json.dumps(document, indent=indent) + "\n").encode("ascii")
