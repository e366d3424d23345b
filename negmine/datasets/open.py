"""A labelled data set: its labels, paired with images, and its splits; of any format that negmine reads."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from negmine.datasets.candidates import Candidates
from negmine.datasets.config import LabelConfig
from negmine.datasets.frame_truth import FrameTruth, open_frame_truth
from negmine.datasets.pairing import Pairing, pair
from negmine.datasets.truth import PairedTruth
from negmine.errors import SourceError, TruthError
from negmine.labels.base import Label, LabelSet, OwnImages
from negmine.labels.recognise import open_labels
from negmine.labels.splits import TRAIN, TRAINVAL, Split, with_neighbours
from negmine.paths import printable
from negmine.sources.folders import IMAGE_SUFFIXES
from negmine.walking import files_under


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set.

    Attributes:
        path: as it was given.
        splits: in the data set's own order.
        truth: its labels, by image.
        missing: lines of lists whose image does not exist.
        searched_folders: the folders, links resolved, that are searched to any depth: what is put there joins it.
    """

    path: Path
    splits: tuple[Split, ...]
    truth: PairedTruth
    missing: tuple[str, ...]
    searched_folders: tuple[Path, ...]

    @property
    def format_name(self) -> str:
        """What people call its format."""
        return self.truth.format_name

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes that its labels list."""
        return self.truth.class_names

    @property
    def pairing(self) -> Pairing:
        """Which label each image has."""
        return self.truth.pairing

    @property
    def lost(self) -> tuple[str, ...]:
        """Labels, and lines of lists, whose image does not exist, by name."""
        return (*self.pairing.orphans, *self.missing)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user may want to know, a line each: how labels and images were paired comes first."""
        return self.truth.notes

    @property
    def train_split(self) -> str | None:
        """The split that is trained on unless another is named; None where that cannot be told."""
        whole = [split.name for split in self.splits if split.is_whole]
        names = {split.name for split in self.splits}
        return next((name for name in (*whole, TRAIN, TRAINVAL) if name in names), None)


def open_dataset(
    path: str | Path,
    *,
    split: str | None = None,
    config: LabelConfig | None = None,
    images: Iterable[str | Path] = (),
) -> Dataset:
    """Open a data set.

    Images that lie beside labelled ones and have no label are listed too: they are unlabelled, unless the config says
    that they are empty.

    Args:
        path: a `data.yaml`, a Pascal VOC root or folder of XML files, a COCO JSON, a list of files or classes as
            darknet and labelImg have them, or a folder that holds just one of these.
        split: only this one.
        config: how its labels are understood.
        images: others that its labels may be of; they are not listed, and `truth` tells what it knows of them.

    Raises:
        TruthError: where it is not a data set, or has no such split; or where images without a label shall be empty,
            and some labels found no image.
        SourceError: where images that it names do not exist.
    """
    config = config or LabelConfig()
    labels = open_labels(path)
    own = list(_own_images(labels, config))
    known = {image for each in own for image in each.paths}
    near = [os.fspath(image) for image in images]
    # a label beside one of the others is of the data set that it is from
    truth = _paired(labels, config, own, near, lambda image: labels.label_of(image) if image in known else None)
    if truth.pairing.orphans and not truth.pairing.images:
        raise TruthError(f"{printable(path)}: {truth.pairing}; name the folder of the images with --images")
    every = [Path(image) for each in own for image in each.paths]
    listed = every if config.images is not None else with_neighbours(map(Path, truth.pairing.images))
    listing = labels.splits(listed, lambda image: truth.pairing.label_of.get(truth.real_path(image)), split)
    return Dataset(Path(path), listing.splits, truth, listing.lost, tuple(labels.searched_folders))


def open_truth(
    path: str | Path, *, config: LabelConfig | None = None, images: Iterable[str | Path] = ()
) -> PairedTruth | FrameTruth:
    """Open the labels of a data set, for images that may be kept elsewhere; or those of a video, for its frames.

    Args:
        path: as for `open_dataset`; or CVAT's XML for video, or MOT's `gt.txt`.
        config: how its labels are understood.
        images: the images to be labelled, beside those that the data set keeps itself. All at once: which label an
            image has depends on which others there are.

    Raises:
        TruthError: as for `open_dataset`.
    """
    config, near = config or LabelConfig(), [os.fspath(image) for image in images]
    of_video = open_frame_truth(Path(path), near, config)
    if of_video is not None:
        return of_video
    labels = open_labels(path)
    return _paired(labels, config, list(_own_images(labels, config)), near, labels.label_of)


def _paired(
    labels: LabelSet,
    config: LabelConfig,
    own: Sequence[OwnImages],
    images: Sequence[str],
    by_rule: Callable[[str], Label | None],
) -> PairedTruth:
    home = labels.path if labels.path.is_dir() else labels.path.absolute().parent
    candidates, looked_in = Candidates(home), list[str]()
    for each in own:
        candidates.add(each.paths, each.root, is_own=True)
        looked_in.append(each.looked_in)
    if images and config.images is None:
        root = os.path.commonpath([os.path.dirname(os.path.abspath(image)) for image in images])
        candidates.add(images, root, is_own=False)
        looked_in.append(f"{printable(os.path.basename(root) or root)}/")
    pairing = pair(labels.labels, candidates, by_rule, list(dict.fromkeys(looked_in)))
    _require_whole(labels, pairing, config)
    return PairedTruth(labels, pairing, candidates.real, config)


def _own_images(labels: LabelSet, config: LabelConfig) -> Iterable[OwnImages]:
    """The images that the data set keeps itself, or those of the folder that was named for them."""
    if config.images is None:
        return labels.images()
    if not os.path.isdir(config.images):
        raise SourceError(f"{printable(config.images)} is not a folder; name the folder of the images with --images")
    found = [path for path, _ in files_under(str(config.images), IMAGE_SUFFIXES)]
    return [OwnImages(config.images, found, printable(config.images))]


def _require_whole(labels: LabelSet, pairing: Pairing, config: LabelConfig) -> None:
    """Refuse to take images without a label for empty where a label that found no image may be theirs."""
    if not config.missing_is_empty or config.ignore_orphans:
        return
    if not pairing.labels:
        raise TruthError(
            f"{printable(labels.path)}: found no label at all, so --missing-is-empty would take every image for empty; "
            "correct the path, or pass --ignore-orphans if there are none"
        )
    if not pairing.orphans and len(pairing.contested) <= len(pairing.conflicts):
        return
    raise TruthError(
        f"{printable(labels.path)}: {pairing}; an image without a label may be one of theirs, so --missing-is-empty is "
        "refused: correct the names, name the folder of the images with --images, or pass --ignore-orphans if these "
        "labels shall go unused"
    )
