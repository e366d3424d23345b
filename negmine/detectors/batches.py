"""Running a detector over any number of images, so that one bad result does not spoil the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from negmine.detectors.base import Detector
from negmine.errors import BoxError, DetectorError
from negmine.paths import printable
from negmine.structures import Detections, Image
from negmine.words import counted


def predict_each(
    detector: Detector, images: Sequence[Image], paths: Sequence[Path] | None = None
) -> list[Detections | BoxError]:
    """Run the detector in batches of its own size.

    Args:
        detector: any detector.
        images: each [H, W, 3] uint8 BGR.
        paths: the file of each image; None for images without files.

    Returns:
        For each image, in order, its detections, or the error in them.

    Raises:
        DetectorError: where the detector does not give one result per image, or names a class that it does not list.
    """
    size = detector.batch_size
    results: list[Detections | BoxError] = []
    for start in range(0, len(images), size):
        batch = slice(start, start + size)
        results += _predict_batch(detector, images[batch], None if paths is None else paths[batch])
    return results


def _predict_batch(
    detector: Detector, images: Sequence[Image], paths: Sequence[Path] | None
) -> Sequence[Detections | BoxError]:
    try:
        results = detector.predict(images, paths)
    except BoxError as error:
        if len(images) == 1:
            return [error]
        return [result for index in range(len(images)) for result in _predict_one(detector, images, paths, index)]
    if len(results) != len(images):
        raise DetectorError(
            f"expected one result per image from the detector {detector.identity.name!r}, found {len(results)} results "
            f"for {len(images)} images"
        )
    for result in results:
        unknown = set(result.class_ids.tolist()) - set(detector.class_names)
        if unknown:
            raise DetectorError(
                f"the detector {detector.identity.name!r} gave class {min(unknown)}, and lists only "
                f"{sorted(detector.class_names)}; give it class_names for all that it returns"
            )
    return results


def _predict_one(
    detector: Detector, images: Sequence[Image], paths: Sequence[Path] | None, index: int
) -> Sequence[Detections | BoxError]:
    return _predict_batch(detector, [images[index]], None if paths is None else [paths[index]])


def failed_on_every_image(name: str, images: int, first: Path, reason: str) -> DetectorError:
    """The error for a detector that gave no valid detections for any image: it is at fault, and not the images.

    Args:
        name: of the detector.
        images: how many it failed on.
        first: of them.
        reason: what was wrong with that one.
    """
    return DetectorError(
        f"the detector {printable(name)} failed on every image that it was run on ({counted(images, 'image')}), first "
        f"on {printable(first)}: {printable(reason)}; see whether these are the weights, the layout and the size of "
        "input that were meant"
    )


def groups_of_one_shape(images: Sequence[Image], batch_size: int) -> Iterator[list[int]]:
    """Indices of images of one shape, at most `batch_size`; frameworks pad images differently in a mixed batch."""
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for index, image in enumerate(images):
        by_shape.setdefault(image.shape, []).append(index)
    for indices in by_shape.values():
        for start in range(0, len(indices), batch_size):
            yield indices[start : start + batch_size]


def predict_by_shape(
    images: Sequence[Image], batch_size: int, run: Callable[[list[Image]], list[Detections]]
) -> list[Detections]:
    """Run a model on batches of images of one shape, and return the results in the order of the images."""
    found: dict[int, Detections] = {}
    for indices in groups_of_one_shape(images, batch_size):
        found.update(zip(indices, run([images[index] for index in indices]), strict=True))
    return [found[index] for index in range(len(images))]
