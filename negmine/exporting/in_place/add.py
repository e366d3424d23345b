"""Adding the negatives of a bank to a data set where it is, in its own layout."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from negmine.bank.bank import Bank
from negmine.datasets.open import Dataset, open_dataset
from negmine.errors import ConfigError, ExportError
from negmine.exporting.beside import Beside
from negmine.exporting.config import ExportConfig
from negmine.exporting.data_images import DataImages, files_of, read_images, require_objects, trained_on
from negmine.exporting.fitting import nothing_chosen
from negmine.exporting.in_place.changes import Changes
from negmine.exporting.in_place.manifest import LOCK, Added
from negmine.exporting.in_place.manifests import Manifests
from negmine.exporting.in_place.places import Place, place_in
from negmine.exporting.in_place.result import AddResult
from negmine.exporting.kept import kept_header
from negmine.exporting.merge import SortedImages
from negmine.exporting.mix import room_left
from negmine.exporting.names import negative_name, variant_name
from negmine.exporting.negatives import BankNegatives
from negmine.files import reason_of
from negmine.inside import inside
from negmine.labels.classes import require_old_names
from negmine.labels.formats import label_writer
from negmine.labels.plan import Content, ExportImage, StreamedFile
from negmine.paths import printable
from negmine.trainable import variants_of
from negmine.videos.contents import OnCount

TAKEN = "it is not one that was added, and a negative of this name is left out"
_LABELS = {"voc": ("Annotations", ".xml"), "yolo": ("labels/train", ".txt")}  # where a plan has those of `train`


def add_to(
    bank: str | Path,
    data: str | Path,
    *,
    split: str | None = None,
    config: ExportConfig | None = None,
    on_progress: OnCount | None = None,
) -> AddResult:
    """Add the negatives of a bank to a data set where it is: images, empty labels, and their names in its lists.

    They go beside the images to train on, in the layout that the data set has (Pascal VOC, YOLO or COCO). A manifest
    names them, and `take_out` removes just them. Adding again adds what is new, and takes out what was rejected since;
    so it does after a kill. What is left out beside a merged data set is left out here too (see `export`); so is a
    negative whose file would replace another.

    Args:
        bank: the bank's folder.
        data: the data set.
        split: to train on; by default `train`, or all of it where it has no splits.
        config: which negatives, how files are copied; its format has no meaning here.
        on_progress: called for each image of the data set that was read.

    Raises:
        BankError: where the folder is not a bank, or a file in it is gone or damaged.
        TruthError, SourceError: where the data set cannot be opened, or the class map has an old name of nobody.
        ExportError: where there is nothing to add, the data set is in use or cannot be added to, somebody has changed
            what was added, or negatives were added to another data set in its folder.
        ConfigError: where the settings contradict each other or the data set.
    """
    config = config or ExportConfig()
    if config.splits is not None:
        raise ConfigError("expected no shares with --into, found some: negatives are added to the images to train on")
    if config.selection.positives:
        raise ConfigError("expected --ratio alone with --into, found --positives: the ratio is of that data set")
    dataset = open_dataset(data, config=config.labels)
    place = place_in(dataset, split)
    _require_not_measured(place, dataset)
    _require_classes(dataset, bank)
    config = replace(config, format=place.format, boxes_only=True)  # labels stay as they are, so nothing is lost
    kept_header(dataset, config)
    try:
        with LOCK.hold(place.home, purpose="negmine export --into"):
            manifests = Manifests.read(place.home)
            before, others = manifests.of_or_new(place), manifests.beside(place.owner)
            chosen = _choose(bank, dataset, place, before, others, split, config, on_progress)
            changes = Changes.to_add(place, before, others, _wanted(place, chosen.images, dataset), chosen.images)
            changes.make(config.method, config.workers)
    except OSError as error:
        where = printable(error.filename or place.root)
        raise ExportError(f"{where}: {reason_of(error)}; correct that, and run the same command again") from error
    return chosen.result(dataset, place, changes)


def _require_classes(dataset: Dataset, bank: str | Path) -> None:
    """Refuse a class map with an old name of nobody."""
    with Bank(bank) as opened:
        require_old_names(dataset.truth.pairs_left, opened.class_names(), dataset.class_names)


def _require_not_measured(place: Place, dataset: Dataset) -> None:
    """Refuse to add where a split that is measured on would have the negatives too."""
    if place.others:
        raise ExportError(
            f"{printable(dataset.path)}: negatives in {printable(place.root / place.images)} would be in "
            f"{' and '.join(place.others)} too (it has that folder or its list); give {place.others[0]} a folder or "
            "list of its own"
        )


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The negatives that a data set shall hold, and what is to be said of them."""

    negatives: BankNegatives
    images: list[ExportImage]
    skipped: Mapping[Path, str]
    withheld: Mapping[str, int]
    positives: int
    empties: int

    def result(self, dataset: Dataset, place: Place, changes: Changes) -> AddResult:
        """What was done."""
        found = self.negatives
        return AddResult(
            data=dataset.path,
            data_format=dataset.format_name,
            root=place.root,
            images=place.root / place.images,
            negatives=len(found.negatives),
            variants=len(found.variants),
            left_out=found.refused,
            waiting=found.waiting,
            passed_over=found.passed_over,
            withheld=self.withheld,
            skipped=self.skipped,
            written=changes.written,
            unchanged=changes.unchanged,
            removed=len(changes.stale),
            positives=self.positives,
            ratio=(self.empties + found.image_count) / self.positives,
        )


