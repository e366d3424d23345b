"""The splits of a Pascal VOC data set: `ImageSets/Main/train.txt` and its kin, one image's stem a line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from negmine.datasets.dataset import UNLISTED, WHOLE, Split
from negmine.errors import TruthError
from negmine.paths import printable

_NAMES = ("train", "val", "trainval", "test")
_BOTH = "trainval"


def voc_splits(root: Path, images: Sequence[Path]) -> tuple[Split, ...]:
    """Sort images into the splits that lists name; `trainval` counts only where neither of its parts has a list.

    Args:
        root: of the data set.
        images: all of them.

    Raises:
        TruthError: where a list cannot be read.
    """
    files = {name: root / "ImageSets" / "Main" / f"{name}.txt" for name in _NAMES}
    files = {name: path for name, path in files.items() if path.is_file()}
    if len(files) > 1 and ("train" in files or "val" in files):
        files.pop(_BOTH, None)
    if not files:
        return (Split(WHOLE, tuple(images)),)
    listed = {name: _stems(path) for name, path in files.items()}
    splits = [Split(name, tuple(p for p in images if p.stem in stems)) for name, stems in listed.items()]
    every = set().union(*listed.values())
    others = tuple(path for path in images if path.stem not in every)
    return (*splits, Split(UNLISTED, others)) if others else tuple(splits)


def _stems(path: Path) -> set[str]:
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise TruthError(f"{printable(path)} cannot be read as a list of images: {error}; save it as UTF-8") from error
    return {line.split()[0] for line in lines if line.strip()}
