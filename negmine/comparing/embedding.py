"""Vectors of the hardest false positives of negatives and of labelled objects, from a detector's neck.

Each image is run once, for all that is wanted of it. An image that is gone is replaced by what is left of it: the
negative that was cut from it, on grey.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from negmine.bank.browsing import in_crop
from negmine.bank.embeddings import HardestFinding, Vector
from negmine.bank.negative_files import read_negative
from negmine.boxes import Box, Rect
from negmine.detectors.ultralytics.regions import RegionReader
from negmine.engines.threads import ThreadEngine
from negmine.errors import BoxError, ImageError
from negmine.images import PAD, decode_image
from negmine.limits import MAX_PIXELS
from negmine.structures import Image
from negmine.videos.reading import read_source

_KEEP_EVERY = 32  # images, after which vectors are stored
_RULES = 1  # counts up when the same image gives other vectors, so that all are computed again


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is wanted of one image.

    Attributes:
        sha256: of its bytes.
        paths: where it may be.
        negatives: that were cut from it.
        objects: boxes of labelled objects in it.
    """

    sha256: str
    paths: tuple[Path, ...]
    negatives: tuple[HardestFinding, ...]
    objects: tuple[Box, ...]


@dataclass(slots=True)
class Described:
    """Vectors of some images.

    Attributes:
        negatives: with their vectors.
        objects: vectors by image and box.
    """

    negatives: list[tuple[HardestFinding, Vector]] = field(default_factory=list)
    objects: dict[tuple[str, Box], Vector] = field(default_factory=dict)


@dataclass(slots=True)
class Tally:
    """What came of the images.

    Attributes:
        gone: images in whose place their negatives were looked at.
        skipped: why a negative has no vector, by its file.
    """

    gone: int = 0
    skipped: dict[Path, str] = field(default_factory=dict)


def key_of(reader: RegionReader) -> str:
    """What vectors of a detector are kept under: a hash of the weights, the input size, and what is read."""
    maps = [[each.stride, each.channels] for each in reader.features.maps]
    document = [_RULES, reader.sha256, reader.imgsz, maps, list(reader.features.contexts)]
    return hashlib.sha256(json.dumps(document).encode()).hexdigest()


def describe(
    reader: RegionReader,
    wanted: Sequence[Wanted],
    keep: Callable[[Described], object],
    *,
    workers: int | None,
    on_progress: Callable[[int, int], object],
) -> Tally:
    """Compute vectors, and hand them over every few images.

    Args:
        reader: the detector.
        wanted: by image.
        keep: stores vectors.
        workers: threads that read images.
        on_progress: called with how many images are done, of how many.
    """
    tally, described = Tally(), Described()
    with ThreadEngine(workers, name="negmine-compare") as engine:
        for done, (each, image) in enumerate(zip(wanted, engine.map(_read, wanted), strict=True), 1):
            if image is not None:
                _add(described, reader, each, image, tally)
            elif each.negatives:
                tally.gone += 1
                for negative in each.negatives:
                    _add_remains(described, reader, negative, tally)
            if done % _KEEP_EVERY == 0 or done == len(wanted):
                keep(described)
                described = Described()
            on_progress(done, len(wanted))
    return tally


def _read(wanted: Wanted) -> Image | None:
    """The image, from wherever it still is what it was; None where it is nowhere."""
    for path in wanted.paths:
        try:
            source = read_source(path)
            if source.sha256 == wanted.sha256:
                return source.decode()
        except (ImageError, OSError, ValueError):  # ValueError: a NUL in a name
            continue
    return None


def _add(described: Described, reader: RegionReader, wanted: Wanted, image: Image, tally: Tally) -> None:
    boxes = [*(each.box_xyxy for each in wanted.negatives), *wanted.objects]
    try:
        vectors = list(_vectors(reader, image, boxes))
    except BoxError as error:
        tally.skipped.update({each.path: str(error) for each in wanted.negatives})
        return
    described.negatives += zip(wanted.negatives, vectors, strict=False)
    of_objects = vectors[len(wanted.negatives) :]
    described.objects.update({(wanted.sha256, box): v for box, v in zip(wanted.objects, of_objects, strict=True)})


def _add_remains(described: Described, reader: RegionReader, negative: HardestFinding, tally: Tally) -> None:
    """The vector of a negative whose source is gone."""
    try:
        crop = decode_image(read_negative(negative.path.parents[2], negative.sha256))
        vectors = list(_vectors(reader, remains(negative, crop), [negative.box_xyxy]))
    except (BoxError, ImageError) as error:
        tally.skipped[negative.path] = str(error)
    else:
        described.negatives.append((negative, vectors[0]))


def remains(negative: HardestFinding, crop: Image) -> Image:
    """What is left of a source [H, W, 3]: a negative in the place that it was cut from, and grey around it.

    Args:
        negative: of the source.
        crop: its image, which is letterboxed where it has another shape than the place.

    Raises:
        ImageError: where the place is not in the source, or that is larger than any image that is read.
    """
    (width, height), (left, top, right, bottom) = negative.source_wh, negative.rect
    if not Rect(0, 0, width, height).contains(negative.rect) or width * height > MAX_PIXELS:
        raise ImageError(f"the bank has it cut out of an impossible place: {tuple(negative.rect)}")
    whole = np.full((height, width, 3), PAD, dtype=np.uint8)
    part = in_crop(negative.rect, negative.rect, (crop.shape[1], crop.shape[0]))
    if part is not None:
        x1, y1, x2, y2 = map(round, part)
        content = crop[y1 : max(y2, y1 + 1), x1 : max(x2, x1 + 1)]
        whole[top:bottom, left:right] = cv2.resize(content, negative.rect.size_wh, interpolation=cv2.INTER_AREA)
    return whole


def _vectors(reader: RegionReader, image: Image, boxes_xyxy: Sequence[Box]) -> Iterator[Vector]:
    """A vector [D] of length 1 for each box."""
    _, describe_boxes = reader.read(image)
    for row in describe_boxes(np.array(boxes_xyxy, dtype=np.float64).reshape(-1, 4)):
        yield (row / max(float(np.linalg.norm(row)), 1e-9)).astype(np.float16)
