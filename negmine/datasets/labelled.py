"""Every image of data sets with the classes of its objects; nothing is decoded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from negmine.datasets.open import Dataset
from negmine.errors import LabelError
from negmine.labels.checks import judged_classes
from negmine.labels.splits import WHOLE
from negmine.paths import RealPaths, printable


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """An image in a split of a data set.

    Attributes:
        path: of the file.
        dataset: its data set, as it was given.
        split: its split.
        names: the class of each object; () where it is known to be empty, None where it has no label.
        broken: why its label cannot be read; `names` is None then.
        unreadable: whether it is known that the image itself cannot be decoded.
    """

    path: Path
    dataset: Path
    split: str
    names: tuple[str, ...] | None
    broken: str | None = None
    unreadable: bool = False

    @property
    def is_positive(self) -> bool:
        """Whether it has an object; a region to ignore is none."""
        return bool(judged_classes(self.names or ()))

    @property
    def is_empty(self) -> bool:
        """Whether its label says that it holds nothing."""
        return self.names == ()

    @property
    def is_unlabelled(self) -> bool:
        """Whether it has no label at all."""
        return self.names is None and self.broken is None


def labelled_images(datasets: Sequence[Dataset]) -> list[LabelledImage]:
    """Every image in every split, in order. An image that only one of several data sets labels belongs to that one.

    A file that a split has twice, through a link or because the data set was given twice, is listed once.
    """
    real_path = RealPaths()
    datasets = list({real_path(dataset.path): dataset for dataset in reversed(datasets)}.values())[::-1]
    names = _whole_names(datasets)
    once: dict[tuple[Path, str, str], LabelledImage] = {}
    for dataset in datasets:
        for image in _images(dataset, names[dataset.path]):
            once.setdefault((image.dataset, image.split, real_path(image.path)), image)
    if len(datasets) == 1:
        return list(once.values())
    labelled = {real for (*_, real), image in once.items() if not image.is_unlabelled}
    return [image for (*_, real), image in once.items() if not image.is_unlabelled or real not in labelled]


def _whole_names(datasets: Sequence[Dataset]) -> dict[Path, str]:
    """The name for a data set without splits: `all` if it is the only one, else its folder's name, or its path."""
    if len(datasets) == 1:
        return {datasets[0].path: WHOLE}
    short = Counter(dataset.path.absolute().name for dataset in datasets)
    return {
        dataset.path: printable(name if short[name := dataset.path.absolute().name] == 1 else dataset.path)
        for dataset in datasets
    }


def _images(dataset: Dataset, whole_name: str) -> Iterator[LabelledImage]:
    for split in dataset.splits:
        split_name = whole_name if split.name == WHOLE else split.name
        for path in split.images:
            names, broken = None, None
            try:
                names = dataset.truth.object_names(path)
            except LabelError as error:
                broken = str(error)
            yield LabelledImage(path, dataset.path, split_name, names, broken)
