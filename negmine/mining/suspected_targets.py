"""Signs that images which are scanned as background hold targets after all: labels beside them, or too much found."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from negmine.files import read_regular
from negmine.labels.folders import is_for_labels
from negmine.paths import printable
from negmine.words import counted

CONFIDENT = 0.5  # the score of a false positive that a detector is rarely wrong about
LOOKED_AT = 200  # images beside which labels are looked for; they are spread over all
_LEVELS = 3  # folders above an image that may have one of labels beside them
_MOST = 1 << 16  # bytes of a label that are looked at
_FEWEST = 20  # images that say something of a scan
_MOST_IMAGES = 0.75  # share of them; look-alikes alone may make a detector fire on half
_COCO = "_annotations.coco.json"  # as Roboflow's exports have it in the folder of the images


def labels_beside(paths: Sequence[Path]) -> str | None:
    """A warning where labels with objects lie beside images that are taken for background; None where there are none.

    A label has the name of its image, and lies in the same folder or in one
    such as `labels` or `Annotations` beside a folder above it.
    """
    names = cache(_names)
    folders = {parent: _label_folders(parent, names) for parent in {path.parent for path in paths}}
    found = [label for path in paths if (label := _label(path, folders[path.parent])) is not None]
    if not found:
        return None
    return (
        f"{len(found)} of {counted(len(paths), 'image')} looked at have a label with objects (such as "
        f"{printable(found[0])}), and without --data every image is taken for background. If these objects are "
        f"targets, they become negatives: scan into a new bank with --data {printable(found[0].parent)}"
    )


def fires_on_most(scanned: int, confident: int) -> str | None:
    """A warning where a detector is confident on most images that hold no target by the user's word.

    Args:
        scanned: images that the detector saw.
        confident: those in which it found a background false positive of a score of `CONFIDENT` or more.
    """
    if scanned < _FEWEST or confident < _MOST_IMAGES * scanned:
        return None
    return (
        f"{confident} of {scanned} images have a false positive of {CONFIDENT:g} or more. If they are not background, "
        "these are targets: look at the hardest (`negmine review`) before the bank is used, or scan labelled images "
        "with --data"
    )


def _label_folders(folder: Path, names: Callable[[Path], list[str]]) -> list[Path]:
    """Where labels of the images in a folder may be: `data/labels/train` for `data/images/train`."""
    found = [folder]
    for above in [folder, *folder.parents[:_LEVELS]]:
        below = folder.relative_to(above).parts[1:]
        found += [above.joinpath(name, *below) for name in names(above) if is_for_labels(name)]
    return found


def _names(folder: Path) -> list[str]:
    """The folders in a folder."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir())
    except (OSError, ValueError):
        return []


def _label(image: Path, folders: Sequence[Path]) -> Path | None:
    """The label of an image that says there are objects."""
    if os.path.isfile(beside := image.parent / _COCO):
        return beside
    places = (folder / f"{image.stem}{suffix}" for folder in folders for suffix in (".xml", ".txt", ".json"))
    return next((place for place in places if os.path.isfile(place) and _has_object(place)), None)


def _has_object(path: Path) -> bool:
    """Whether a file looks like a label with objects; only whole labels are understood, by the formats."""
    try:
        text = read_regular(path, most=_MOST)
    except (OSError, ValueError):
        return False
    if path.suffix == ".txt":
        words = text.split(b"\n", 1)[0].split()
        return len(words) >= 5 and words[0].isdigit() and all(_is_number(word) for word in words)
    return (b"<object>" if path.suffix == ".xml" else b'"shapes"') in text


def _is_number(word: bytes) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
