"""The labelled images of a retraining, as the data set has them; `negmine.retraining.folds` divides them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from negmine.datasets.config import LabelConfig
from negmine.datasets.labelled import LabelledImage, labelled_images
from negmine.datasets.open import Dataset, open_dataset
from negmine.detectors.tiling.auto import ObjectSizes
from negmine.errors import LabelError, TruthError
from negmine.grouping import GroupBy
from negmine.held_out import HeldOut, HoldoutSplit, hold_out_split
from negmine.labels.base import Truth
from negmine.labels.classes import how_to_rename, listed, paired_class_names, require_known_to_detectors
from negmine.paths import first_few, printable
from negmine.structures import FloatArray, GroundTruth
from negmine.trainable import KnownImages
from negmine.videos.contents import Contents, OnCount, read_contents
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
        path: of the data set.
        train: the images of its split to train on; all, where it has no split to measure on.
        val: of its split to measure on; none of it is in `train`. () where it has no such split.
        truth: the labels of both.
        class_ids: the model's number of each class that the data lists, by the data's name of it.
        unused: sha256 of images with a label that are in neither: of other splits, or unreadable.
        skipped: why an image is not used, by its path.
        notes: what the user may want to know, a line each.
    """

    path: Path
    train: tuple[ImageWithTruth, ...]
    val: tuple[ImageWithTruth, ...]
    truth: Truth
    class_ids: Mapping[str, int]
    unused: frozenset[str]
    skipped: Mapping[Path, str]
    notes: tuple[str, ...]

    @property
    def images(self) -> tuple[ImageWithTruth, ...]:
        """The images of both splits."""
        return (*self.train, *self.val)

    @property
    def contents(self) -> frozenset[str]:
        """The sha256 of all its labelled images."""
        return self.unused.union(image.sha256 for image in self.images)

    @property
    def objects(self) -> Mapping[str, FloatArray]:
        """Boxes [N, 4] of the objects in each of its images, by sha256, xyxy pixels."""
        return {image.sha256: image.truth.boxes_xyxy for image in self.images}

    def without(self, waiting: Collection[str]) -> LabelledData:
        """The same without images whose label lacks a target, by sha256; they are neither trained on nor measured on.

        Raises:
            TruthError: where no image with objects is left to train on.
        """
        dropped = [image for image in self.images if image.sha256 in waiting]
        if not dropped:
            return self
        train, val = (tuple(each for each in part if each.sha256 not in waiting) for part in (self.train, self.val))
        require_objects(self.path, "to train on", train)
        note = (
            f"{counted(len(dropped), 'labelled image')} not used: a reviewer saw a target there that is not labelled "
            f"yet: {first_few([image.path for image in dropped])}"
        )
        unused = self.unused.union(image.sha256 for image in dropped)
        return replace(self, train=train, val=val, unused=unused, notes=(*self.notes, note))

    def known_images(
        self, train: Sequence[ImageWithTruth], backgrounds: HeldOut | None = None, by: GroupBy | None = None
    ) -> KnownImages:
        """What may not be trained on as empty.

        Args:
            train: those of its images that are trained on; all others are held out.
            backgrounds: are held out as well.
            by: what belongs together.
        """
        trained_on = {image.sha256 for image in train}
        held_out = HeldOut.of(image for image in self.images if image.sha256 not in trained_on)
        return KnownImages(
            held_out=held_out | (backgrounds or HeldOut()),
            group_by=by or GroupBy(),
            objects={image.sha256: image.truth.boxes_xyxy for image in train},
            unclear=self.unused,
            positives=frozenset(image.phash for image in train if image.is_positive),
        )


def read_labelled(
    data: str | Path,
    model_names: Mapping[int, str],
    *,
    labels: LabelConfig | None = None,
    by: GroupBy | None = None,
    near: Sequence[Path] = (),
    workers: int | None = None,
    on_progress: OnCount | None = None,
) -> LabelledData:
    """Open a data set and read every labelled image in it. Images without a label are not used.

    Args:
        data: VOC, YOLO or COCO.
        model_names: the detector's class id to name; every class that the data lists must be among them.
        labels: how the labels of the data are understood.
        by: what belongs together, besides near-duplicates; None for nothing.
        near: other images, which its labels may be of.
        workers: threads.
        on_progress: called with how many images are read, of how many.

    Raises:
        TruthError: where the data cannot be opened, lists a class that the model lacks, or has no objects.
        SourceError: where images that it names are missing.
    """
    dataset = open_dataset(data, config=labels, images=near)
    class_ids = _class_ids(dataset, model_names, (labels or LabelConfig()).class_map)
    images = [image for image in labelled_images([dataset]) if not image.is_unlabelled]
    contents = read_contents([image.path for image in images], pixels=True, workers=workers, on_progress=on_progress)
    read, unreadable = _with_truth(dataset, images, contents)
    skipped = {**contents.unreadable, **unreadable}
    train, val, split_notes = split_labelled(images, read, by or GroupBy())
    _require_any_objects(Path(data), images)
    if val:
        require_objects(Path(data), "to train on", train)
        require_objects(Path(data), "to measure recall on", val)
    unlabelled = sum(len(each.images) for each in dataset.splits) - len(images)
    positives = sum(image.is_positive for image in (*train, *val))
    notes = [
        *dataset.notes,
        f"{dataset.format_name}: {counted(positives, 'image')} with objects and "
        f"{len(train) + len(val) - positives} without",
        *split_notes,
        *([f"{counted(unlabelled, 'image')} without a label ignored"] if unlabelled > 0 else []),
        *([f"{counted(len(skipped), 'labelled image')} skipped: {first_few(skipped)}"] if skipped else []),
    ]
    return LabelledData(
        path=Path(data),
        train=train,
        val=val,
        truth=dataset.truth,
        class_ids=class_ids,
        unused=frozenset(contents.sha256.values()) - {image.sha256 for image in (*train, *val)},
        skipped=skipped,
        notes=tuple(notes),
    )


