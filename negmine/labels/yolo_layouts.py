"""Where a YOLO data set keeps its images and class names: by a `data.yaml`, by darknet's `obj.data`, or by a bare list
of classes, as labelImg writes it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from negmine.errors import SourceError, TruthError
from negmine.files import read_regular
from negmine.labels.folders import canonical_split, is_kind
from negmine.labels.yolo_rows import RowFormat, may_be_rows
from negmine.paths import printable, sortable
from negmine.plain_yaml import MAX_YAML
from negmine.sources.data_yaml import data_root, read_data_yaml, split_entries, split_names, tail_below
from negmine.sources.expand import images_of_entry
from negmine.sources.folders import IMAGE_SUFFIXES
from negmine.walking import files_under

DATA_YAML = "data.yaml"
CLASS_LISTS = ("classes.txt", "obj.names", "_darknet.labels")  # labelImg and CVAT, darknet, Roboflow
_YAML_NAMES = (DATA_YAML, "data.yml", "dataset.yaml", "dataset.yml")
_DARKNET = ".data"


@dataclass(frozen=True, slots=True)
class YoloLayout:
    """Where a data set keeps what.

    Attributes:
        path: the file that says so.
        home: the folder that its paths are relative to.
        row_format: what a row may hold, and which class its number is.
        entries: the folders, lists and images of each split, which may not exist; none where folders tell the splits.
        split_names: of the splits that the file names.
        document: the rest of the `data.yaml`.
    """

    path: Path
    home: Path
    row_format: RowFormat
    entries: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    split_names: Sequence[str] = ()
    document: Mapping[str, object] = field(default_factory=dict)

    def images_of(self, split: str) -> tuple[list[Path], list[str]]:
        """The images of a split, and what lists name and does not exist. A link to nothing exists.

        Raises:
            SourceError: where a folder or list does not exist.
        """
        found = [image for entry in self.entries[split] for image in self._images_of_entry(entry)]
        there = [path for path in found if os.path.lexists(path)]
        return there, [printable(path) for path in found if not os.path.lexists(path)]

    def present_images(self) -> Iterable[Path]:
        """The images of all splits, as far as they exist."""
        for entry in dict.fromkeys(each for entries in self.entries.values() for each in entries):
            try:
                yield from filter(os.path.lexists, self._images_of_entry(entry))
            except SourceError:  # opening that split says what is wrong
                continue
        if not self.entries:
            yield from (Path(path) for path, _ in files_under(str(self.home), IMAGE_SUFFIXES))

    def _images_of_entry(self, entry: Path) -> Sequence[Path]:
        if self.path.suffix.lower() == _DARKNET and entry.is_file():
            return _darknet_list(entry, self.home)
        return images_of_entry(entry, self.path, self.home)


def find_layouts(folder: Path) -> list[Path]:
    """The file of the data set that a folder holds, if there is one."""
    yamls = [path for name in _YAML_NAMES if (path := folder / name).is_file()]
    darknet = sorted((path for path in folder.glob(f"*{_DARKNET}") if path.is_file()), key=sortable)
    kinds = [folder / name for name in sorted(os.listdir(folder)) if is_kind(name)]
    splits = [folder / name for name in sorted(os.listdir(folder)) if canonical_split(name)]
    lists = [path for each in (folder, *kinds, *splits) for name in CLASS_LISTS if (path := each / name).is_file()]
    others = [path for path in sorted(folder.glob("*.y*ml"), key=sortable) if _may_be_data_yaml(path)]
    return (yamls or (others if len(others) == 1 else []) or darknet or _with_labels(lists))[:1]


def _may_be_data_yaml(path: Path) -> bool:
    """Whether a file, such as `coco8.yaml`, has the keys of a data.yaml."""
    try:
        text = read_regular(path, most=MAX_YAML)
    except (OSError, ValueError):
        return False
    return b"names:" in text and b"train:" in text


def _with_labels(lists: Sequence[Path]) -> list[Path]:
    """Lists of classes beside or above which there are labels; labelImg leaves one among the XML files of VOC too."""
    found = []
    for path in lists:
        texts = [text for text, _ in files_under(str(path.parent), frozenset({".txt"}))]
        if any(os.path.basename(text) not in CLASS_LISTS and may_be_rows(Path(text)) for text in texts):
            found.append(path)
    return found


def open_layout(path: Path, folder: Path | None = None) -> YoloLayout:
    """Read what a file says of its data set.

    Args:
        path: a `data.yaml`, an `obj.data`, or a list of classes.
        folder: the folder that was named, where it was not the file.

    Raises:
        TruthError: where it cannot be read, or names no classes.
    """
    if path.suffix.lower() in (".yaml", ".yml"):
        return _open_yaml(path)
    if path.suffix.lower() == _DARKNET:
        return _open_darknet(path)
    home = path.absolute().parent
    if folder is None and (is_kind(home.name) or canonical_split(home.name)):
        home = home.parent
    return YoloLayout(path, folder.absolute() if folder else home, RowFormat(_listed_names(path)))


def _open_yaml(path: Path) -> YoloLayout:
    try:
        document = read_data_yaml(path)
        names, key_points = _names(path, document.get("names")), _key_point_values(path, document)
        splits = tuple(split_names(document))
        entries = {name: split_entries(path, document, name) for name in splits}
        home = data_root(path, document).absolute()
    except SourceError as error:
        raise TruthError(str(error)) from error
    beside = {"train": [path.parent / "images"]}
    return YoloLayout(path, home, RowFormat(names, key_points), entries or beside, splits, document)


def _open_darknet(path: Path) -> YoloLayout:
    """Read darknet's `obj.data`: lines `key = value`."""
    try:
        lines = read_regular(path).decode("utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise TruthError(f"{printable(path)} cannot be read: {error}; save it as UTF-8") from error
    pairs = [line.split("=", 1) for line in lines if "=" in line and not line.lstrip().startswith("#")]
    values = {key.strip(): value.strip() for key, value in pairs}
    home = path.absolute().parent
    if not values.get("names"):
        raise TruthError(
            f"{printable(path)} is not darknet's list of files: expected a line `names = obj.names`, found none; add it"
        )
    names = _listed_names(_below(values["names"], home))
    splits = {canonical_split(key): value for key, value in values.items() if canonical_split(key) and value}
    entries = {str(split): [_below(value, home)] for split, value in splits.items()}
    return YoloLayout(path, home, RowFormat(names), entries, tuple(entries))


def _below(text: str, home: Path) -> Path:
    """Where a path is below the home, as it is or without its first folders; as it is where it is nowhere.

    A relative path stays below: `../../notes.txt` in somebody else's data set could be any file of the user.
    """
    leads_out = os.pardir in Path(text).parts and not os.path.isabs(text)
    return tail_below(text, home) or home / (Path(text).name if leads_out else text)


def _darknet_list(path: Path, home: Path) -> list[Path]:
    """The images of a list. Its paths are relative to where darknet was started, which may be above the data set."""
    try:
        lines = read_regular(path).decode("utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise SourceError(f"{printable(path)} cannot be read as a list of images: {error}; save it as UTF-8") from error
    return [_below(line.strip(), home) for line in lines if line.strip()]


def _listed_names(path: Path) -> dict[int, str]:
    """Class id to name, from a file with one name a line. Lines at the end that are empty name nothing."""
    try:
        lines = read_regular(path).decode("utf-8-sig").rstrip().splitlines()
    except (OSError, ValueError) as error:
        raise TruthError(f"{printable(path)} cannot be read as a list of classes: {error}; correct the file") from error
    found = {number: name.strip() for number, name in enumerate(lines)}
    if not found or not all(found.values()):
        raise TruthError(f"{printable(path)}: expected a class name in each line, found an empty line; name the class")
    return found


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


def _key_point_values(path: Path, document: Mapping[str, object]) -> int:
    """How many values of key points follow the box in a row."""
    shape = document.get("kpt_shape")
    if shape is None:
        return 0
    if not isinstance(shape, list) or len(shape) != 2 or not all(isinstance(n, int) and 0 < n < 10_000 for n in shape):
        raise TruthError(
            f"{printable(path)}: expected kpt_shape to be points and values a point, such as [17, 3], found "
            f"{_shown(shape)}; correct it"
        )
    return int(shape[0] * shape[1])


def _shown(value: object) -> str:
    """A value for a message; what is nested by its kind alone, since a few aliases can write out to gigabytes."""
    plain = value is None or isinstance(value, (str, int, float))
    return printable(repr(value)[:40]) if plain else f"a {type(value).__name__}"
