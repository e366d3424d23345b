"""Check the ratio of positive to negative images before training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from negmine.datasets.config import LabelConfig
from negmine.datasets.labelled import LabelledImage, labelled_images
from negmine.datasets.open import Dataset
from negmine.errors import ConfigError
from negmine.labels.formats import key_of
from negmine.ratios.advice import Asked, advise, advise_class
from negmine.ratios.duplicates import duplicate_findings
from negmine.ratios.findings import file_findings, lost_labels
from negmine.ratios.mix import (
    ImageCounts,
    Mix,
    count_images,
    each_file_once,
    empties_in,
    empty_paths,
    open_counted,
    require_objects,
)
from negmine.ratios.result import RatioResult
from negmine.ratios.small import small_objects
from negmine.ratios.target import DEFAULT_TARGET, Target
from negmine.videos.contents import OnCount, read_contents

By = Literal["class"]


def ratio(
    data: str | Path | Sequence[str | Path],
    *,
    bank: str | Path | None = None,
    target: str | Target = DEFAULT_TARGET,
    by: By | None = None,
    split: str | None = None,
    labels: LabelConfig | None = None,
    duplicates: bool = True,
    workers: int | None = None,
    on_progress: OnCount | None = None,
) -> RatioResult:
    """Count the positive and negative images of data sets and of a bank, and check their ratio.

    Positives are images with objects of any class. Negatives are images with an empty label, and the negatives and
    variants of the bank that an export would write; an image that is in both counts once. Images without a label are
    neither.

    Args:
        data: labelled data sets (Pascal VOC, YOLO or COCO); the format is recognised.
        bank: a bank whose negatives count too.
        target: `1:1..1:2`, `1:1` (within 1 %) or `ultralytics` (at most one image in ten is background).
        by: `class` to check the ratio against the rarest class too.
        split: count only this split of each data set.
        labels: how the labels of the data sets are understood.
        duplicates: compare all images with each other, which decodes them; those that cannot be decoded count as
            broken then.
        workers: threads that read images; None for one per core.
        on_progress: called with the number of images read and of all images.

    Raises:
        ConfigError: for a bad target or setting, or no data.
        TruthError, SourceError: if a data set cannot be opened, or no image has an object.
        BankError: if `bank` is not a bank.
    """
    goal = target if isinstance(target, Target) else Target.parse(target)
    paths = [data] if isinstance(data, str | Path) else list(data)
    _check(paths, by, workers)
    datasets, summary = open_counted(paths, bank, split, labels)
    everywhere = labelled_images(datasets)
    images = each_file_once(everywhere)
    require_objects(images, count_images(images, ()), paths)
    wanted = [image.path for image in everywhere] if duplicates else empty_paths(images)
    contents = read_contents(wanted, pixels=duplicates, workers=workers, on_progress=on_progress)
    unreadable = contents.reasons()
    everywhere = [replace(image, unreadable=image.path in unreadable) for image in everywhere]
    images = each_file_once(everywhere)
    counts = count_images(images, _class_names(datasets))
    require_objects(images, counts, paths)
    mix = Mix.of(counts, summary, in_bank=len(empties_in(summary.contents, images, contents.sha256)))
    checked_class = counts.rarest if by == "class" else None
    key = key_of(datasets[0].format_name) if len(datasets) == 1 else None
    names = [each.name for dataset in datasets for each in dataset.splits]
    asked = Asked(paths, bank, split, labels or LabelConfig(), key, names)
    advice = advise(mix, goal, summary, asked)
    if checked_class is not None:
        advice += advise_class(checked_class, counts, mix, goal)
    return RatioResult(
        data=tuple(map(Path, paths)),
        formats=tuple(dataset.format_name for dataset in datasets),
        notes=tuple(dataset.notes for dataset in datasets),
        bank=None if bank is None else Path(bank),
        counts=counts,
        splits=_splits(everywhere),
        mix=mix,
        target=goal,
        ok=not advice,
        checked_class=checked_class,
        advice=tuple(advice),
        findings=(
            *(duplicate_findings(everywhere, summary, contents) if duplicates else ()),
            *file_findings(images, summary, contents),
            *lost_labels(datasets),
        ),
        compared=duplicates,
        small=small_objects(datasets, images, contents, compared=duplicates),
    )


def _check(paths: Sequence[str | Path], by: str | None, workers: int | None) -> None:
    if not paths:
        raise ConfigError("expected at least one data set to count, found none; name a folder, data.yaml or COCO JSON")
    if by not in (None, "class"):
        raise ConfigError(f"expected by to be 'class' or None, found {by!r}")
    if workers is not None and workers < 1:
        raise ConfigError(f"expected at least 1 worker, found {workers}")


def _class_names(datasets: Sequence[Dataset]) -> list[str]:
    """The classes that the data sets list, each once, in their order."""
    return list(dict.fromkeys(name for dataset in datasets for name in dataset.class_names))


def _splits(images: Sequence[LabelledImage]) -> Mapping[str, ImageCounts]:
    """The counts of each split; splits of the same name in several data sets are one."""
    splits: dict[str, list[LabelledImage]] = {}
    for image in images:
        splits.setdefault(image.split, []).append(image)
    return {name: count_images(each_file_once(members), ()) for name, members in splits.items()}