def _choose(
    bank: str | Path, dataset: Dataset, place: Place, before: Added, others: Manifests, split: str | None,
    config: ExportConfig, on_progress: OnCount | None,
) -> _Chosen:  # fmt: skip
    """The negatives that may be trained on beside a data set, as many as are wanted; what was added before is none."""
    ours = {dataset.truth.real_path(place.root / name) for name in before.files}
    found = [
        each for each in files_of(dataset, trained_on(dataset, split)) if dataset.truth.real_path(each.path) not in ours
    ]
    require_objects(dataset, found)
    data = DataImages(dataset, read_images(dataset, found, config, on_progress), dataset.truth.header)
    beside, selection = Beside.of(data, bank, config), config.selection
    ours_or_shared = {*(place.root / name for name in before.files), *others.files}
    free, skipped = _without_taken(place, ours_or_shared, beside.free)
    counts = SortedImages.of(data, label_writer(place.format), beside.waiting).counts()[0]
    room = None
    if selection.ratio is not None:
        room = room_left(selection.ratio, counts.positives, counts.empty)
    negatives = free.chosen(bank, selection, room)
    if not negatives.negatives and not before.files:
        raise ExportError(_nothing(beside, free, skipped, bank, config))
    return _Chosen(negatives, negatives.images(), skipped, beside.withheld, counts.positives, counts.empty)


def _without_taken(place: Place, ours: Collection[Path], free: BankNegatives) -> tuple[BankNegatives, dict[Path, str]]:
    """The negatives whose files have names that are free or ours; and the files of the others, with the reason.

    A variant is left out with its negative.
    """
    taken = {
        each.name: place.root / name
        for each in free.images()
        for name in reversed(_file_names(place, each))  # where both are taken, the image is named
        if place.root / name not in ours and os.path.lexists(inside(place.root, name))
    }
    by_id = {each.id: each for each in free.negatives if negative_name(each) not in taken}
    variants = [
        each
        for each in variants_of(by_id.values(), free.variants)
        if variant_name(by_id[each.negative_id], each) not in taken
    ]
    return replace(free, negatives=list(by_id.values()), variants=variants), dict.fromkeys(taken.values(), TAKEN)


def _nothing(
    beside: Beside, free: BankNegatives, skipped: Mapping[Path, str], bank: str | Path, config: ExportConfig
) -> str:
    if free.negatives:
        return nothing_chosen(free, config.selection)
    named = [f"{reason}: {printable(path)}" for path, reason in list(skipped.items())[:1]]
    why = (
        "; ".join([*beside.withheld, *named])
        or f"{beside.read.in_bank} in it, rejected, marked as a target, or held back"
    )
    return f"bank {printable(bank)} has no negatives to add ({why}); scan more backgrounds with `negmine scan`"


def _wanted(place: Place, images: list[ExportImage], dataset: Dataset) -> dict[str, Content | StreamedFile]:
    """Every file to add, by its name relative to the root."""
    folder = printable(place.home.name) or "data"
    plan = label_writer(place.format).plan(images, class_names=dataset.class_names, folder=folder)
    planned, suffix = _LABELS.get(place.format, ("", ""))
    files: dict[str, Content | StreamedFile] = {}
    for each in images:
        image, *label = _file_names(place, each)
        files[image] = each.file
        files |= {name: plan[f"{planned}/{each.name}{suffix}"] for name in label}
    return files


def _file_names(place: Place, image: ExportImage) -> list[str]:
    """The names of an image and of its label file, if its format has one, relative to the root."""
    names = [f"{place.images}/{image.file_name}".lstrip("/")]
    if place.labels is not None:
        names.append(f"{place.labels}/{image.name}{_LABELS[place.format][1]}".lstrip("/"))
    return names
