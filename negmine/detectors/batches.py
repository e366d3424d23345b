"""Running a detector over any number of images, without one bad result taking the others along."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from negmine.detectors.base import Detector, PathDetector
from negmine.errors import BoxError, DetectorError
from negmine.structures import Detections, Image


def predict_each(
    detector: Detector, images: Sequence[Image], paths: Sequence[Path] | None = None
) -> list[Detections | BoxError]:
    """Run the detector in batches of its own size.

    Args:
        detector: any detector.
        images: each [H, W, 3] uint8 BGR.
        paths: the files that the images are of, for a detector that knows them by that; None for images of no file.

    Returns:
        For each image, in order, its detections, or what is wrong with them.

    Raises:
        DetectorError: where the detector does not give one result per image, or names a class that it does not list.
    """
    if paths is not None and isinstance(detector, PathDetector):
        return [_predict_path(detector, path, image) for path, image in zip(paths, images, strict=True)]
    size = detector.batch_size
    results: list[Detections | BoxError] = []
    for start in range(0, len(images), size):
        results += _predict_batch(detector, images[start : start + size])
    return results


def _predict_path(detector: PathDetector, path: Path, image: Image) -> Detections | BoxError:
    try:
        return detector.predict_path(path, (image.shape[1], image.shape[0]))
    except BoxError as error:
        return error


def _predict_batch(detector: Detector, batch: Sequence[Image]) -> Sequence[Detections | BoxError]:
    try:
        results = detector.predict(batch)
    except BoxError as error:
        if len(batch) == 1:
            return [error]
        return [result for image in batch for result in _predict_batch(detector, [image])]
    if len(results) != len(batch):
        raise DetectorError(
            f"expected one result per image from the detector {detector.identity.name!r}, found {len(results)} results "
            f"for {len(batch)} images"
        )
    for result in results:
        unknown = set(result.class_ids.tolist()) - set(detector.class_names)
        if unknown:
            raise DetectorError(
                f"the detector {detector.identity.name!r} gave class {min(unknown)}, and lists only "
                f"{sorted(detector.class_names)}; give it class_names for all that it returns"
            )
    return results


def groups_of_one_shape(images: Sequence[Image], batch_size: int) -> Iterator[list[int]]:
    """Indices of images of one shape, at most `batch_size`; in a mixed batch a framework would pad each otherwise."""
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for index, image in enumerate(images):
        by_shape.setdefault(image.shape, []).append(index)
    for indices in by_shape.values():
        for start in range(0, len(indices), batch_size):
            yield indices[start : start + batch_size]


def predict_by_shape(
    images: Sequence[Image], batch_size: int, run: Callable[[list[Image]], list[Detections]]
) -> list[Detections]:
    """Run a model on batches of images of one shape, and give the results in the order of the images."""
    found: dict[int, Detections] = {}
    for indices in groups_of_one_shape(images, batch_size):
        found.update(zip(indices, run([images[index] for index in indices]), strict=True))
    return [found[index] for index in range(len(images))]
