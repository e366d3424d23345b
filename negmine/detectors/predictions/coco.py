"""COCO results: a JSON list of image_id, category_id, bbox and score; https://cocodataset.org/#format-results."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from negmine.detectors.class_names import read_class_names
from negmine.detectors.predictions.base import (
    Predictions,
    check_row,
    hash_files,
    is_number,
    kind_of,
    parse_json,
    read_file,
    short,
)
from negmine.detectors.predictions.names import ImageName, image_name, shown
from negmine.detectors.predictions.numbering import numbered, renumbered
from negmine.errors import PredictionsError
from negmine.paths import printable

_Row = tuple[float, float, float, float, float, int]


@dataclass(frozen=True, slots=True)
class _Known:
    """What ids stand for: of images, where a COCO file lists them, and of categories (to class id)."""

    images: Mapping[object, ImageName]
    listed: frozenset[ImageName] | None
    categories: Mapping[object, int]
    class_names: Mapping[int, str]
    names_in: str
    notes: tuple[str, ...] = ()


def read_coco(
    path: Path,
    data: bytes,
    document: object,
    *,
    images: Path | None,
    class_names: Path | None,
    base: Literal[0, 1] | None,
) -> Predictions:
    """Read results.

    With `images`, an id means what that COCO file says. Without, `image_id` is a file name or its stem, as Ultralytics
    writes it (a number where the stem is one), unless the result has a `file_name`; `numbering.py` says what its
    categories mean.

    Args:
        path: the results.
        data: their bytes.
        document: what is in them.
        images: a COCO file with images and categories.
        class_names: of the categories; needed where `images` does not say.
        base: the number of the first category in the results; None where `images` or the numbers tell.

    Raises:
        PredictionsError: where a file is not such JSON, or names an image or category that is not listed.
        ConfigError: where the file of class names cannot be read.
    """
    files = [("predictions", data)]
    if not isinstance(document, list):
        raise PredictionsError(f"{printable(path)}: expected a list of COCO results, found {kind_of(document)}")
    if images is not None:
        files.append(("images", read_file(images)))
    if class_names is not None:
        files.append(("names", read_file(class_names)))
    known = _known(images, files[1][1] if images is not None else b"", class_names, path, document, base)
    rows: dict[ImageName, list[_Row]] = defaultdict(list)
    for index, entry in enumerate(document):
        name, row = _result(entry, known, f"{printable(path)}[{index}]")
        rows[name].append(row)
    return Predictions(
        class_names=known.class_names,
        rows={name: np.array(found, dtype=np.float64) for name, found in rows.items()},
        shares=False,
        listed=known.listed,
        sha256=hash_files(files),
        notes=known.notes,
    )


def _known(
    images: Path | None,
    data: bytes,
    class_names: Path | None,
    path: Path,
    document: Sequence[object],
    base: Literal[0, 1] | None,
) -> _Known:
    if images is None and class_names is None:
        raise PredictionsError(
            f"{printable(path)} does not say what its categories are called; give the COCO file of the images with "
            "--predictions-images, or the names with --class-names"
        )
    found, categories = ({}, {}) if images is None else _read_images(images, parse_json(images, data))
    listed = None if images is None else frozenset(found.values())
    if class_names is not None and categories:
        raise PredictionsError(f"{printable(images or path)} names the categories; leave --class-names out")
    if class_names is not None:
        names = read_class_names(class_names)
        places = numbered(names, _numbers(document), printable(path), printable(class_names), base)
        return _Known(found, listed, places, names, f"the classes of {printable(class_names)}")
    if not categories or images is None:
        raise PredictionsError(f"{printable(images or path)} lists no categories; give --class-names")
    ids: Mapping[object, int] = {number: index for index, number in enumerate(categories)}
    places = renumbered(ids, _numbers(document), base)
    note = f"{printable(path)} counts its categories from {_start(places)}, and {printable(images)} from {_start(ids)}"
    names_in = f"the categories of {printable(images)}"
    return _Known(
        found, listed, places, dict(enumerate(categories.values())), names_in, () if places == ids else (note,)
    )


def _start(numbers: Mapping[object, int]) -> object:
    return next(iter(numbers), None)


def _numbers(document: Sequence[object]) -> set[object]:
    """The category ids of all results."""
    numbers: set[object] = {_id(entry.get("category_id")) for entry in document if isinstance(entry, dict)}
    return numbers - {None}


def _read_images(path: Path, document: object) -> tuple[dict[object, ImageName], dict[object, str]]:
    """Image id to name, category id to name."""
    where = printable(path)
    lists = [document.get(key) for key in ("images", "categories")] if isinstance(document, dict) else []
    if not lists or not isinstance(lists[0], list) or not isinstance(lists[1] or [], list):
        raise PredictionsError(f"{where} is no COCO file: expected lists named images and categories")
    images = {number: image_name(name) for number, name in _by_id(lists[0], "file_name", f"{where}: images").items()}
    if len(set(images.values())) < len(images):
        twice = next(name for name, count in Counter(images.values()).items() if count > 1)
        raise PredictionsError(f"{where} lists the image {shown(twice)} twice; list it once")
    return images, _by_id(lists[1] or [], "name", f"{where}: categories")


def _by_id(entries: list[object], key: str, where: str) -> dict[object, str]:
    found: dict[object, str] = {}
    for index, entry in enumerate(entries):
        number, text = (_id(entry.get("id")), entry.get(key)) if isinstance(entry, dict) else (None, None)
        if number is None or not isinstance(text, str) or not text:
            raise PredictionsError(f"{where}[{index}]: expected an id and a {key}; correct it")
        if number in found:
            raise PredictionsError(f"{where}[{index}] has the id {number!r}, which another has; give it one of its own")
        found[number] = text
    return found


def _result(entry: object, known: _Known, where: str) -> tuple[ImageName, _Row]:
    if not isinstance(entry, dict):
        raise PredictionsError(f"{where}: expected image_id, category_id, bbox and score, found {kind_of(entry)}")
    box, score = entry.get("bbox"), entry.get("score")
    if not (isinstance(box, list) and len(box) == 4 and all(map(is_number, box))):
        raise PredictionsError(f"{where}: expected bbox to be [x, y, width, height], found {short(box)}; correct it")
    if not is_number(score):
        raise PredictionsError(f"{where}: expected a score, found {short(score)}; labels are not predictions")
    x, y, width, height = map(float, box)
    check_row((x, y, width, height), float(score), where)
    category = _id(entry.get("category_id"))
    if category not in known.categories:
        raise PredictionsError(
            f"{where}: category {short(entry.get('category_id'))} is not among {known.names_in}; name it there"
        )
    name = _image(entry, known, where)
    return name, (x, y, x + width, y + height, float(score), known.categories[category])


def _image(entry: Mapping[str, object], known: _Known, where: str) -> ImageName:
    number, text = _id(entry.get("image_id")), entry.get("file_name")
    if number in known.images:
        return known.images[number]
    name: ImageName | None = number if isinstance(number, int) else image_name(number) if number else None
    if isinstance(text, str) and text:
        name = image_name(text)
    if name is None:
        raise PredictionsError(f"{where}: expected an image_id, found {short(entry.get('image_id'))}; correct it")
    if known.listed is not None and name not in known.listed:
        raise PredictionsError(f"{where}: image {short(entry.get('image_id'))} is not among those of the COCO file")
    return name


def _id(number: object) -> int | str | None:
    """None for anything that is not an id: a list, a fraction, a boolean."""
    return number if isinstance(number, (int, str)) and not isinstance(number, bool) else None
