"""The data set that negatives are mixed into: every image of it, looked at, with its objects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from negmine.datasets.dataset import UNLISTED, WHOLE, Dataset
from negmine.datasets.open import open_dataset
from negmine.errors import ConfigError, ExportError, ImageError, LabelError
from negmine.exporting.plan import TRAIN
from negmine.exporting.threads import in_threads
from negmine.files import sha256_of
from negmine.images.codecs import decode_image
from negmine.images.header import read_header
from negmine.labels.coco import CocoTruth
from negmine.labels.pairing import RealPaths
from negmine.labels.voc import VocTruth
from negmine.labels.yolo import YoloTruth
from negmine.labels.yolo_yaml import YoloYaml
from negmine.paths import printable
from negmine.structures import GroundTruth

OnCount = Callable[[int, int], None]  # how many are done, of how many
Problem = Literal["image", "label"]

_TRAINVAL = "trainval"  # stands in for train where a Pascal VOC data set has just this and test
_SUFFIXES = {
    "JPEG": ".jpg", "PNG": ".png", "TIFF": ".tif", "WebP": ".webp", "BMP": ".bmp", "AVIF": ".avif",
    "JPEG 2000": ".jp2", "GIF": ".gif", "PNM": ".ppm", "PAM": ".pam", "Radiance HDR": ".hdr", "Sun raster": ".ras",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class DataImage:
    """An image of the data set.

    Attributes:
        path: of the file.
        splits: where it is, as the export calls them; () where no list of the data set names it.
        sha256: of its bytes; None where they cannot be read.
        size_wh: of the upright image, pixels.
        suffix: by the type of its content.
        truth: its objects; None where it is unlabelled or has a problem.
        problem: what cannot be used, the image or its label.
        reason: why.
    """

    path: Path
    splits: tuple[str, ...]
    sha256: str | None = None
    size_wh: tuple[int, int] = (0, 0)
    suffix: str = ""
    truth: GroundTruth | None = None
    problem: Problem | None = None
    reason: str = ""

    @property
    def is_held_out(self) -> bool:
        """Whether it is only in splits that are not trained on."""
        return bool(self.splits) and TRAIN not in self.splits


@dataclass(frozen=True, slots=True)
class DataImages:
    """All images of a data set.

    Attributes:
        dataset: as it was opened.
        images: each file once.
    """

    dataset: Dataset
    images: tuple[DataImage, ...]


def read_data(
    data: str | Path,
    out: Path,
    *,
    split: str | None,
    missing_is_empty: bool,
    workers: int | None = None,
    on_progress: OnCount | None = None,
) -> DataImages:
    """Open a data set and look at every image, in threads; pixels are let go at once.

    Args:
        data: see `open_dataset`.
        out: where the export goes, which must not become a part of the data set.
        split: the one that is trained on; by default `train`, or all of a data set without splits.
        missing_is_empty: an image without a label holds no target.
        workers: threads; one per core where None.
        on_progress: called for each image, in the caller's thread.

    Raises:
        TruthError, SourceError: where it is no data set.
        ConfigError: where it is not clear which split is trained on.
        ExportError: where `out` lies in the data set, or no image to train on has an object.
    """
    dataset = open_dataset(data)
    _require_apart(dataset, out)
    found = _files(dataset, _trained_on(dataset, split))
    _require_objects(dataset, found)
    look = partial(_look, dataset, missing_is_empty)
    images = []
    for image in in_threads(look, found, workers):
        images.append(image)
        if on_progress is not None:
            on_progress(len(images), len(found))
    return DataImages(dataset, tuple(images))


def _trained_on(dataset: Dataset, split: str | None) -> str:
    """The split that negatives are mixed into."""
    names = [each.name for each in dataset.splits if each.name != UNLISTED]
    where = printable(dataset.path)
    if split is not None:
        shown = ", ".join(name for name in names if name != WHOLE) or "one without a name"
        if split not in names:
            raise ConfigError(f"{where} has no split {split!r}, only {shown}; name another with --split")
        if split != TRAIN and TRAIN in names:
            raise ConfigError(
                f"{where}: negatives are mixed into the split that is trained on, and it has a split train; "
                f"leave --split {split} out"
            )
        return split
    if isinstance(dataset.truth, CocoTruth):
        return names[0]  # a file is one split, whatever it is called
    default = next((name for name in (TRAIN, _TRAINVAL, WHOLE) if name in names), None)
    if default is None:
        raise ConfigError(f"{where} has no split train, only {', '.join(names)}; name the one to train on with --split")
    return default


def _files(dataset: Dataset, trained_on: str) -> list[DataImage]:
    """Each file once, with the splits that it is in; one that a split has twice, through a link, is in it once."""
    real, seen = RealPaths(), set[tuple[str, str]]()
    splits: dict[Path, list[str]] = {}
    for split in dataset.splits:
        name = TRAIN if split.name == trained_on else split.name
        for path in split.images:
            if (key := (name, real(path))) not in seen:
                seen.add(key)
                splits.setdefault(path, []).append(name)
    return [DataImage(path, tuple(name for name in names if name != UNLISTED)) for path, names in splits.items()]


def _require_objects(dataset: Dataset, images: Sequence[DataImage]) -> None:
    """Find out at once, without looking at any picture, where nobody could train on them; mostly the first one ends it.

    A label that cannot be read may have been one with objects; it is named when all images were looked at.
    """
    trained_on = [image.path for image in images if TRAIN in image.splits]
    for path in trained_on:
        try:
            if dataset.truth.object_names(path):
                return
        except LabelError:
            return
    raise ExportError(
        f"{printable(dataset.path)}: expected images with objects to train on, found none among {len(trained_on)}; "
        "label some, or name the right split with --split"
    )


def _look(dataset: Dataset, missing_is_empty: bool, image: DataImage) -> DataImage:
    """Read an image and its label."""
    path, splits = image.path, image.splits
    try:
        if not path.is_file():  # a pipe would be waited for
            return DataImage(path, splits, problem="image", reason="it is not there, or no file")
        data = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in a name out of a list
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        return DataImage(path, splits, problem="image", reason=reason)
    sha256 = sha256_of(data)
    try:
        suffix = _SUFFIXES[read_header(data).format]
        height, width, _ = decode_image(data).shape
    except ImageError as error:
        return DataImage(path, splits, sha256, problem="image", reason=str(error))
    try:
        truth = dataset.truth.read(path, (width, height))
    except LabelError as error:
        return DataImage(path, splits, sha256, (width, height), suffix, problem="label", reason=str(error))
    if truth is None and missing_is_empty:
        truth = GroundTruth.empty()
    return DataImage(path, splits, sha256, (width, height), suffix, truth)


def _require_apart(dataset: Dataset, out: Path) -> None:
    """Refuse a folder that the data set would find its images or labels in, the next time that it is opened."""
    target = out.resolve()
    inside = [folder for folder in _searched(dataset) if folder == target or folder in target.parents]
    real = RealPaths()
    folders = {path.parent for split in dataset.splits for path in split.images}
    if inside or any(target in (Path(real(folder)), *Path(real(folder)).parents) for folder in folders):
        raise ExportError(
            f"{printable(out)} and the data set {printable(dataset.path)} lie in one another, and the export would "
            "become a part of the data set; name a folder elsewhere with --out"
        )


def _searched(dataset: Dataset) -> Sequence[Path]:
    """The folders that are searched to all depths."""
    if isinstance(dataset.truth, VocTruth):
        return [dataset.truth.root.resolve()]
    if isinstance(dataset.truth, YoloTruth):
        return [place.resolve() for place in YoloYaml.read(dataset.truth.data_yaml).places if place.is_dir()]
    return []
