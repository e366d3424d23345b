"""The images of an evaluation: a split of the data set, and backgrounds that are not among its images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from negmine.datasets.config import LabelConfig
from negmine.datasets.open import Dataset, open_dataset
from negmine.datasets.truth import may_hold_objects
from negmine.errors import ConfigError, SourceError, TruthError
from negmine.labels.base import Truth
from negmine.labels.classes import paired_class_names
from negmine.labels.splits import Split, split_called
from negmine.paths import RealPaths
from negmine.sources.expand import expand_sources
from negmine.structures import GroundTruth

_PREFERRED = ("val", "test")


class _Open(Protocol):
    """Opens the data set, with all its splits or only one."""

    def __call__(self, *, split: str | None) -> Dataset: ...


@dataclass(frozen=True, slots=True)
class NoLabels:
    """The truth of an evaluation without labelled images: it lists classes, and labels nothing. See `Truth`."""

    class_names: tuple[str, ...]
    format_name: str = "none"

    @property
    def pairs_left(self) -> Mapping[str, str]:
        """{}."""
        return {}

    def label_hash(self, image_path: Path) -> str | None:
        """None."""

    def object_names(self, image_path: Path) -> tuple[str, ...] | None:
        """None."""

    def read(self, image_path: Path, size_wh: tuple[int, int]) -> GroundTruth | None:
        """None."""


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
        dataset: the data set; None where there are backgrounds alone.
        split: names of the evaluated splits, joined by `+`; "" without a data set.
        labelled: their images, each once.
        backgrounds: images without targets.
        with_targets: backgrounds that were left out: a label of the data set says that they hold objects, or may.
    """

    dataset: Dataset | None
    split: str
    labelled: tuple[Path, ...]
    backgrounds: tuple[Path, ...]
    with_targets: tuple[Path, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user may want to know of the data set, a line each."""
        return () if self.dataset is None else self.dataset.notes

    def images(self, detectors: Sequence[Mapping[int, str]]) -> EvalImages:
        """The images that detectors run on.

        Args:
            detectors: class id to name of each; they are the classes where there is no data set.
        """
        truth = NoLabels(_all_classes(detectors)) if self.dataset is None else self.dataset.truth
        return EvalImages(self.labelled, truth, self.backgrounds)


def open_data(
    data: str | Path | None,
    *,
    split: str | None,
    backgrounds: Sequence[str | Path],
    labels: LabelConfig | None = None,
) -> EvalData:
    """List the images of an evaluation.

    Args:
        data: a VOC, YOLO or COCO data set; None for backgrounds alone.
        split: a split of it; None for `val`, else `test`, else everything.
        backgrounds: sources of images without targets.
        labels: how the labels of the data are understood.

    Raises:
        ConfigError: if there is neither a data set nor a background, or settings of a data set without one.
        TruthError: if `data` is not a data set, or has no such split.
        SourceError: if images that the data set names, or backgrounds, are missing.
    """
    if data is None:
        _require_backgrounds_alone(split, backgrounds, labels or LabelConfig())
    sources = [ref.path for ref in expand_sources(backgrounds)] if backgrounds else []
    if data is None:
        return EvalData(None, "", (), tuple(sources))
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


def _require_backgrounds_alone(split: str | None, backgrounds: Sequence[str | Path], labels: LabelConfig) -> None:
    if not backgrounds:
        raise ConfigError(
            "expected labelled data, backgrounds, or both, found neither; name them with --data, --backgrounds"
        )
    given = " and ".join(filter(None, ["--split" if split is not None else "", labels.options]))
    if given:
        raise ConfigError(
            f"{given} is about labelled data, found backgrounds alone; name it with --data, or leave it out"
        )


def _all_classes(detectors: Sequence[Mapping[int, str]]) -> tuple[str, ...]:
    """The classes of all detectors; those of later ones by the names of earlier ones, where they pair."""
    names: list[str] = []
    for class_names in detectors:
        paired = paired_class_names(class_names, names)
        names += [name for number, name in class_names.items() if number not in paired]
    return tuple(dict.fromkeys(names))


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
