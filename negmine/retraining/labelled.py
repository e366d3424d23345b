"""The labelled images of a retraining: what is trained on, and what recall is measured on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from negmine.datasets.config import LabelConfig
from negmine.datasets.labelled import LabelledImage, labelled_images
from negmine.datasets.open import Dataset, open_dataset
from negmine.errors import LabelError, TruthError
from negmine.held_out import HeldOut, HoldoutConfig, HoldoutSplit, hold_out_share, hold_out_split
from negmine.images.contents import Contents, OnCount, read_contents
from negmine.labels.base import Truth
from negmine.labels.classes import how_to_rename, listed, paired_class_names
from negmine.paths import first_few, printable
from negmine.structures import GroundTruth
from negmine.trainable import KnownImages
from negmine.words import counted

_TRAIN, _VAL = ("train", "trainval"), ("val", "test")  # names of splits, the preferred one first


@dataclass(frozen=True, slots=True, eq=False)
class ImageWithTruth:
    """An image whose label was read.

    Attributes:
        path: of its file.
        sha256: of its bytes.
        phash: the perceptual hash of its pixels.
        size_wh: pixels, upright.
        truth: its objects; none where it is known to be empty.
    """

    path: Path
    sha256: str
    phash: int
    size_wh: tuple[int, int]
    truth: GroundTruth

    @property
    def is_positive(self) -> bool:
        """Whether it has an object."""
        return len(self.truth) > 0


@dataclass(frozen=True, slots=True, eq=False)
class LabelledData:
    """A data set that was read for a retraining; each content is in it once.

    Attributes:
        train: trained on.
        val: measured on; none of it is in `train`.
        truth: the labels of both.
        class_ids: the model's number of each class that the data lists, by the data's name of it.
        unused: sha256 of images with a label that are in neither: of other splits, or unreadable.
        skipped: why an image is not used, by its path.
        notes: what the user may want to know, a line each.
    """

    train: tuple[ImageWithTruth, ...]
    val: tuple[ImageWithTruth, ...]
    truth: Truth
    class_ids: Mapping[str, int]
    unused: frozenset[str]
    skipped: Mapping[Path, str]
    notes: tuple[str, ...]

    @property
    def held_out(self) -> HeldOut:
        """The images that are measured on."""
        return HeldOut.of(self.val)

    def known_images(self, backgrounds: HeldOut | None = None) -> KnownImages:
        """What may not be trained on as empty; `backgrounds` are held out as well."""
        return KnownImages(
            held_out=self.held_out | (backgrounds or HeldOut()),
            objects={image.sha256: image.truth.boxes_xyxy for image in self.train},
            unclear=self.unused,
            positives=frozenset(image.phash for image in self.positives),
        )

    @property
    def positives(self) -> list[ImageWithTruth]:
        """The images with objects that are trained on."""
        return [image for image in self.train if image.is_positive]

    @property
    def contents(self) -> frozenset[str]:
        """The sha256 of all its labelled images."""
        return self.unused.union(image.sha256 for image in (*self.train, *self.val))


def read_labelled(
    data: str | Path,
    model_names: Mapping[int, str],
    holdout: HoldoutConfig,
    *,
    labels: LabelConfig | None = None,
    near: Sequence[Path] = (),
    workers: int | None = None,
    on_progress: OnCount | None = None,
) -> LabelledData:
    """Open a data set and read every labelled image in it.

    Where it has no split to validate on, `val` or else `test`, a share of the images is held out, near-duplicates
    together. Images without a label are not used.

    Args:
        data: VOC, YOLO or COCO.
        model_names: the detector's class id to name; every class that the data lists must be among them.
        holdout: the share of the images to hold out where the data has no split for that.
        labels: how the labels of the data are understood.
        near: other images, which its labels may be of.
        workers: threads.
        on_progress: called with how many images are read, of how many.

    Raises:
        TruthError: where the data cannot be opened, lists a class that the model lacks, or has no objects to train on
            or to measure on.
        SourceError: where images that it names are missing.
    """
    dataset = open_dataset(data, config=labels, images=near)
    class_ids = _class_ids(dataset, model_names)
    images = [image for image in labelled_images([dataset]) if not image.is_unlabelled]
    contents = read_contents([image.path for image in images], pixels=True, workers=workers, on_progress=on_progress)
    read, unreadable = _with_truth(dataset, images, contents)
    skipped = {**contents.unreadable, **unreadable}
    split, split_notes = split_labelled(images, read, holdout)
    _require_objects(data, images, split)
    unlabelled = sum(len(each.images) for each in dataset.splits) - len(images)
    positives = sum(image.is_positive for image in split.rest)
    notes = [
        *dataset.notes,
        f"{dataset.format_name}: training on {counted(positives, 'image')} with objects and "
        f"{len(split.rest) - positives} without, measuring on {len(split.held_out)}",
        *split_notes,
        *([f"{counted(unlabelled, 'image')} without a label ignored"] if unlabelled > 0 else []),
        *([f"{counted(len(skipped), 'labelled image')} skipped: {first_few(skipped)}"] if skipped else []),
    ]
    return LabelledData(
        train=split.rest,
        val=split.held_out,
        truth=dataset.truth,
        class_ids=class_ids,
        unused=frozenset(contents.sha256.values()) - {image.sha256 for image in (*split.rest, *split.held_out)},
        skipped=skipped,
        notes=tuple(notes),
    )


def split_labelled(
    images: Sequence[LabelledImage], read: Mapping[Path, ImageWithTruth], holdout: HoldoutConfig
) -> tuple[HoldoutSplit[ImageWithTruth], list[str]]:
    """Hold out a split of the data where it has one to measure on, else a share of its images.

    Args:
        images: with the names of their splits.
        read: by path, those that could be read.
        holdout: the share to hold out where there is no such split.

    Returns:
        The split, each content on one side and once, and what the user may want to know of it.
    """
    by_split: dict[str, list[ImageWithTruth]] = {}
    for image in images:
        if image.path in read:
            by_split.setdefault(image.split, []).append(read[image.path])
    train_name = next((name for name in _TRAIN if name in by_split), None)
    val_name = next((name for name in _VAL if name in by_split), None)
    if train_name is not None and val_name is not None:
        every = _each_once(by_split[train_name])
        split = hold_out_split(every, _each_once(by_split[val_name]), by=holdout.group_by)
        if any(image.is_positive for image in split.rest) or not any(image.is_positive for image in every):
            return split, _notes_on_split(split, every, train_name, val_name)
    whole = by_split[train_name] if train_name is not None else [each for part in by_split.values() for each in part]
    every = _each_once(whole)
    split = hold_out_share(every, share=holdout.share, seed=holdout.seed, by=holdout.group_by)
    held_out, total = len(split.held_out), len(every)
    return split, [f"the data has no split to measure on: holding out {held_out} of its {counted(total, 'image')}"]


def _notes_on_split(
    split: HoldoutSplit[ImageWithTruth], every: Sequence[ImageWithTruth], train_name: str, val_name: str
) -> list[str]:
    notes = [f"recall is measured on the split {val_name}"] if val_name != "val" else []
    measured = {image.sha256 for image in split.held_out}
    copies = [image.path for image in every if image.sha256 in measured]
    if copies:
        notes.append(
            f"{counted(len(copies), 'image')} of {train_name} not trained on, also in {val_name}: {first_few(copies)}"
        )
    kept = measured.union(image.sha256 for image in split.rest)
    grouped = [image.path for image in every if image.sha256 not in kept]
    if grouped:
        notes.append(
            f"{counted(len(grouped), 'image')} of {train_name} not trained on, of the same groups as images of "
            f"{val_name}: {first_few(grouped)}"
        )
    return notes


def _each_once(images: Sequence[ImageWithTruth]) -> list[ImageWithTruth]:
    """Of files of the same bytes the one with most objects: a label that misses some teaches that they are nothing."""
    once: dict[str, ImageWithTruth] = {}
    for image in images:
        before = once.get(image.sha256)
        if before is None or len(image.truth) > len(before.truth):
            once[image.sha256] = image
    return list(once.values())


def _with_truth(
    dataset: Dataset, images: Sequence[LabelledImage], contents: Contents
) -> tuple[dict[Path, ImageWithTruth], dict[Path, str]]:
    """The images that can be read with their labels, and why the others cannot."""
    read: dict[Path, ImageWithTruth] = {}
    skipped: dict[Path, str] = {}
    for image in images:
        content = contents.image(image.path)
        if content is None or image.path in read:
            continue
        if content.size_wh is None or content.phash is None:
            skipped[image.path] = content.broken or "it is not an image"
            continue
        try:
            truth = dataset.truth.read(image.path, content.size_wh)
        except LabelError as error:
            skipped[image.path] = str(error)
            continue
        if truth is not None and (unjudged := truth.unjudged(content.size_wh)):
            skipped[image.path] = f"its label leaves open whether it holds {printable(unjudged[0])}"
        elif truth is not None:
            sha256 = contents.sha256[image.path]
            read[image.path] = ImageWithTruth(image.path, sha256, content.phash, content.size_wh, truth)
    return read, skipped


def _class_ids(dataset: Dataset, model_names: Mapping[int, str]) -> dict[str, int]:
    """The model's number of each class of the data, by the data's name."""
    numbers = {name: number for number, name in sorted(paired_class_names(model_names, dataset.class_names).items())}
    missing = [name for name in dataset.class_names if name not in numbers]
    if missing:
        known = [model_names[number] for number in sorted(model_names)]
        raise TruthError(
            f"{printable(dataset.path)} lists {listed(missing)}, which the model does not have (it has "
            f"{listed(known)}); {how_to_rename(missing, known)}, or retrain weights that were trained on all of them"
        )
    return numbers


def _require_objects(data: str | Path, images: Sequence[LabelledImage], split: HoldoutSplit[ImageWithTruth]) -> None:
    where = printable(data)
    if not any(image.is_positive for image in images):
        raise TruthError(
            f"{where}: expected images with objects, found none in {len(images)} labelled images; name the data set "
            "that the model was trained on"
        )
    for what, found in (("to train on", split.rest), ("to measure recall on", split.held_out)):
        if not any(image.is_positive for image in found):
            raise TruthError(
                f"{where}: expected images with objects {what}, found none among {len(found)}; add some, or give "
                "the data splits train and val"
            )
