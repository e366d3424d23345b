"""The data set that negatives are merged into: every image is read, and written with its objects or left out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

from negmine.datasets.open import Dataset, open_dataset
from negmine.engines.threads import ThreadEngine
from negmine.errors import ConfigError, ExportError, ImageError, LabelError
from negmine.exporting.config import ExportConfig
from negmine.exporting.kept import kept_header, require_boxes
from negmine.exporting.names import data_names
from negmine.exporting.result import SplitCounts
from negmine.files import reason_of, sha256_of
from negmine.held_out import seeded_rank
from negmine.images.codecs import decode_image
from negmine.images.header import read_header
from negmine.images.perceptual_hash import perceptual_hash
from negmine.images.reading import read_image
from negmine.labels.base import Feature, LabelWriter
from negmine.labels.classes import require_old_names
from negmine.labels.plan import ExportImage, Header, SourceLabel, StoredFile
from negmine.labels.splits import TRAIN, UNLISTED, VAL, WHOLE
from negmine.paths import RealPaths, printable, real_path, sortable
from negmine.structures import GroundTruth
from negmine.videos.contents import OnCount
from negmine.words import counted

Problem = Literal["image", "label"]

_WAITING = "a reviewer saw a target in it that is not labelled yet; label it, or leave it out"

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
        problem: what cannot be used, the image or its label.
        reason: why.
        phash: the perceptual hash of its pixels; None where it has a problem.
    """

    path: Path
    splits: tuple[str, ...]
    sha256: str | None = None
    size_wh: tuple[int, int] = (0, 0)
    suffix: str = ""
    truth: GroundTruth | None = None
    label: SourceLabel | None = None
    problem: Problem | None = None
    reason: str = ""
    phash: int | None = None

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
    with ThreadEngine(config.workers, name="negmine-export") as engine:
        for image in engine.map(partial(_read_image, dataset), images):
            if image.label is not None and image.splits:
                require_boxes(image.label, printable(image.path), dataset, config)
            read.append(image)
            if on_progress is not None:
                on_progress(len(read), len(images))
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


def notes_on_val(images: Sequence[DataImage], config: ExportConfig) -> tuple[str, ...]:
    """What to say where there is nothing to validate on but what was learned by heart, or nothing at all.

    Args:
        images: of the data set, with the splits that they are written to.
        config: the settings.
    """
    val = [image for image in images if VAL in image.splits]
    if val and all(TRAIN in image.splits for image in val):
        return (
            f"all {counted(len(val), 'image')} of val are in train too, so a model is measured on what it was trained "
            "on; --split 0.8/0.2 divides them",
        )
    if not val and config.format == "yolo":
        return (
            "there is nothing to validate on, and Ultralytics does not train without; --split 0.8/0.2 divides the "
            "images, or name a val in data.yaml",
        )
    return ()


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


def _read_image(dataset: Dataset, image: DataImage) -> DataImage:
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
        label = dataset.truth.source_label(path)
    except LabelError as error:
        return DataImage(path, splits, sha256, (width, height), suffix, problem="label", reason=str(error))
    phash = perceptual_hash(pixels)
    return DataImage(path, splits, sha256, (width, height), suffix, truth, label, phash=phash)


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


