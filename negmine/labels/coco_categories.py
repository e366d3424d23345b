"""The categories of a COCO file: which are classes, and which of them each image was searched for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from negmine.errors import TruthError
from negmine.labels.coco_json import Entry, Id, as_id, other_kind, shown
from negmine.words import is_unicode

NEGATIVE, NOT_EXHAUSTIVE = "neg_category_ids", "not_exhaustive_category_ids"  # of images, in LVIS


def category_names(categories: Mapping[Id, Entry], where: str) -> dict[Id, str]:
    """Category id to name.

    Raises:
        TruthError: where one has no name, or none that can be written.
    """
    names: dict[Id, str] = {}
    for number, entry in categories.items():
        name = entry.get("name")
        if not isinstance(name, str) or not name:
            raise TruthError(f"{where}: category {shown(number)} has no name, found {shown(name)}; name it")
        if not is_unicode(name):
            raise TruthError(f"{where}: the name of category {shown(number)}, {shown(name)}, is no Unicode; correct it")
        names[number] = name
    return names


def without_groups(names: Mapping[Id, str], categories: Mapping[Id, Entry], used: Collection[Id]) -> dict[Id, str]:
    """Drop the categories that no annotation uses and that are no classes: groups of others, and the background.

    Roboflow puts a group before the classes, with id 0 and `none` above it.

    Args:
        names: category id to name.
        categories: the entries.
        used: ids that annotations have.
    """
    above = Counter(str(entry.get("supercategory")) for entry in categories.values())
    kept: dict[Id, str] = {}
    for number, name in names.items():
        own = str(categories[number].get("supercategory"))
        is_above = above[name] > (own == name)
        is_roboflow_s = number == 0 and own == "none" and above[own] == 1 and len(categories) > 1
        if number in used or not (is_above or is_roboflow_s or name.strip("_ ").casefold() == "background"):
            kept[number] = name
    return kept


@dataclass(frozen=True, slots=True)
class Coverage:
    """Which classes an image was searched for.

    Attributes:
        searched: the classes; None for all.
        partly: classes of which there may be more objects than have annotations.
        problem: why that cannot be told; None where it can.
    """

    searched: frozenset[str] | None = None
    partly: frozenset[str] = frozenset()
    problem: str | None = None

    def judges(self, class_name: str) -> bool:
        """Whether what has no annotation of the class is none of its objects."""
        return class_name not in self.partly and (self.searched is None or class_name in self.searched)

    def without(self, class_names: Collection[str]) -> Coverage:
        """The same, where there may be objects of these classes too."""
        return replace(self, partly=self.partly.union(class_names)) if class_names else self

    def said(self) -> list[object]:
        """The same as plain values."""
        return [None if self.searched is None else sorted(self.searched), sorted(self.partly), self.problem]


ALL_JUDGED = Coverage()


def coverage_of(entry: Entry, names: Mapping[Id, str], present: Collection[str], *, federated: bool) -> Coverage:
    """Which classes were searched for in an image: all of them, unless the file says otherwise.

    Args:
        entry: the image.
        names: category id to name.
        present: the classes of its annotations.
        federated: each image of the file was searched only for the classes that it names, as in LVIS
            (https://www.lvisdataset.org/dataset).
    """
    if not federated and NOT_EXHAUSTIVE not in entry:
        return ALL_JUDGED
    listed: dict[str, frozenset[str]] = {}
    for key in (NEGATIVE, NOT_EXHAUSTIVE):
        ids = [] if entry.get(key) is None else entry[key]
        if not isinstance(ids, list) or any(other_kind(each, names) for each in ids):
            return Coverage(problem=f"expected {key} to list ids of categories, found {shown(ids)}; correct it")
        numbers = map(as_id, ids)  # ids of categories that the file does not list are of no class
        listed[key] = frozenset(names[number] for number in numbers if number is not None and number in names)
    return Coverage(listed[NEGATIVE].union(present) if federated else None, listed[NOT_EXHAUSTIVE])
