"""The image entries of an Ultralytics `data.yaml`."""

from __future__ import annotations

import json
import ntpath
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path, PureWindowsPath

from negmine.errors import SourceError
from negmine.files import read_regular, reason_of
from negmine.paths import printable
from negmine.plain_yaml import MAX_YAML, load_yaml

SPLITS = ("train", "val", "test")
_DEEPEST = 40  # folders of a path that are looked for elsewhere


def read_data_yaml(path: Path) -> dict[str, object]:
    """What a `data.yaml` says.

    Raises:
        SourceError: where it cannot be read.
    """
    try:
        document = load_yaml(read_regular(path, most=MAX_YAML))
    except (OSError, ValueError) as error:
        raise SourceError(f"{printable(path)} cannot be read as YAML: {reason_of(error)}; correct the file") from error
    if not isinstance(document, dict):
        raise SourceError(f"{printable(path)} is not a data.yaml: expected keys such as train and names, found none")
    if "validation" in document and "val" not in document:  # another name for it, as in Ultralytics
        document["val"] = document["validation"]
    return document


def split_names(document: Mapping[str, object]) -> list[str]:
    """The splits that a `data.yaml` has."""
    return [name for name in SPLITS if document.get(name)]


def split_entries(path: Path, document: Mapping[str, object], split: str | None) -> list[Path]:
    """What a `data.yaml` names for a split: folders, lists or images, resolved as Ultralytics does.

    Args:
        path: the file.
        document: what it says.
        split: `train`, `val` or `test`; all that it has where None.

    Raises:
        SourceError: where it does not have the split, or names something else.
    """
    present = split_names(document)
    if split is not None and split not in present:
        raise SourceError(
            f"{printable(path)} has no split {split!r}, only {', '.join(present) or 'none'}; name another with --split"
        )
    if not present:
        raise SourceError(f"{printable(path)} names no images: expected one of {', '.join(SPLITS)}")
    root = _root(path, document)
    entries = [value for name in present if split in (None, name) for value in _as_list(path, name, document[name])]
    found = [_resolve(root, entry) for entry in entries]
    return [
        each if os.path.exists(each) else moved(_stated(document.get("path"), entry), path.parent) or each
        for each, entry in zip(found, entries, strict=True)
    ]


def data_root(path: Path, document: Mapping[str, object]) -> Path:
    """The folder that the entries of a `data.yaml` are relative to; its own where that does not exist.

    Raises:
        SourceError: where it is not text.
    """
    root = _root(path, document)
    return root if os.path.exists(root) else path.parent


def missing_advice(path: Path) -> str:
    """What to do where the images that a `data.yaml` names are not there. Its `download` is text that Ultralytics runs:
    as a URL, a command of the shell, or Python."""
    try:
        document = read_data_yaml(path)
    except SourceError:  # another kind of file names the images
        document = {}
    if document.get("download"):
        return "correct its path or split, or get the images yourself: its `download` is never fetched or run"
    return "correct its path or split"


def moved(stated: str, home: Path, there: Callable[[str], bool] = os.path.exists) -> Path | None:
    """Where a path of another machine is below a folder; None where it is not there, and for a relative path."""
    return tail_below(stated, home, there) if PureWindowsPath(ntpath.normpath(stated)).root else None


def tail_below(stated: str, home: Path, there: Callable[[str], bool] = os.path.exists) -> Path | None:
    """Where a path is below a folder, without as many of its first folders as it takes to find it.

    Args:
        stated: the path, in either kind of slashes.
        home: the folder.
        there: whether a folder exists; a million paths may lie in a few, of which it need not ask more than once.

    Returns:
        The path with the most of its folders; None where there is none.
    """
    place = PureWindowsPath(ntpath.normpath(stated))
    parts = [part for part in (place.parts[1:] if place.anchor else place.parts) if part != os.pardir][-_DEEPEST:]
    tails = (os.path.join(home, *parts[start:]) for start in range(len(parts)))
    found = next((tail for tail in tails if there(os.path.dirname(tail)) and os.path.lexists(tail)), None)
    return None if found is None else Path(found)


def _stated(root: object, entry: str) -> str:
    return entry if PureWindowsPath(entry).root or not root else f"{root}/{entry}"


def _root(path: Path, document: Mapping[str, object]) -> Path:
    """`path` of the file: beside it, from the working folder, or in Ultralytics' folder of data sets; else its own.

    A path of another machine is looked for below the file's folder.
    """
    root = document.get("path")
    if not root:
        return path.parent
    if not isinstance(root, str):
        raise SourceError(f"{printable(path)}: expected path to be text, found a {type(root).__name__}; correct it")
    homes = [path.parent / root, Path(root)]
    if not os.path.exists(homes[0]) and not os.path.exists(homes[1]) and (datasets := _datasets_dir()):
        homes.append(Path(datasets, root))
    return next((home for home in homes if os.path.exists(home)), None) or moved(root, path.parent) or homes[0]


def _datasets_dir() -> str | None:
    """Where Ultralytics keeps data sets, by its settings; None where it has none."""
    places = {"darwin": "~/Library/Application Support", "win32": "~/AppData/Roaming"}
    home = os.environ.get("YOLO_CONFIG_DIR") or os.path.expanduser(
        os.path.join(places.get(sys.platform, "~/.config"), "Ultralytics")
    )
    for folder in (home, os.path.join(home, "Ultralytics")):
        try:
            with open(os.path.join(folder, "settings.json"), encoding="utf-8") as file:
                found = json.load(file).get("datasets_dir")
        except (OSError, ValueError, AttributeError):
            continue
        if isinstance(found, str) and found:
            return found
    return None


def _as_list(path: Path, name: str, value: object) -> list[str]:
    values = value if isinstance(value, list) else [value]
    for wrong in (each for each in values if not isinstance(each, str)):
        raise SourceError(  # by its kind alone: a few aliases can write out to gigabytes
            f"{printable(path)}: expected {name} to be a path or a list of paths, found one of type "
            f"{type(wrong).__name__}; correct it"
        )
    return [str(each) for each in values]


def _resolve(root: Path, entry: str) -> Path:
    """Below the root; exports of some tools begin with a `../` too many, which Ultralytics forgives."""
    if "\\" in entry and not os.path.exists(root / entry):  # written on Windows
        entry = entry.replace("\\", "/")
    path = root / entry
    return root / entry[3:] if entry.startswith("../") and not os.path.exists(path) else path
