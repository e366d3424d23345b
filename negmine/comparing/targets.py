"""The labelled objects that negatives are compared with: those that the bank knows, and those of a data set."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from negmine.bank.embeddings import KnownObject
from negmine.boxes import Box
from negmine.comparing.config import CompareConfig
from negmine.datasets.labelled import labelled_images
from negmine.datasets.open import open_dataset
from negmine.errors import LabelError
from negmine.labels.classes import match_class_names, paired_class_names, require_known_to_detectors
from negmine.paths import first_few
from negmine.structures import GroundTruth
from negmine.videos.contents import OnCount, read_contents
from negmine.words import counted

_T = TypeVar("_T")

_MIN_SIDE = 8  # pixels of the network's input: a cell of the finest map


@dataclass(frozen=True, slots=True)
class LabelledBoxes:
    """The labelled objects of an image.

    Attributes:
        path: of the image.
        sha256: of its bytes.
        size_wh: pixels.
        boxes_xyxy: pixels.
    """

    path: Path
    sha256: str
    size_wh: tuple[int, int]
    boxes_xyxy: tuple[Box, ...]

    def large_enough(self, imgsz: int) -> tuple[Box, ...]:
        """The boxes that are not too small to be seen in an input of a size."""
        scale = imgsz / max(self.size_wh)
        return tuple(
            (x1, y1, x2, y2) for x1, y1, x2, y2 in self.boxes_xyxy if min(x2 - x1, y2 - y1) * scale >= _MIN_SIDE
        )


def known_boxes(
    objects: Sequence[KnownObject], model_names: Mapping[int, str], config: CompareConfig
) -> list[LabelledBoxes]:
    """The objects that the bank knows, of the detector's classes, by image."""
    names = list(dict.fromkeys(each.class_name for each in objects))
    paired = set(paired_class_names(model_names, names, config.labels.class_map).values())
    by_source: dict[str, list[KnownObject]] = {}
    for each in objects:
        if each.class_name in paired:
            by_source.setdefault(each.source_sha256, []).append(each)
    return [
        LabelledBoxes(
            found[0].source, sha256, found[0].source_wh, tuple(dict.fromkeys(each.box_xyxy for each in found))
        )
        for sha256, found in sorted(by_source.items())
    ]


def boxes_of_data(
    data: str | Path, model_names: Mapping[int, str], config: CompareConfig, on_progress: OnCount
) -> tuple[list[LabelledBoxes], list[str]]:
    """The objects of a data set, of the detector's classes, by image; of all its splits.

    Args:
        data: VOC, YOLO or COCO.
        model_names: the detector's class id to name.
        config: how labels are understood, and how many images are looked at.
        on_progress: called with how many images are read, of how many.

    Returns:
        The objects, and what the user may want to know.

    Raises:
        TruthError: where the data cannot be opened, or shares no class with the detector.
        SourceError: where images that it names are missing.
    """
    dataset = open_dataset(data, config=config.labels)
    require_known_to_detectors(
        config.labels.class_map, list(model_names.values()), dataset.truth.pairs_left, dataset.class_names
    )
    paired = set(match_class_names(model_names, dataset.class_names, config.labels.class_map).values())
    wanted = {image.path: None for image in labelled_images([dataset]) if not paired.isdisjoint(image.names or ())}
    chosen = spread(list(wanted), config.max_labelled)
    contents = read_contents(chosen, pixels=False, workers=config.workers, on_progress=on_progress)
    found: dict[str, LabelledBoxes] = {}
    skipped = dict(contents.reasons())
    for path in chosen:
        content = contents.image(path)
        if content is None or content.size_wh is None:
            continue
        try:
            boxes = _boxes(dataset.truth.read(path, content.size_wh), paired)
        except LabelError as error:
            skipped[path] = str(error)
            continue
        sha256 = contents.sha256[path]
        found.setdefault(sha256, LabelledBoxes(path, sha256, content.size_wh, boxes))
    notes = [*dataset.notes]
    if len(chosen) < len(wanted):
        notes.append(f"{len(chosen)} of {counted(len(wanted), 'labelled image')} looked at; --max-labelled takes more")
    if skipped:
        notes.append(f"{counted(len(skipped), 'labelled image')} skipped: {first_few(skipped)}")
    return list(found.values()), notes


def _boxes(truth: GroundTruth | None, paired: Collection[str]) -> tuple[Box, ...]:
    if truth is None:
        return ()
    usable = ~(truth.difficult | truth.crowd)
    boxes = [
        (x1, y1, x2, y2)
        for (x1, y1, x2, y2), name, use in zip(truth.boxes_xyxy.tolist(), truth.class_names, usable, strict=True)
        if use and name in paired
    ]
    return tuple(dict.fromkeys(boxes))


def spread(things: Sequence[_T], most: int) -> list[_T]:
    """So many of things, evenly spread over them; all where there are no more."""
    if len(things) <= most:
        return list(things)
    return [things[index * len(things) // most] for index in range(most)]
