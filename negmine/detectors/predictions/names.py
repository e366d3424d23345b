"""Matching the image names in predictions to the files on this disk."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from negmine.errors import PredictionsError
from negmine.paths import printable, sortable

ImageName: TypeAlias = (
    tuple[str, ...] | int
)  # the parts of a path or stem; a number, as Ultralytics writes a numeric stem

_SHOWN = 3


def image_name(text: str) -> ImageName:
    """The name in a file name, a path or a stem; paths are compared from their end, part by part."""
    return PurePosixPath(text).parts


def name_of_file(path: Path, names: Collection[ImageName]) -> ImageName | None:
    """The name of a file: the longest path that it ends with, with its suffix or without; else its number."""
    parts, stem = Path(os.path.abspath(path)).parts, path.stem  # noqa: PTH100  # links stay what they are called
    for start in range(len(parts)):
        for name in (parts[start:], (*parts[start:-1], stem)):
            if name in names:
                return name
    number = int(stem) if stem.isdecimal() else None
    return number if number in names else None


def check_names(names: Collection[ImageName], used: Iterable[ImageName], paths: Sequence[Path], where: str) -> None:
    """Refuse names that match no file, or more than one.

    Args:
        names: all that are known.
        used: the names that have predictions.
        paths: the files.
        where: the names are, for a message.

    Raises:
        PredictionsError: with their number, and the first few.
    """
    files: dict[ImageName, set[Path]] = defaultdict(set)
    for path in paths:
        name = name_of_file(path, names)
        if name is not None:
            files[name].add(path)
    several = [name for name, found in files.items() if len(found) > 1]
    if several:
        found = sorted(files[several[0]], key=sortable)[:2]
        raise PredictionsError(
            f"{where} names {len(several)} images that may be several of the sources, such as {shown(several[0])}: "
            f"{' and '.join(map(printable, found))}; scan them separately, or name them with their folders"
        )
    missing = [name for name in used if name not in files]
    if missing:
        more = ", ..." if len(missing) > _SHOWN else ""
        raise PredictionsError(
            f"{where} has predictions for {len(missing)} images that are not among the sources: "
            f"{', '.join(map(shown, missing[:_SHOWN]))}{more}; name their folders too, or remove them"
        )


def shown(name: ImageName) -> str:
    """For a message."""
    return str(name) if isinstance(name, int) else printable(str(PurePosixPath(*name)))
