"""Reading the data set that negatives go into: every image once, with its objects and its label."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

from negmine.datasets.open import Dataset, open_dataset
from negmine.engines.threads import ThreadEngine
from negmine.errors import ConfigError, ExportError, ImageError, LabelError
from negmine.exporting.config import ExportConfig
from negmine.exporting.kept import is_same_format, kept_header, require_boxes, require_one_polygon, wants_outlines
from negmine.files import reason_of, sha256_of
from negmine.images.codecs import decode_image
from negmine.images.header import read_header
from negmine.images.perceptual_hash import perceptual_hash
from negmine.images.reading import read_image
from negmine.labels.classes import require_old_names
from negmine.labels.plan import Header, Outline, SourceLabel
from negmine.labels.splits import TRAIN, UNLISTED, WHOLE
from negmine.paths import RealPaths, printable, real_path
from negmine.structures import GroundTruth
from negmine.videos.contents import OnCount

Problem = Literal["image", "label"]

IMAGE_SUFFIXES = {
    "JPEG": ".jpg", "PNG": ".png", "TIFF": ".tif", "WebP": ".webp", "BMP": ".bmp", "AVIF": ".avif",
    "JPEG 2000": ".jp2", "GIF": ".gif", "PNM": ".ppm", "PAM": ".pam", "Radiance HDR": ".hdr", "Sun raster": ".ras",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class DataImage:
    """An image of the data set.

    Attributes:
        path: of the file.
        splits: the splits of the export that it is in; () where no list of the data set names it.
        sha256: of its bytes; None where they cannot be read.
        size_wh: of the upright image, pixels.
        suffix: by the type of its content.
        truth: its objects; None where it is unlabelled or has a problem.
        label: its label as the data set has it; None where it has none.
        outlines: of its objects, where they are written in another format; None where it has none, or not all have one.
        problem: what cannot be used, the image or its label.
        reason: why.
        phash: the perceptual hash of its pixels; None where it has a problem, or nobody compares it.
    """

    path: Path
    splits: tuple[str, ...]
    sha256: str | None = None
    size_wh: tuple[int, int] = (0, 0)
    suffix: str = ""
    truth: GroundTruth | None = None
    label: SourceLabel | None = None
    outlines: Sequence[Outline] | None = None
    problem: Problem | None = None
    reason: str = ""
    phash: int | None = None

    @property
    def polygons(self) -> list[int]:
        """How many polygons each of its objects has that is no crowd, where they are written in another format."""
        truth = self.truth or GroundTruth.empty()
        outlines = self.outlines or ((),) * len(truth)
        return [len(outline) for outline, crowd in zip(outlines, truth.crowd, strict=True) if not crowd]

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
        header: what it says beside its labels, as far as that is written again.
    """

    dataset: Dataset
    images: tuple[DataImage, ...]
    header: Header

    def without_empties(self, contents: Collection[str]) -> DataImages:
        """Without empty images that are only trained on, and whose sha256 is among the contents."""
        kept = [
            each
            for each in self.images
            if each.sha256 not in contents or each.splits != (TRAIN,) or each.truth is None or len(each.truth)
        ]
        return replace(self, images=tuple(kept))


def read_data(
    data: str | Path, out: Path, *, split: str | None, config: ExportConfig, model_names: Sequence[str] = (),
    on_progress: OnCount | None = None,
) -> DataImages:  # fmt: skip
    """Open a data set and read every image, in threads; pixels are not kept.

    Args:
        data: see `open_dataset`.
        out: where the export goes, which must not become a part of the data set.
        split: the one that is trained on; by default `train`, or all of a data set without splits.
        config: how labels are understood, and how many threads read.
        model_names: the classes of the detectors that a class map may be about.
        on_progress: called for each image, in the caller's thread.

    Raises:
        TruthError, SourceError: where it is not a data set, or the class map has an old name of nobody.
        ConfigError: where it is not clear which split is trained on.
        ExportError: where `out` and the data set are in one another, no image to train on has an object, or the format
            cannot say what the labels do.
    """
    dataset = open_dataset(data, config=config.labels)
    require_old_names(dataset.truth.pairs_left, model_names, dataset.class_names)
    _require_outside(dataset, out)
    _require_names(dataset, config)
    header = kept_header(dataset, config)
    if config.splits is not None:
        _require_undivided(dataset)
    found = files_of(dataset, trained_on(dataset, split))
    if config.splits is not None:
        found = [replace(each, splits=(TRAIN,) if each.splits else ()) for each in found]
    require_objects(dataset, found)
    return DataImages(dataset, read_images(dataset, found, config, on_progress), header)


def read_images(
    dataset: Dataset, images: Sequence[DataImage], config: ExportConfig, on_progress: OnCount | None = None
) -> tuple[DataImage, ...]:
    """Read images and their labels, in threads; pixels are not kept.

    Args:
        dataset: that they are of.
        images: by path and splits.
        config: the format that they are to be written in, and how many threads read.
        on_progress: called for each image, in the caller's thread.

    Raises:
        ExportError: where the format cannot say what a label does.
    """
    read = []
    is_compared = config.splits is not None or any(image.is_held_out for image in images)
    with ThreadEngine(config.workers, name="negmine-export") as engine:
        read_one = partial(
            _read_image, dataset, wants_outlines=wants_outlines(dataset, config), wants_phash=is_compared
        )
        for image in engine.map(read_one, images):
            if image.label is not None and image.splits:
                require_boxes(image.label, image.outlines, printable(image.path), dataset, config)
            read.append(image)
            if on_progress is not None:
                on_progress(len(read), len(images))
    require_one_polygon({image.path: image.polygons for image in read if image.splits}, dataset, config)
    return tuple(read)


