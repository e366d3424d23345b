"""Which images an evaluation is made on: a split of the data set, and the backgrounds that are none of its images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from negmine.datasets.open import Dataset, open_dataset
from negmine.errors import LabelError, SourceError, TruthError
from negmine.labels.base import Truth
from negmine.labels.pairing import RealPaths
from negmine.labels.splits import Split
from negmine.sources.expand import expand_sources

_PREFERRED = ("val", "test")


@dataclass(frozen=True, slots=True, eq=False)
class EvalData:
    """The images of an evaluation.

    Attributes:
        dataset: as it was opened.
        split: the names of the splits that are measured on, joined by `+`.
        labelled: their images, each once.
        backgrounds: images without targets.
        with_targets: backgrounds that are images of the data set, of any split, with objects; left out.
    """

    dataset: Dataset
    split: str
    labelled: tuple[Path, ...]
    backgrounds: tuple[Path, ...]
    with_targets: tuple[Path, ...]


def open_data(data: str | Path, *, split: str | None, backgrounds: Sequence[str | Path]) -> EvalData:
    """List the images.

    Args:
        data: VOC, YOLO or COCO.
        split: where None, `val`, else `test`, else everything.
        backgrounds: sources of images without targets.

    Raises:
        TruthError: where it is no data set, or has no such split.
        SourceError: where images that it names, or backgrounds, are not there.
    """
    dataset, splits = _opened(data, split)
    real_path = RealPaths()
    labelled = {real_path(path): path for each in reversed(splits) for path in reversed(each.images)}
    own = {real_path(path) for each in dataset.splits for path in each.images}
    sources = expand_sources(backgrounds) if backgrounds else []
    with_targets = [ref.path for ref in sources if real_path(ref.path) in own and _has_objects(dataset.truth, ref.path)]
    left_out = set(with_targets)
    return EvalData(
        dataset,
        "+".join(each.name for each in splits),
        tuple(labelled.values())[::-1],
        tuple(ref.path for ref in sources if ref.path not in left_out),
        tuple(with_targets),
    )


def _opened(data: str | Path, split: str | None) -> tuple[Dataset, tuple[Split, ...]]:
    """The data set, with all its splits if they are there, and those of them that are wanted."""
    try:
        dataset = open_dataset(data)
    except SourceError:  # of a split, perhaps, that nobody asked for
        dataset = open_dataset(data, split=split) if split is not None else _first_there(data)
    names = [each.name for each in dataset.splits]
    if split is not None and split not in names:
        dataset = open_dataset(data, split=split)  # which says what there is
    wanted = split or next((name for name in _PREFERRED if name in names), None)
    return dataset, tuple(each for each in dataset.splits if wanted in (None, each.name))


def _first_there(data: str | Path) -> Dataset:
    """The data set with the split alone that would be measured on."""
    for name in _PREFERRED:
        try:
            return open_dataset(data, split=name)
        except TruthError:  # it has no such split
            continue
    return open_dataset(data)


def _has_objects(truth: Truth, path: Path) -> bool:
    try:
        return bool(truth.object_names(path))
    except LabelError:
        return False
