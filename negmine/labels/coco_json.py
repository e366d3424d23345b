"""The lists in a COCO JSON and the ids by which their entries name each other; or what else the file is."""

from __future__ import annotations

import json
from collections.abc import Container, Mapping, Sequence
from pathlib import Path

from negmine.errors import TruthError
from negmine.files import read_regular
from negmine.paths import printable

Entry = Mapping[str, object]
Id = int | str

LARGEST = 4 << 30  # bytes of a file; that of LVIS has 1 GiB
KEYS = ("images", "annotations", "categories")

# Formats whose JSON is taken for COCO's, by the keys of the file, or of each thing that it lists.
_OTHERS: Sequence[tuple[str, frozenset[str]]] = (
    ("LabelMe", frozenset({"shapes", "imagePath"})),
    ("VIA (VGG Image Annotator)", frozenset({"_via_img_metadata"})),
    ("VIA (VGG Image Annotator)", frozenset({"filename", "regions"})),
    ("Label Studio", frozenset({"data", "annotations"})),
    ("Label Studio", frozenset({"data", "completions"})),
    ("CreateML", frozenset({"image", "annotations"})),
    ("Supervisely", frozenset({"objects", "size"})),
    ("Datumaro", frozenset({"items", "categories"})),
    ("V7 Darwin", frozenset({"item", "annotations"})),
    ("BDD100K", frozenset({"name", "labels"})),
    ("BDD100K", frozenset({"name", "frames"})),
)
_EXPECTED = "expected lists named images, annotations and categories"


def load_lists(path: Path) -> dict[str, list[Entry]]:
    """The three lists of a COCO file.

    Raises:
        TruthError: where it is not JSON, or not COCO; the message says what it is instead.
    """
    where = printable(path)
    try:
        document = json.loads(read_regular(path, most=LARGEST))
    except (OSError, ValueError, RecursionError) as error:
        raise TruthError(f"{where} cannot be read as JSON: {printable(str(error))}; correct the file") from error
    if not isinstance(document, dict) or not document.keys() >= set(KEYS):
        raise TruthError(f"{where} is not a COCO file of labels: {_instead(document)}")
    for key in KEYS:
        if not isinstance(document[key], list):
            raise TruthError(f"{where} is not a COCO file: expected a list named {key}, found {shown(document[key])}")
        for index, entry in enumerate(document[key]):
            if not isinstance(entry, dict):
                raise TruthError(f"{where} is not a COCO file: {key}[{index}] is {shown(entry)}, expected an object")
    return {key: document[key] for key in KEYS}


def by_id(entries: Sequence[Entry], where: str) -> dict[Id, Entry]:
    """Entries by their ids.

    Raises:
        TruthError: where one has none, or that of another.
    """
    found: dict[Id, Entry] = {}
    for index, entry in enumerate(entries):
        number = as_id(given := entry.get("id"))
        if number is None:
            raise TruthError(
                f"{where}[{index}] has no id: expected a whole number or text, found {shown(given)}; give it its own"
            )
        if number in found:
            raise TruthError(f"{where}[{index}] has id {shown(given)}, which another has; give it one of its own")
        found[number] = entry
    return found


def as_id(value: object) -> Id | None:
    """An id as a key: 1.0 is 1, as in pycocotools. What is not an id (a list, a fraction, a truth value) is None."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, (int, str)) and not isinstance(value, bool) else None


def other_kind(value: object, ids: Container[object]) -> tuple[str, str] | None:
    """What an id and the others are, where it is not among them only since one is text and the others are numbers.

    Returns:
        Such as `text` and `numbers`; None where it is not among them either way.
    """
    number = as_id(value)
    if isinstance(number, str):
        return ("text", "numbers") if _number_in(number) in ids else None
    return ("a number", "texts") if number is not None and str(number) in ids else None


def shown(value: object) -> str:
    """A value as it is in the file, for a message: one line, not too long."""
    return printable(json.dumps(value, ensure_ascii=False)[:80])


def _number_in(text: str) -> int | None:
    try:
        return int(float(text))
    except (ValueError, OverflowError):
        return None


def _instead(document: object) -> str:
    """What a document is that is not COCO, and what to do."""
    if isinstance(document, list):
        first = document[0] if document and isinstance(document[0], dict) else {}
        if "image_id" in first:
            return (
                f"it is a list of {len(document)} results, as detectors write them; give results with --predictions, "
                "and name the file of labels here"
            )
        return _other_format(first) or f"{_EXPECTED}, found a list; name another"
    if not isinstance(document, dict):
        return f"{_EXPECTED}, found {shown(document)}; name another"
    entries = [value for value in document.values() if isinstance(value, dict)]  # VIA has one for each image
    return _other_format(document) or _other_format(entries[0] if entries else {}) or _lacking(document)


def _lacking(document: Entry) -> str:
    """Which lists are not there."""
    found = ", ".join(printable(key)[:40] for key in list(document)[:6]) or "none"
    missing = " or ".join(key for key in KEYS if key not in document)
    advice = "name another"
    if "images" in document and "annotations" not in document:
        advice = "image information alone says nothing about objects, name the file that has the annotations"
    return f"{_EXPECTED}, found the keys {found}, and no {missing}; {advice}"


def _other_format(keys: Entry) -> str:
    """That a document is of another format, "" where it is of none that is known."""
    name = next((name for name, marks in _OTHERS if keys.keys() >= marks), None)
    return f"it is a file of {name}, which negmine does not read; export it as COCO, Pascal VOC or YOLO" if name else ""
