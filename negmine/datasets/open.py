"""Opening a data set of any format that negmine reads, and listing its images."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from negmine.datasets.dataset import WHOLE, Dataset, Split
from negmine.datasets.voc_lists import voc_splits
from negmine.errors import SourceError, TruthError
from negmine.labels.coco import CocoTruth, coco_split_name
from negmine.labels.recognise import open_truth
from negmine.labels.voc import VocTruth
from negmine.labels.yolo import YoloTruth
from negmine.paths import printable, sortable
from negmine.sources.data_yaml import split_names
from negmine.sources.expand import expand_sources
from negmine.sources.folders import IMAGE_SUFFIXES


def open_dataset(path: str | Path, *, split: str | None = None) -> Dataset:
    """Open a data set.

    Images that lie beside labelled ones and have no label are listed too: they are unlabelled.

    Args:
        path: a `data.yaml`, a Pascal VOC root or folder of XML files, a COCO JSON, or a folder that holds just one.
        split: only this one.

    Raises:
        TruthError: where it is no data set, or has no such split.
        SourceError: where images that it names are not there.
    """
    path = Path(path)
    truth = open_truth(path)
    if isinstance(truth, YoloTruth):
        splits, absent = _yolo_splits(truth.data_yaml, split)
        return Dataset(path, splits, truth, absent)
    if isinstance(truth, VocTruth):
        images = _with_neighbours(truth.images)
        lost = tuple(printable(xml) for xml in truth.lost)
        return Dataset(path, _only(split, voc_splits(truth.root, images), path), truth, lost)
    if isinstance(truth, CocoTruth):
        whole = (Split(coco_split_name(truth.path), _with_neighbours(truth.images)),)
        return Dataset(path, _only(split, whole, path), truth, tuple(map(printable, truth.lost)))
    raise TruthError(f"{printable(path)}: a data set of type {truth.format_name} cannot be listed")


def _yolo_splits(data_yaml: Path, split: str | None) -> tuple[tuple[Split, ...], tuple[str, ...]]:
    """The splits, and the images that lists name and that are nowhere: a label alone makes no positive.

    A link to nothing stays: it is there, and whoever reads it says so.
    """
    names = split_names(data_yaml)
    if not names:
        raise SourceError(f"{printable(data_yaml)} names no images: expected one of train, val, test; add it")
    if split is not None and split not in names:
        raise TruthError(_no_such(split, names, data_yaml))
    splits, absent = list[Split](), dict[str, None]()
    for name in (name for name in names if split in (None, name)):
        images = [ref.path for ref in expand_sources([data_yaml], split=name)]
        gone = {path for path in images if not os.path.lexists(path)}
        splits.append(Split(name, tuple(path for path in images if path not in gone)))
        absent |= dict.fromkeys(printable(path) for path in images if path in gone)
    return tuple(splits), tuple(absent)


def _only(split: str | None, splits: Sequence[Split], path: Path) -> tuple[Split, ...]:
    found = tuple(each for each in splits if split in (None, each.name))
    if not found:
        raise TruthError(_no_such(str(split), [each.name for each in splits], path))
    return found


def _no_such(split: str, names: Sequence[str], path: Path) -> str:
    present = [name for name in names if name != WHOLE]
    return f"{printable(path)} has no split {split!r}, only {', '.join(present) or 'one without a name'}; name another"


def _with_neighbours(images: Iterable[Path]) -> tuple[Path, ...]:
    """Images, and all others in the folders where they lie; what is hidden is left out, as it is from sources."""
    known = dict.fromkeys(images)
    for folder in sorted({image.parent for image in known}, key=sortable):
        known |= dict.fromkeys(folder / name for name in _pictures(folder))
    return tuple(sorted(known, key=sortable))


def _pictures(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            files = [each.name for each in entries if not each.name.startswith(".") and each.is_file()]
    except OSError as error:
        raise SourceError(
            f"folder {printable(folder)} cannot be searched: {error.strerror}; correct its permissions"
        ) from error
    return [name for name in files if os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES]  # noqa: PTH122  (many)
