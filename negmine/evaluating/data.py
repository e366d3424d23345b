"""The images of an evaluation: a split of the data set, and backgrounds that are not among its images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from negmine.datasets.config import LabelConfig
from negmine.datasets.open import Dataset, open_dataset
from negmine.datasets.truth import may_hold_objects
from negmine.errors import SourceError, TruthError
from negmine.labels.base import Truth
from negmine.labels.splits import Split, split_called
from negmine.paths import RealPaths
from negmine.sources.expand import expand_sources

_PREFERRED = ("val", "test")


class _Open(Protocol):
    """Opens the data set, with all its splits or only one."""

    def __call__(self, *, split: str | None) -> Dataset: ...


@dataclass(frozen=True, slots=True, eq=False)
class EvalImages:
    """The images that detectors run on.

    Attributes:
        labelled: images with labels; one without is skipped, unless the settings say that it is empty.
        truth: the labels.
        backgrounds: images that the user says hold no target.
    """

    labelled: Sequence[Path]
    truth: Truth
    backgrounds: Sequence[Path] = ()


@dataclass(frozen=True, slots=True, eq=False)
class EvalData:
    """An opened data set, and what is evaluated of it.

    Attributes:
        dataset: the data set.
        split: names of the evaluated splits, joined by `+`.
        labelled: their images, each once.
        backgrounds: images without targets.
        with_targets: backgrounds that were left out: a label of the data set says that they hold objects, or may.
    """

    dataset: Dataset
    split: str
    labelled: tuple[Path, ...]
    backgrounds: tuple[Path, ...]
    with_targets: tuple[Path, ...]

    @property
    def images(self) -> EvalImages:
        """The images that detectors run on."""
        return EvalImages(self.labelled, self.dataset.truth, self.backgrounds)


def open_data(
    data: str | Path, *, split: str | None, backgrounds: Sequence[str | Path], labels: LabelConfig | None = None
) -> EvalData:
    """List the images of an evaluation.

    Args:
        data: a VOC, YOLO or COCO data set.
        split: a split of it; None for `val`, else `test`, else everything.
        backgrounds: sources of images without targets.
        labels: how the labels of the data are understood.

    Raises:
        TruthError: if `data` is not a data set, or has no such split.
        SourceError: if images that the data set names, or backgrounds, are missing.
    """
    sources = [ref.path for ref in expand_sources(backgrounds)] if backgrounds else []
    dataset, splits = _open(partial(open_dataset, data, config=labels, images=sources), split)
    real_path = RealPaths()
    labelled = {real_path(path): path for each in reversed(splits) for path in reversed(each.images)}
    with_targets = [path for path in sources if may_hold_objects(dataset.truth, path)]
    left_out = set(with_targets)
    return EvalData(
        dataset,
        "+".join(each.name for each in splits),
        tuple(labelled.values())[::-1],
        tuple(path for path in sources if path not in left_out),
        tuple(with_targets),
    )


def _open(open_split: _Open, split: str | None) -> tuple[Dataset, tuple[Split, ...]]:
    """The data set, with all its splits if they exist, and those of them that are evaluated."""
    try:
        dataset = open_split(split=None)
    except SourceError:  # perhaps of a split that nobody asked for
        dataset = _open_preferred(open_split) if split is None else open_split(split=split)
    names = [each.name for each in dataset.splits]
    split = split_called(split, names)
    if split is not None and split not in names:
        dataset = open_split(split=split)  # raises, and lists the splits that exist
    wanted = split or next((name for name in _PREFERRED if name in names), None)
    return dataset, tuple(each for each in dataset.splits if wanted in (None, each.name))


def _open_preferred(open_split: _Open) -> Dataset:
    """The data set with only the split that is evaluated by default."""
    for name in _PREFERRED:
        try:
            return open_split(split=name)
        except TruthError:  # it has no such split
            continue
    return open_split(split=None)
