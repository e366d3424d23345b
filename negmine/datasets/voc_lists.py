"""The splits of a Pascal VOC data set: `ImageSets/Main/train.txt` and its kin, one image's stem a line."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from pathlib import Path

from negmine.datasets.dataset import UNLISTED, WHOLE, Split
from negmine.errors import TruthError
from negmine.paths import printable, sortable

_NAMES = ("train", "val", "trainval", "test")
_BOTH = "trainval"
_FLAG = re.compile(r"\s+(-1|0|1)$")  # whether the class of a list is in the image


def voc_splits(root: Path, images: Sequence[Path]) -> tuple[Split, ...]:
    """Sort images into the splits that lists name; `trainval` counts only where neither of its parts has a list.

    Args:
        root: of the data set, its folder of annotations, or a folder of several data sets such as VOCdevkit.
        images: all of them.

    Raises:
        TruthError: where a list cannot be read.
    """
    members: dict[str, set[Path]] = {}
    for home in _homes(root):
        below = [path for path in images if home.parent != root or str(path).startswith(f"{home}{os.sep}")]
        stems = {path.stem for path in below}
        for name, file in _lists(home).items():
            listed = _listed(file, stems)
            members.setdefault(name, set()).update(path for path in below if path.stem in listed)
    if not members:
        return (Split(WHOLE, tuple(images)),)
    every = set().union(*members.values())
    splits = [Split(name, tuple(p for p in images if p in members[name])) for name in _NAMES if name in members]
    others = tuple(path for path in images if path not in every)
    return (*splits, Split(UNLISTED, others)) if others else tuple(splits)


def _homes(root: Path) -> list[Path]:
    """The folders that hold lists: the root, else the one above annotations, else those of several data sets below."""
    near = next((home for home in (root, root.parent) if _lists(home)), None)
    if near is not None:
        return [near]
    return sorted((home for home in root.iterdir() if home.is_dir() and _lists(home)), key=sortable)


def _lists(home: Path) -> dict[str, Path]:
    """The lists of splits by name. Those of a class, such as `cat_train.txt`, are none."""
    files = {name: home / "ImageSets" / "Main" / f"{name}.txt" for name in _NAMES}
    files = {name: path for name, path in files.items() if path.is_file()}
    if "train" in files or "val" in files:
        files.pop(_BOTH, None)
    return files


def _listed(path: Path, stems: Collection[str]) -> set[str]:
    """The stems that a list names. They may have blanks; a flag behind one is no part of it."""
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise TruthError(f"{printable(path)} cannot be read as a list of images: {error}; save it as UTF-8") from error
    words = [line.strip() for line in lines]
    return {word if word in stems else _FLAG.sub("", word) for word in words}