def sizes_of(labelled: LabelledData) -> ObjectSizes:
    """How large the objects are that are trained on; a crowd is none."""
    sides, wholes = [np.zeros((0, 2))], [np.zeros((0, 2))]
    for image in labelled.train:
        boxes = image.truth.boxes_xyxy[~image.truth.crowd]
        sides.append(boxes[:, 2:] - boxes[:, :2])
        wholes.append(np.tile(np.array(image.size_wh, dtype=np.float64), (len(boxes), 1)))
    return ObjectSizes(np.concatenate(sides), np.concatenate(wholes))


def split_labelled(
    images: Sequence[LabelledImage], read: Mapping[Path, ImageWithTruth], by: GroupBy
) -> tuple[tuple[ImageWithTruth, ...], tuple[ImageWithTruth, ...], list[str]]:
    """Find the split to train on, and the one to measure on: `val`, or else `test`.

    Args:
        images: with the names of their splits.
        read: by path, those that could be read.
        by: what belongs together: nothing of a group that is measured on is trained on.

    Returns:
        The images to train on and those to measure on, each content on one side and once, and what the user may want to
        know of them. Where the data has no split to measure on, the second is ().
    """
    by_split: dict[str, list[ImageWithTruth]] = {}
    for image in images:
        if image.path in read:
            by_split.setdefault(image.split, []).append(read[image.path])
    train_name = next((name for name in _TRAIN if name in by_split), None)
    val_name = next((name for name in _VAL if name in by_split), None)
    if train_name is not None and val_name is not None:
        every = _each_once(by_split[train_name])
        split = hold_out_split(every, _each_once(by_split[val_name]), by=by)
        if any(image.is_positive for image in split.rest) or not any(image.is_positive for image in every):
            return split.rest, split.held_out, _notes_on_split(split, every, train_name, val_name)
    whole = by_split[train_name] if train_name is not None else [each for part in by_split.values() for each in part]
    return tuple(_each_once(whole)), (), []


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


def _class_ids(dataset: Dataset, model_names: Mapping[int, str], class_map: Mapping[str, str]) -> dict[str, int]:
    """The model's number of each class of the data, by the data's name: where several have it, the one called that."""
    require_known_to_detectors(class_map, list(model_names.values()), dataset.truth.pairs_left, dataset.class_names)
    paired = paired_class_names(model_names, dataset.class_names, class_map)
    by_likeness = sorted(paired.items(), key=lambda pair: (model_names[pair[0]] == pair[1], pair[0]))
    numbers = {name: number for number, name in by_likeness}
    missing = [name for name in dataset.class_names if name not in numbers]
    if missing:
        known = [model_names[number] for number in sorted(model_names)]
        raise TruthError(
            f"{printable(dataset.path)} lists {listed(missing)}, which the model does not have (it has "
            f"{listed(known)}); {how_to_rename(missing, known)}, or retrain weights that were trained on all of them"
        )
    return numbers


def require_objects(data: Path, purpose: str, images: Sequence[ImageWithTruth]) -> None:
    """Refuse images that hold no object.

    Args:
        data: the data set.
        purpose: what the images are for, as in "to train on".
        images: of the data set.

    Raises:
        TruthError: where none of them holds an object.
    """
    if not any(image.is_positive for image in images):
        raise TruthError(
            f"{printable(data)}: expected images with objects {purpose}, found none among {len(images)}; add some, or "
            "give the data splits train and val"
        )


def _require_any_objects(data: Path, images: Sequence[LabelledImage]) -> None:
    if not any(image.is_positive for image in images):
        raise TruthError(
            f"{printable(data)}: expected images with objects, found none in {len(images)} labelled images; name the "
            "data set that the model was trained on"
        )
