"""Telling the label format of a data set from its files."""

from __future__ import annotations

from pathlib import Path

from negmine.errors import TruthError
from negmine.labels.base import LabelSet
from negmine.labels.formats import label_formats
from negmine.paths import printable


def open_labels(path: str | Path) -> LabelSet:
    """Open the labels of a data set, without their images.

    Args:
        path: a `data.yaml`, an `obj.data`, a `classes.txt`, or a folder that holds one; a COCO JSON, or a folder that
            holds one, or one for each split; a Pascal VOC root, or any folder with VOC XML files in it or below.

    Raises:
        TruthError: where it is none of these, or two, or cannot be read.
    """
    path = Path(path)
    try:
        return _open(path)
    except OSError as error:
        where = printable(error.filename or path)
        raise TruthError(f"{where} cannot be read: {error.strerror or error}; correct its permissions") from error


def _open(path: Path) -> LabelSet:
    if path.is_dir():
        return _open_folder(path)
    if not path.exists():
        raise TruthError(f"data set {printable(path)} does not exist; {_expected()}")
    suffix = path.suffix.lower()
    for each in label_formats():
        if suffix in each.file_suffixes or path.name in each.file_names:
            return each.open(path)
    raise TruthError(
        f"data set {printable(path)} is a file {f'of type {suffix}' if suffix else 'without a suffix'}; {_expected()}"
    )


def _open_folder(folder: Path) -> LabelSet:
    found = [(each, path) for each in label_formats() for path in each.find(folder)]
    if not found:
        raise TruthError(f"{printable(folder)} holds no labels; {_expected()}")
    if len(found) > 1:
        names = " and ".join(printable(path.relative_to(folder)) for _, path in found[:2])
        raise TruthError(
            f"{printable(folder)} could be several data sets ({names}); name the file, or the folder of the XML files"
        )
    (only, path) = found[0]
    return only.open(folder if only.is_folder else path)


def _expected() -> str:
    return f"expected {', '.join(each.data_set for each in label_formats())}, or a folder that holds one of these"
