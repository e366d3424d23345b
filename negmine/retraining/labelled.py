"""The labelled images of a retraining: what is trained on, and what recall is measured on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from negmine.datasets.labelled import LabelledImage, labelled_images
from negmine.datasets.open import Dataset, open_dataset
from negmine.errors import LabelError, TruthError
from negmine.images.contents import OnCount, read_contents
from negmine.labels.base import Truth
from negmine.labels.classes import paired_class_names
from negmine.paths import printable
from negmine.retraining.pictures import LabelledPicture, named
from negmine.retraining.sides import sides_of

_SHOWN = 5  # classes in a message


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """A data set, read for a retraining; each content is in it once.

    Attributes:
        train: trained on.
        val: measured on; none of it is in `train`.
        truth: the labels of both.
        class_ids: the model's number of each class that the data lists, by the data's name of it.
        others: sha256 of images that have a label and are in neither: of splits that are not used, or unreadable.
        skipped: why an image is not used, by its path.
        notes: what the user may want to know, a line each.
    """

    train: tuple[LabelledPicture, ...]
    val: tuple[LabelledPicture, ...]
    truth: Truth
    class_ids: Mapping[str, int]
    others: frozenset[str]
    skipped: Mapping[Path, str]
    notes: tuple[str, ...]

    @property
    def positives(self) -> list[LabelledPicture]:
        """The images with objects that are trained on."""
        return [picture for picture in self.train if picture.is_positive]

    @property
    def contents(self) -> frozenset[str]:
        """The sha256 of all its labelled images."""
        return self.others.union(picture.sha256 for picture in (*self.train, *self.val))


def read_labelled(
    data: str | Path,
    model_names: Mapping[int, str],
    *,
    share: float,
    seed: int,
    workers: int | None = None,
    on_progress: OnCount | None = None,
) -> Labelled:
    """Open a data set and read every labelled image in it.

    Where it has no split to validate on, `val` or else `test`, a share of the images is held out, near-duplicates
    together. Images without a label are not used.

    Args:
        data: VOC, YOLO or COCO.
        model_names: the detector's class id to name; every class that the data lists must be among them.
        share: of the images that is held out where need be.
        seed: of that split.
        workers: threads.
        on_progress: called with how many images are read, of how many.

    Raises:
        TruthError: where the data cannot be opened, lists a class that the model lacks, or has no objects to train on
            or to measure on.
        SourceError: where images that it names are not there.
    """
    dataset = open_dataset(data)
    class_ids = _class_ids(dataset, model_names)
    images = [image for image in labelled_images([dataset]) if not image.is_unlabelled]
    contents = read_contents([image.path for image in images], pixels=True, workers=workers, on_progress=on_progress)
    pictures: dict[Path, LabelledPicture] = {}
    skipped: dict[Path, str] = {path: reason for path, reason in contents.unreadable.items()}
    for image in images:
        picture = contents.image(image.path)
        if picture is None or image.path in pictures:
            continue
        if picture.size_wh is None or picture.phash is None:
            skipped[image.path] = picture.broken or "it is no image"
            continue
        try:
            truth = dataset.truth.read(image.path, picture.size_wh)
        except LabelError as error:
            skipped[image.path] = str(error)
            continue
        if truth is not None:
            sha256 = contents.sha256[image.path]
            pictures[image.path] = LabelledPicture(image.path, sha256, picture.phash, picture.size_wh, truth)
    train, val, notes = sides_of(images, pictures, share=share, seed=seed)
    _require_objects(data, images, train, val)
    used = {picture.sha256 for picture in (*train, *val)}
    unlabelled = sum(len(split.images) for split in dataset.splits) - len(images)
    notes = [
        f"{dataset.format_name}: {sum(p.is_positive for p in train)} images with objects and "
        f"{sum(not p.is_positive for p in train)} without are trained on, {len(val)} measured on",
        *notes,
        *([f"{unlabelled} images without a label are not used"] if unlabelled > 0 else []),
        *([f"{len(skipped)} labelled images are skipped: {named(skipped)}"] if skipped else []),
    ]
    return Labelled(
        train=tuple(train),
        val=tuple(val),
        truth=dataset.truth,
        class_ids=class_ids,
        others=frozenset(contents.sha256.values()) - used,
        skipped=skipped,
        notes=tuple(notes),
    )


def _class_ids(dataset: Dataset, model_names: Mapping[int, str]) -> dict[str, int]:
    """The model's number of each class of the data, by the data's name."""
    numbers = {name: number for number, name in sorted(paired_class_names(model_names, dataset.class_names).items())}
    missing = [name for name in dataset.class_names if name not in numbers]
    if missing:
        raise TruthError(
            f"{printable(dataset.path)} lists {_shown(missing)}, which the model does not have (it has "
            f"{_shown([model_names[number] for number in sorted(model_names)])}); rename the classes, or retrain "
            "weights that were trained on all of them"
        )
    return numbers


def _shown(names: Sequence[str]) -> str:
    return ", ".join(map(printable, names[:_SHOWN])) + (
        f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    )


def _require_objects(
    data: str | Path,
    images: Sequence[LabelledImage],
    train: Sequence[LabelledPicture],
    val: Sequence[LabelledPicture],
) -> None:
    where = printable(data)
    if not any(image.is_positive for image in images):
        raise TruthError(
            f"{where}: expected images with objects, found none in {len(images)} labelled images; name the data set "
            "that the model was trained on"
        )
    for what, pictures in (("to train on", train), ("to measure recall on", val)):
        if not any(picture.is_positive for picture in pictures):
            raise TruthError(
                f"{where}: expected images with objects {what}, found none among {len(pictures)}; add some, or give "
                "the data splits train and val"
            )
