"""How many images and instances there are, of each split and of each class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from os.path import realpath

from negmine.datasets.labelled import LabelledImage


@dataclass(frozen=True, slots=True)
class ClassCounts:
    """How much there is of a class.

    Attributes:
        images: that have at least one object of it.
        instances: objects of it, difficult and crowd ones too.
    """

    images: int
    instances: int


@dataclass(frozen=True, slots=True)
class Counts:
    """What labelled images hold.

    Attributes:
        images: with objects: the positives.
        instances: objects in them.
        empty: images whose label says that nothing is in them.
        unlabelled: images without a label.
        broken: images whose label cannot be read.
        per_class: by name; the classes that the data set lists first, in its order.
    """

    images: int
    instances: int
    empty: int
    unlabelled: int
    broken: int
    per_class: Mapping[str, ClassCounts]

    @property
    def rarest(self) -> str | None:
        """The class with the fewest images, of those that have any; ties go to the first by name."""
        present = [name for name, counts in self.per_class.items() if counts.images]
        return min(present, key=lambda name: (self.per_class[name].images, name), default=None)


def count(images: Iterable[LabelledImage], class_names: Sequence[str]) -> Counts:
    """Count images.

    Args:
        images: each is counted, whatever it is called.
        class_names: classes to list even where no image has them.
    """
    kinds: Counter[str] = Counter()
    class_images: Counter[str] = Counter()
    instances: Counter[str] = Counter()
    for image in images:
        kinds[kind_of(image)] += 1
        instances.update(image.names or ())
        class_images.update(set(image.names or ()))
    names = dict.fromkeys([*class_names, *sorted(instances)])
    return Counts(
        images=kinds["positive"],
        instances=instances.total(),
        empty=kinds["empty"],
        unlabelled=kinds["unlabelled"],
        broken=kinds["broken"],
        per_class={name: ClassCounts(class_images[name], instances[name]) for name in names},
    )


def kind_of(image: LabelledImage) -> str:
    """What an image is to a training: `positive`, `empty`, `unlabelled` or `broken`."""
    if image.broken is not None:
        return "broken"
    if image.names is None:
        return "unlabelled"
    return "positive" if image.names else "empty"


def each_file_once(images: Iterable[LabelledImage]) -> list[LabelledImage]:
    """Leave out files that are there again in another split or data set; of their labels, those with most objects hold.

    A training that reads a file twice has not more pictures.
    """
    once: dict[str, LabelledImage] = {}
    for image in images:
        key = realpath(image.path)
        if key not in once or _known(image) > _known(once[key]):
            once[key] = image
    return list(once.values())


def _known(image: LabelledImage) -> int:
    return -1 if image.names is None else len(image.names)
