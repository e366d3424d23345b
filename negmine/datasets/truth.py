"""The truth of a data set: labels by image, as the user wants them understood."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from negmine.datasets.config import LabelConfig
from negmine.datasets.pairing import Pairing
from negmine.errors import LabelError
from negmine.labels.base import Label, LabelSet, Truth
from negmine.labels.classes import apply_class_map, pairs_for_detectors
from negmine.labels.plan import Header, Outline, SourceLabel
from negmine.paths import RealPaths, printable
from negmine.structures import GroundTruth

_MISSING = "missing is empty"


def may_hold_objects(truth: Truth, image_path: Path) -> bool:
    """Whether a label says that an image holds objects, or cannot be understood: then it is no background."""
    try:
        return bool(truth.object_names(image_path))
    except LabelError:
        return True


def renames(names: Sequence[str], config: LabelConfig) -> Mapping[str, str]:
    """What each class of the labels is called; {} where all keep their names.

    Raises:
        TruthError: where the class map has a pair of names that the labels have neither of.
    """
    found = apply_class_map(names, config.class_map) if config.class_map else {}
    return found if any(old != new for old, new in found.items()) else {}


def reading_of(renamed: Mapping[str, str], left: Mapping[str, str]) -> str:
    """What of a class map decides how the labels are read; it is part of their hashes. "" without a class map."""
    return (repr(sorted(renamed.items())) if renamed else "") + (repr(sorted(left.items())) if left else "")


class PairedTruth:
    """Labels that were paired with images; see `Truth`. Any number of threads may share one.

    Args:
        labels: of the data set.
        pairing: which image each belongs to.
        real_path: resolves links, as the pairing did.
        config: how they are understood.

    Attributes:
        pairing: which label each image has.
        class_names: the classes that the labels list, by the names that the class map gives them.
        pairs_left: the pairs of the class map whose old name is none of the labels.

    Raises:
        TruthError: where the class map has a pair of names that the labels have neither of.
    """

    def __init__(self, labels: LabelSet, pairing: Pairing, real_path: RealPaths, config: LabelConfig) -> None:
        self.pairing = pairing
        self.format_name = labels.format_name
        self.notes = tuple(f"{printable(labels.path)}: {note}" for note in (pairing, *labels.notes))
        self.real_path = real_path
        self._labels = labels
        self._config = config
        self._map = renames(labels.class_names, config)
        self.class_names = tuple(dict.fromkeys(self._map.get(name, name) for name in labels.class_names))
        self.pairs_left = pairs_for_detectors(labels.class_names, config.class_map)
        self._reading = reading_of(self._map, self.pairs_left)

    @property
    def header(self) -> Header:
        """What the data set says beside its labels."""
        return self._labels.header

    @property
    def is_renamed(self) -> bool:
        """Whether classes have other names than in the files."""
        return bool(self._map)

    def source_label(self, image_path: Path) -> SourceLabel | None:
        """The label of an image as the data set has it, masks and all; None where it has no label.

        Raises:
            LabelError: where it cannot be read, or it is not clear which label it has.
        """
        label = self.label_of(image_path)
        return None if label is None else label.source()

    def outlines(self, image_path: Path, truth: GroundTruth, size_wh: tuple[int, int]) -> Sequence[Outline] | None:
        """The outline of each object of an image; None where something that its label says has none.

        Args:
            image_path: where the image is.
            truth: its objects, as `read` gives them.
            size_wh: width and height of the upright image, pixels.

        Raises:
            LabelError: as `read`.
        """
        label = self.label_of(image_path)
        found = None if label is None else label.outlines(size_wh)
        return found if found is not None and len(found) == len(truth) else None

    def label_of(self, image_path: Path) -> Label | None:
        """The label of an image; None where it has none.

        Raises:
            LabelError: where it is not clear which label it has.
        """
        real = self.real_path(image_path)
        if real in self.pairing.conflicts:
            raise LabelError(self.pairing.conflicts[real])
        return self.pairing.label_of.get(real)

    def label_hash(self, image_path: Path) -> str | None:
        """See `Truth.label_hash`."""
        label = self.label_of(image_path)
        if label is None:
            return _MISSING if self._is_empty(image_path) else None
        found = label.hash()
        return hashlib.sha256(f"{found}\n{self._reading}".encode()).hexdigest() if self._reading else found

    def object_names(self, image_path: Path) -> tuple[str, ...] | None:
        """See `Truth.object_names`."""
        label = self.label_of(image_path)
        if label is None:
            return () if self._is_empty(image_path) else None
        return tuple(self._map.get(name, name) for name in label.object_names())

    def read(self, image_path: Path, size_wh: tuple[int, int]) -> GroundTruth | None:
        """See `Truth.read`."""
        label = self.label_of(image_path)
        if label is None:
            return GroundTruth.empty() if self._is_empty(image_path) else None
        truth = label.read(size_wh)
        return replace(truth, class_names=tuple(self._map.get(name, name) for name in truth.class_names))

    def _is_empty(self, image_path: Path) -> bool:
        """Whether an image without a label is taken for empty.

        Raises:
            LabelError: where it may be a copy of an image that has a label.
        """
        if not self._config.missing_is_empty:
            return False
        if self.real_path(image_path) in self.pairing.namesakes:
            raise LabelError(
                "it has no label but the name of a labelled image, so --missing-is-empty does not take it for empty; "
                "label it, or rename it"
            )
        return True