def trained_on(dataset: Dataset, split: str | None) -> str:
    """The split that negatives are merged into."""
    names = [each.name for each in dataset.splits if each.name != UNLISTED]
    where = printable(dataset.path)
    if split is None:
        if dataset.train_split is None:
            raise ConfigError(
                f"{where} has no split train, only {', '.join(names)}; name the one to train on with --split"
            )
        return dataset.train_split
    if split not in names:
        shown = ", ".join(name for name in names if name != WHOLE) or "one without a name"
        raise ConfigError(f"{where} has no split {split!r}, only {shown}; name another with --split")
    if split != TRAIN and TRAIN in names:
        raise ConfigError(
            f"{where}: negatives are merged into the split that is trained on, and it has a split train; "
            f"leave --split {split} out"
        )
    return split


def _require_undivided(dataset: Dataset) -> None:
    """Refuse to divide what its owner has divided; a split that repeats the images of another divides nothing."""
    real = RealPaths()
    parts = {name: set(map(real, each.images)) for each in dataset.splits if (name := each.name) != UNLISTED}
    if len(set(map(frozenset, parts.values()))) > 1:
        raise ConfigError(
            f"{printable(dataset.path)} is divided already ({', '.join(parts)}), and its own splits are kept; leave "
            "the shares of --split out"
        )


def files_of(dataset: Dataset, split: str) -> list[DataImage]:
    """Each file once, with the splits that it is in; one that a split has twice, through a link, is in it once.

    Args:
        dataset: as it was opened.
        split: that is trained on, called `train` here.
    """
    real, seen = RealPaths(), set[tuple[str, str]]()
    splits: dict[Path, list[str]] = {}
    for each in dataset.splits:
        name = TRAIN if each.name == split else each.name
        for path in each.images:
            if (key := (name, real(path))) not in seen:
                seen.add(key)
                splits.setdefault(path, []).append(name)
    return [DataImage(path, tuple(name for name in names if name != UNLISTED)) for path, names in splits.items()]


def require_objects(dataset: Dataset, images: Sequence[DataImage]) -> None:
    """Refuse a data set without objects to train on, before any image is read; mostly its first label has some.

    A label that cannot be read may have some; it is named once all images were read.
    """
    to_train_on = [image.path for image in images if TRAIN in image.splits]
    for path in to_train_on:
        try:
            if dataset.truth.object_names(path):
                return
        except LabelError:
            return
    raise ExportError(
        f"{printable(dataset.path)}: expected images with objects to train on, found none among {len(to_train_on)}; "
        "label some, or name the right split with --split"
    )


def _require_names(dataset: Dataset, config: ExportConfig) -> None:
    """Refuse a class whose name is nothing but blanks, unless the labels are written as they are."""
    blank = [name for name in dataset.class_names if not name.strip()]
    if blank and not is_same_format(dataset, config):
        raise ExportError(
            f"{printable(dataset.path)}: a class has no name, found '{printable(blank[0])}', and no other format can "
            "say which it is; name it there"
        )


def _read_image(dataset: Dataset, image: DataImage, *, wants_outlines: bool, wants_phash: bool) -> DataImage:
    """Read an image and its label."""
    path, splits = image.path, image.splits
    try:
        data = read_image(path)
    except ImageError as error:
        return DataImage(path, splits, problem="image", reason=str(error))
    except (OSError, ValueError) as error:  # ValueError: a NUL in a name out of a list
        return DataImage(path, splits, problem="image", reason=reason_of(error))
    sha256 = sha256_of(data)
    try:
        suffix = IMAGE_SUFFIXES[read_header(data).format]
        pixels = decode_image(data)
    except ImageError as error:
        return DataImage(path, splits, sha256, problem="image", reason=str(error))
    height, width, _ = pixels.shape
    try:
        truth = dataset.truth.read(path, (width, height))
        label, outlines = dataset.truth.source_label(path), None
        if wants_outlines and label is not None and label.features and truth is not None:
            outlines = dataset.truth.outlines(path, truth, (width, height))
    except LabelError as error:
        return DataImage(path, splits, sha256, (width, height), suffix, problem="label", reason=str(error))
    phash = perceptual_hash(pixels) if wants_phash else None
    return DataImage(path, splits, sha256, (width, height), suffix, truth, label, outlines, phash=phash)


def _require_outside(dataset: Dataset, out: Path) -> None:
    """Refuse a folder where the data set would find the export's images or labels, the next time it is opened."""
    target = real_path(out)
    inside = [folder for folder in dataset.searched_folders if folder == target or folder in target.parents]
    real = RealPaths()
    folders = {path.parent for split in dataset.splits for path in split.images}
    if inside or any(target in (Path(real(folder)), *Path(real(folder)).parents) for folder in folders):
        raise ExportError(
            f"{printable(out)} and the data set {printable(dataset.path)} lie in one another, and the export would "
            "become a part of the data set; name a folder elsewhere with --out"
        )
