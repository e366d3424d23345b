"""What a data set says beyond boxes: kept where the format that is written can say it, else a reason not to write.

negmine reads boxes. A segmentation, pose or OBB data set whose rows were turned into boxes would train a model that has
forgotten its task, and nothing in the export would show it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from negmine.datasets.open import Dataset
from negmine.errors import ExportError
from negmine.exporting.config import ExportConfig
from negmine.labels.base import Feature
from negmine.labels.formats import key_of, label_writer
from negmine.labels.plan import Header, Outline, SourceLabel
from negmine.paths import printable

_CHANNELS = (1, 3)  # of a model that negatives, which are in colour, can be trained into; they are read as grey for 1

_OUTLINED = frozenset({Feature.MASKS, Feature.ORIENTED_BOXES})  # what an outline says whole


def is_same_format(dataset: Dataset, config: ExportConfig) -> bool:
    """Whether the labels are written as they are."""
    return dataset.format_name == label_writer(config.format).keeps_labels_of and not dataset.truth.is_renamed


def kept_header(dataset: Dataset, config: ExportConfig) -> Header:
    """What the data set says beside its labels, as far as it is written again.

    Raises:
        ExportError: where the chosen format cannot say it, or negatives do not fit to it.
    """
    header = dataset.truth.header
    where, channels = printable(dataset.path), header.channels
    if channels not in _CHANNELS:
        raise ExportError(
            f"{where} says channels: {channels}, and the images in a bank have 3; export the negatives alone"
        )
    if is_same_format(dataset, config):
        return header
    if channels != 3:
        raise ExportError(
            f"{where} says channels: {channels}, which {label_writer(config.format).title} cannot say; use "
            f"--format {key_of(dataset.format_name)}, which keeps it"
        )
    return Header()


def wants_outlines(dataset: Dataset, config: ExportConfig) -> bool:
    """Whether the polygons of objects are written, in another format than that of the data set."""
    return label_writer(config.format).has_outlines and not (config.boxes_only or is_same_format(dataset, config))


def require_boxes(
    label: SourceLabel, outlines: Sequence[Outline] | None, where: str, dataset: Dataset, config: ExportConfig
) -> None:
    """Refuse a label that an export in another format would reduce to boxes, unless that is wanted.

    Args:
        label: of an image.
        outlines: of its objects, where these are written.
        where: its image, for the message.
        dataset: that it is from.
        config: the format, and whether boxes alone will do.

    Raises:
        ExportError: naming what the label holds, and the format that keeps it.
    """
    if not label.features or config.boxes_only or is_same_format(dataset, config):
        return
    if outlines is not None and label.features <= _OUTLINED:
        return
    writer, found = label_writer(config.format), ", ".join(sorted(label.features))
    if writer.has_outlines and label.features <= _OUTLINED:
        found += ", not all of them read as polygons"
    raise ExportError(
        f"{where}: its label holds more than boxes ({found}), which an export as {writer.title} would lose; use "
        f"--format {key_of(dataset.format_name)}, which keeps them, or --boxes-only to train a detector of boxes"
    )


def require_one_polygon(polygons: Mapping[Path, Sequence[int]], dataset: Dataset, config: ExportConfig) -> None:
    """Refuse polygons in a format that takes them only where every object of the data set has exactly one.

    Args:
        polygons: of each image, how many each of its objects has.
        dataset: that they are from.
        config: the format.

    Raises:
        ExportError: naming an image with other objects, and the format that keeps them.
    """
    writer = label_writer(config.format)
    if not writer.needs_one_polygon or not any(map(any, polygons.values())):
        return
    for path, counts in polygons.items():
        other = next((count for count in counts if count != 1), None)
        if other is not None:
            found = "an object of several polygons" if other else "an object without a polygon, which others have"
            raise ExportError(
                f"{printable(path)}: its label holds {found}, and {writer.title} takes one polygon for every object, "
                f"or boxes alone; use --format {key_of(dataset.format_name)}, which keeps them, or --boxes-only to "
                "train a detector of boxes"
            )