@dataclass(frozen=True, slots=True)
class SortedImages:
    """The images of a data set, by whether they are written.

    Attributes:
        written: images that have objects, or are known to be empty.
        unlabelled: how many have no label.
        unlisted: how many are in no split.
        skipped: why an image cannot be used, by path.
        format: that they are written in.
    """

    written: Sequence[DataImage]
    unlabelled: int
    unlisted: int
    skipped: Mapping[Path, str]
    format: LabelWriter

    @classmethod
    def of(cls, data: DataImages, writer: LabelWriter, waiting: Collection[str]) -> SortedImages:
        """Sort them.

        Args:
            data: all images.
            writer: that they are written in.
            waiting: sha256 of images with a target that is not labelled yet, which are not trained on.

        Raises:
            ExportError: where there is no image with objects to train on.
        """
        listed = [image for image in data.images if image.splits]
        problems = {image.path: _problem(image, writer) for image in listed}
        problems |= {each.path: _WAITING for each in listed if TRAIN in each.splits and each.sha256 in waiting}
        skipped = {path: reason for path, reason in problems.items() if reason}
        usable = [image for image in listed if image.path not in skipped]
        written = [image for image in usable if image.truth is not None]
        found = cls(written, len(usable) - len(written), len(data.images) - len(listed), skipped, writer)
        if not any(image.truth and TRAIN in image.splits for image in written):
            first = next((f", the first: {printable(path)}: {printable(why)}" for path, why in skipped.items()), "")
            raise ExportError(
                f"{printable(data.dataset.path)}: expected images with objects to train on, found none "
                f"({len(written)} without objects, {found.unlabelled} unlabelled, {len(skipped)} skipped{first}); "
                "correct these, or name the right split with --split"
            )
        return found

    def images(self, database: str, others: Sequence[ExportImage], *, as_labelled: bool) -> list[ExportImage]:
        """The images that are written, under names that no other image of the export has.

        Args:
            database: the data set's name, for people.
            others: the other images of the export.
            as_labelled: write their labels as they are.
        """
        taken = [each.name for each in others]
        names = data_names([(image.path, str(image.sha256)) for image in self.written], taken)
        return [
            ExportImage(
                name,
                StoredFile(image.path, str(image.sha256), in_bank=False),
                image.size_wh,
                suffix=image.suffix,
                splits=image.splits,
                database=database,
                truth=image.truth or GroundTruth.empty(),
                label=image.label if as_labelled else None,
            )
            for name, image in zip(names, self.written, strict=True)
        ]

    @property
    def empties(self) -> list[DataImage]:
        """Those to train on that are known to be empty."""
        return [each for each in self.written if TRAIN in each.splits and not each.truth]

    def with_empties(self, most: int, seed: int) -> SortedImages:
        """With so many of the empty images to train on, drawn by the seed; others are left out unless val has them."""

        def turn(image: DataImage) -> tuple[bool, float, bytes]:
            return image.splits == (TRAIN,), seeded_rank(str(image.sha256), seed), sortable(image.path)

        dropped = {each.path for each in sorted(self.empties, key=turn)[max(most, 0) :] if each.splits == (TRAIN,)}
        return replace(self, written=[each for each in self.written if each.path not in dropped])

    def divided(self, split_of: Mapping[str, str]) -> SortedImages:
        """In other splits, each image in one, by its sha256."""
        return replace(self, written=[replace(each, splits=(split_of[str(each.sha256)],)) for each in self.written])

    def counts(self) -> tuple[SplitCounts, ...]:
        """By split, `train` first."""
        names = dict.fromkeys((TRAIN, *(split for image in self.written for split in image.splits)))
        return tuple(map(self._count, names))

    def _count(self, split: str) -> SplitCounts:
        truths = [image.truth for image in self.written if split in image.splits and image.truth is not None]
        positives = sum(len(truth) > 0 for truth in truths)
        objects = sum(len(truth) - (0 if self.format.keeps_crowds else int(truth.crowd.sum())) for truth in truths)
        return SplitCounts(split, positives, len(truths) - positives, objects)


def _problem(image: DataImage, writer: LabelWriter) -> str:
    """Why an image cannot be written, "" where it can."""
    if image.problem is not None:
        return image.reason
    if writer.image_suffixes is not None and image.suffix not in writer.image_suffixes:
        return f"{writer.title} trainers do not read images of type {image.suffix}; convert it to JPEG or PNG"
    unjudged = image.truth.unjudged(image.size_wh) if image.truth else ()
    if unjudged and Feature.CROWD not in writer.features:
        return f"its label leaves open whether it holds {printable(unjudged[0])}, which {writer.title} cannot say"
    if not writer.keeps_crowds and image.truth and image.truth.crowd.all():
        return f"all its objects are crowds; {writer.title} has none, and without them it would count as empty"
    return ""
