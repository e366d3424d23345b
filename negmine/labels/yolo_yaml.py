"""What a `data.yaml` says of labels: the names of the classes, the values of a key point row, where the images are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from negmine.errors import TruthError
from negmine.paths import printable

_SPLITS = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class YoloYaml:
    """The part of a `data.yaml` that labels need.

    Attributes:
        names: class id to name; ids may have gaps.
        key_point_values: how many values of key points follow a box in a row, 0 without `kpt_shape`.
        places: folders, lists or images that the splits name, some of which may not exist.
    """

    names: Mapping[int, str]
    key_point_values: int
    places: tuple[Path, ...]

    @classmethod
    def read(cls, path: Path) -> YoloYaml:
        """Read the file.

        Raises:
            TruthError: where it cannot be read, names no classes, or has a `kpt_shape` that is none.
        """
        document = _load(path)
        return cls(_names(path, document.get("names")), _key_point_values(path, document), _places(path, document))


def _load(path: Path) -> Mapping[object, object]:
    try:
        document = yaml.safe_load(path.read_bytes())
    except (OSError, yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: no text, or an absurd number
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TruthError(f"{printable(path)} cannot be read as YAML: {reason}; correct the file") from error
    if not isinstance(document, dict):
        raise TruthError(f"{printable(path)} is no data.yaml: expected the key names, found none; add it")
    return document


def _names(path: Path, names: object) -> dict[int, str]:
    """Class id to name, from a list or a mapping."""
    pairs = names.items() if isinstance(names, dict) else enumerate(names) if isinstance(names, list) else ()
    found: dict[int, str] = {}
    for number, name in pairs:
        if not (isinstance(number, int) or str(number).isdecimal()) or not isinstance(name, (str, int, float)):
            raise TruthError(
                f"{printable(path)}: expected names to be numbered words, found {_shown(number)}: "
                f"{_shown(name)}; correct it"
            )
        found[int(number)] = str(name)
    if not found:
        raise TruthError(f"{printable(path)} names no classes: expected names, a list or a mapping by number; add it")
    return found


def _key_point_values(path: Path, document: Mapping[object, object]) -> int:
    shape = document.get("kpt_shape")
    if shape is None:
        return 0
    if not isinstance(shape, list) or len(shape) != 2 or not all(isinstance(n, int) and 0 < n < 10_000 for n in shape):
        raise TruthError(
            f"{printable(path)}: expected kpt_shape to be points and values a point, such as [17, 3], found "
            f"{_shown(shape)}; correct it"
        )
    return int(shape[0] * shape[1])


def _places(path: Path, document: Mapping[object, object]) -> tuple[Path, ...]:
    """What the splits name, below `path`, which is beside the file or in the working folder; else all beside it."""
    root = document.get("path")
    homes = [path.parent / root, Path(root)] if isinstance(root, str) else [path.parent]
    home = next((each for each in homes if each.is_dir()), path.parent)
    splits = [document.get(name) for name in _SPLITS]
    entries = [each for split in splits for each in (split if isinstance(split, list) else [split])]
    places = [_below(home, each) for each in entries if isinstance(each, str) and each]
    return tuple(places) or (path.parent / "images",)


def _below(home: Path, entry: str) -> Path:
    """Exports of some tools begin with a `../` too many, which Ultralytics forgives."""
    path = home / entry
    return home / entry[3:] if entry.startswith("../") and not path.exists() else path


def _shown(value: object) -> str:
    """A value for a message; what is nested by its kind alone, since a few aliases can write out to gigabytes."""
    plain = value is None or isinstance(value, (str, int, float))
    return printable(repr(value)[:40]) if plain else f"a {type(value).__name__}"
