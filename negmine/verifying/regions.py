"""Collecting what a verifier learns from: found objects, labelled boxes, and false positives on background."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from negmine.boxes import Rect, box_area, clip_boxes, cover
from negmine.detectors.ultralytics.regions import Describe, RegionReader
from negmine.detectors.verifier import Features, logits
from negmine.engines.threads import ThreadEngine
from negmine.errors import BoxError, ImageError
from negmine.matching import Kind, match_detections
from negmine.retraining.labelled import ImageWithTruth
from negmine.structures import BoolArray, Detections, FloatArray, GroundTruth, Image, IntArray
from negmine.verifying.config import VerifierConfig
from negmine.videos.contents import OnCount
from negmine.videos.reading import read_source

_SHIFT = 0.12  # of a jittered box, in its width and height
_ZOOM = 0.15  # of its sides, as a natural logarithm


@dataclass(frozen=True, slots=True)
class BackgroundParts:
    """An image with parts that hold no target: those that negatives were cut from.

    Attributes:
        path: of the file.
        sha256: that it had when it was scanned.
        rects: the parts.
    """

    path: Path
    sha256: str
    rects: tuple[Rect, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Regions:
    """Boxes of all images and classes, as rows.

    Attributes:
        features: [N, D].
        scores: [N] of the detector; of a labelled box, that of the detection that found it, else `min_score`.
        class_ids: [N].
        is_object: [N]; a false positive on background otherwise.
        is_detected: [N] whether it is a detection, and not a labelled box that was shifted.
        sources: the sha256 of the image of each row.
        skipped: why an image gave no rows, by its path.
    """

    features: Features
    scores: FloatArray
    class_ids: IntArray
    is_object: BoolArray
    is_detected: BoolArray
    sources: tuple[str, ...]
    skipped: Mapping[Path, str]

    @property
    def logits(self) -> FloatArray:
        """[N] of the scores."""
        return logits(self.scores)


@dataclass(slots=True)
class _Rows:
    """Rows as they come in."""

    features: list[Features] = field(default_factory=list)
    scores: list[FloatArray] = field(default_factory=list)
    class_ids: list[IntArray] = field(default_factory=list)
    is_object: list[BoolArray] = field(default_factory=list)
    is_detected: list[BoolArray] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    skipped: dict[Path, str] = field(default_factory=dict)

    def add(
        self, source: str, features: Features, scores: FloatArray, class_ids: IntArray, *, is_object: bool,
        is_detected: bool,
    ) -> None:  # fmt: skip
        self.features.append(features)
        self.scores.append(scores)
        self.class_ids.append(class_ids)
        self.is_object.append(np.full(len(scores), is_object))
        self.is_detected.append(np.full(len(scores), is_detected))
        self.sources += [source] * len(scores)


def collect_regions(
    reader: RegionReader,
    labelled: Sequence[ImageWithTruth],
    backgrounds: Sequence[BackgroundParts],
    class_ids: Mapping[str, int],
    config: VerifierConfig,
    on_progress: OnCount,
) -> Regions:
    """Run the detector over all images, and describe what it finds there.

    Args:
        reader: the detector.
        labelled: images to train on, with their objects.
        backgrounds: images with parts that hold no target.
        class_ids: the detector's number of each class that the data lists.
        config: the settings.
        on_progress: called with how many images are done, of how many.
    """
    rows, total = _Rows(), len(labelled) + len(backgrounds)
    names = {number: name for name, number in class_ids.items()}
    files = [(each.path, each.sha256) for each in labelled] + [(each.path, each.sha256) for each in backgrounds]
    with ThreadEngine(config.workers, name="negmine-verifier") as engine:
        for index, image in enumerate(engine.map(_read, files)):
            path = files[index][0]
            try:
                if isinstance(image, str):
                    rows.skipped[path] = image
                elif index < len(labelled):
                    for mirrored in (False, True):
                        _add_labelled(rows, reader, labelled[index], image, names, config, mirrored=mirrored)
                else:
                    _add_background(rows, reader, backgrounds[index - len(labelled)], image, names)
            except BoxError as error:
                rows.skipped[path] = str(error)
            on_progress(index + 1, total)
    return Regions(
        features=np.concatenate([np.zeros((0, reader.features.size), dtype=np.float32), *rows.features]),
        scores=np.concatenate([np.zeros(0), *rows.scores]),
        class_ids=np.concatenate([np.zeros(0, dtype=np.int64), *rows.class_ids]),
        is_object=np.concatenate([np.zeros(0, dtype=np.bool_), *rows.is_object]),
        is_detected=np.concatenate([np.zeros(0, dtype=np.bool_), *rows.is_detected]),
        sources=tuple(rows.sources),
        skipped=rows.skipped,
    )


def _read(file: tuple[Path, str]) -> Image | str:
    """An image, or why it cannot be used."""
    path, sha256 = file
    try:
        source = read_source(path)
        return source.decode() if source.sha256 == sha256 else "it has changed"
    except OSError as error:
        return error.strerror or str(error)
    except ImageError as error:
        return str(error)


def _add_labelled(
    rows: _Rows, reader: RegionReader, image: ImageWithTruth, pixels: Image, names: Mapping[int, str],
    config: VerifierConfig, *, mirrored: bool,
) -> None:  # fmt: skip
    """The found objects, the labelled boxes, and the false positives on background of an image, or its mirror image."""
    truth = _mirrored(image.truth, pixels.shape[1]) if mirrored else image.truth
    found, describe = reader.read(np.ascontiguousarray(pixels[:, ::-1]) if mirrored else pixels)
    matches = match_detections(found, truth, names, judged=frozenset(names.values()))
    for kind, is_object in ((Kind.TRUE_POSITIVE, True), (Kind.BACKGROUND, False)):
        _add_detections(rows, image.sha256, found.select(matches.is_kind(kind)), describe, is_object=is_object)
    numbers = {name: number for number, name in names.items()}
    usable = [
        index
        for index in np.flatnonzero(~(truth.difficult | truth.crowd)).tolist()
        if truth.class_names[index] in numbers
    ]
    scores = np.full(len(truth), min(config.min_score, config.conf))
    hits = matches.objects >= 0
    scores[matches.objects[hits]] = found.scores[hits]
    chosen = np.repeat(np.array(usable, dtype=np.int64), config.jitters)
    size_wh = (pixels.shape[1], pixels.shape[0])
    rng = np.random.default_rng([config.seed, int(image.sha256[:12], 16), mirrored])
    boxes = clip_boxes(_jittered(truth.boxes_xyxy[chosen], rng), size_wh)
    has_area = box_area(boxes) > 0
    chosen, boxes = chosen[has_area], boxes[has_area]
    ids = np.array([numbers[truth.class_names[index]] for index in chosen], dtype=np.int64)
    rows.add(image.sha256, describe(boxes), scores[chosen], ids, is_object=True, is_detected=False)


def _add_background(
    rows: _Rows, reader: RegionReader, parts: BackgroundParts, pixels: Image, names: Mapping[int, str]
) -> None:
    """What the detector finds inside the parts, which hold no target."""
    found, describe = reader.read(pixels)
    size_wh = (pixels.shape[1], pixels.shape[0])
    inside = [
        int(number) in names and any(rect.contains(cover(box, size_wh)) for rect in parts.rects)
        for number, box in zip(found.class_ids, found.boxes_xyxy, strict=True)
    ]
    _add_detections(rows, parts.sha256, found.select(np.array(inside, dtype=np.bool_)), describe, is_object=False)


def _add_detections(rows: _Rows, source: str, found: Detections, describe: Describe, *, is_object: bool) -> None:
    rows.add(source, describe(found.boxes_xyxy), found.scores, found.class_ids, is_object=is_object, is_detected=True)


def _mirrored(truth: GroundTruth, width: int) -> GroundTruth:
    x1, y1, x2, y2 = truth.boxes_xyxy.T
    return replace(truth, boxes_xyxy=np.column_stack([width - x2, y1, width - x1, y2]))


def _jittered(boxes_xyxy: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Boxes [N, 4], each shifted and resized a little."""
    sides = boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]
    centre = (boxes_xyxy[:, :2] + boxes_xyxy[:, 2:]) / 2 + rng.uniform(-_SHIFT, _SHIFT, sides.shape) * sides
    half = sides * np.exp(rng.uniform(-_ZOOM, _ZOOM, sides.shape)) / 2
    return np.concatenate([centre - half, centre + half], axis=1)


def folds_of(groups: Sequence[Sequence[str]], with_objects: frozenset[str], folds: int) -> Iterator[tuple[str, int]]:
    """Deal groups of images out to folds, those with objects and those without each evenly.

    Args:
        groups: of near-duplicates, by sha256, in any order that does not depend on the files' names.
        with_objects: the images that have some.
        folds: how many.

    Yields:
        Each image with the number of its fold.
    """
    dealt = {True: 0, False: 0}
    for group in groups:
        has_objects = not with_objects.isdisjoint(group)
        yield from ((sha256, dealt[has_objects] % folds) for sha256 in group)
        dealt[has_objects] += 1
