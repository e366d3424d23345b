"""Check the mix of positive and negative images before training on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from negmine.datasets.labelled import LabelledImage, labelled_images
from negmine.datasets.open import Dataset, open_dataset
from negmine.errors import ConfigError
from negmine.images.contents import OnCount, read_contents
from negmine.ratios.advice import advise, advise_class
from negmine.ratios.banked import Banked, read_banked
from negmine.ratios.counts import Counts, count, each_file_once
from negmine.ratios.duplicates import duplicate_findings
from negmine.ratios.findings import file_findings, lost_labels
from negmine.ratios.mix import empties_in, empty_paths, mix_of, require_objects
from negmine.ratios.result import RatioResult
from negmine.ratios.target import DEFAULT_TARGET, Target

By = Literal["class"]


def ratio(
    data: str | Path | Sequence[str | Path],
    *,
    bank: str | Path | None = None,
    target: str | Target = DEFAULT_TARGET,
    by: By | None = None,
    split: str | None = None,
    duplicates: bool = True,
    workers: int | None = None,
    on_progress: OnCount | None = None,
) -> RatioResult:
    """Count the positive and negative images of data sets and of a bank, and check their ratio.

    Positives are images with objects, of all classes together. Negatives are images that a label says to be empty, and
    the negatives and variants of the bank that an export would write; a picture that is in both counts once. Images
    without a label are neither.

    Args:
        data: labelled data sets (Pascal VOC, YOLO or COCO), recognised from what is there.
        bank: where negatives are counted too.
        target: `1:1..1:2`, `1:1` (within 1 %) or `ultralytics` (at most one image in ten is background).
        by: `class` to ask that the ratio against the rarest class alone lies in the target as well.
        split: only this one of each data set.
        duplicates: compare all images with each other, which takes decoding them.
        workers: threads that read images; one per core where None.
        on_progress: called with how many images are read, of how many.

    Raises:
        ConfigError: for a target that is none, or no data.
        TruthError, SourceError: where a data set cannot be opened, or no image has an object.
        BankError: where `bank` is none.
    """
    goal = target if isinstance(target, Target) else Target.parse(target)
    paths = [data] if isinstance(data, str | Path) else list(data)
    _check(paths, by, workers)
    banked = Banked.none() if bank is None else read_banked(bank)
    datasets = [open_dataset(path, split=split) for path in paths]
    everywhere = labelled_images(datasets)
    images = each_file_once(everywhere)
    counts = count(images, _class_names(datasets))
    require_objects(counts, paths)
    wanted = [image.path for image in everywhere] if duplicates else empty_paths(images)
    contents = read_contents(wanted, pixels=duplicates, workers=workers, on_progress=on_progress)
    in_bank = len(empties_in(banked.contents, images, contents.sha256))
    mix = mix_of(counts, banked, in_bank=in_bank)
    checked_class = counts.rarest if by == "class" else None
    advice = advise(mix, goal, banked, data=paths, bank=bank, split=split)
    if checked_class is not None:
        advice += advise_class(checked_class, counts, mix, goal)
    return RatioResult(
        data=tuple(map(Path, paths)),
        formats=tuple(dataset.format_name for dataset in datasets),
        bank=None if bank is None else Path(bank),
        counts=counts,
        splits=_splits(everywhere),
        mix=mix,
        in_bank=in_bank,
        target=goal,
        ok=not advice,
        checked_class=checked_class,
        advice=tuple(advice),
        findings=(
            *(duplicate_findings(everywhere, banked, contents) if duplicates else ()),
            *file_findings(images, banked, contents),
            *lost_labels(datasets),
        ),
        compared=duplicates,
    )


def _check(paths: Sequence[str | Path], by: str | None, workers: int | None) -> None:
    if not paths:
        raise ConfigError("expected at least one data set to count, found none; name a folder, data.yaml or COCO JSON")
    if by not in (None, "class"):
        raise ConfigError(f"expected by to be 'class' or None, found {by!r}")
    if workers is not None and workers < 1:
        raise ConfigError(f"expected at least 1 worker, found {workers}")


def _class_names(datasets: Sequence[Dataset]) -> list[str]:
    """What the data sets list, each once, in their order."""
    return list(dict.fromkeys(name for dataset in datasets for name in dataset.class_names))


def _splits(images: Sequence[LabelledImage]) -> Mapping[str, Counts]:
    """Splits of the same name are one, whichever data set they are in."""
    splits: dict[str, list[LabelledImage]] = {}
    for image in images:
        splits.setdefault(image.split, []).append(image)
    return {name: count(each_file_once(members), ()) for name, members in splits.items()}
