"""The lists of a COCO JSON, checked so far that every annotation belongs to one image."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from negmine.errors import TruthError
from negmine.paths import printable

Entry = Mapping[str, object]

_KEYS = ("images", "annotations", "categories")


@dataclass(frozen=True, slots=True)
class CocoDocument:
    """A COCO file.

    Attributes:
        images: id to entry.
        annotations: entries; each names an image of `images`. Their own ids may repeat: nothing is looked up by them.
        names: category id to name.
    """

    images: Mapping[object, Entry]
    annotations: Sequence[Entry]
    names: Mapping[object, str]

    @classmethod
    def read(cls, path: Path) -> CocoDocument:
        """Read the file.

        Raises:
            TruthError: where it is no JSON, not COCO, gives an id twice, or has annotations of unlisted images.
        """
        where, lists = printable(path), _load(path)
        images = _by_id(lists["images"], f"{where}: images")
        unlisted = [number for a in lists["annotations"] if (number := as_id(a.get("image_id"))) not in images]
        if unlisted:
            raise TruthError(
                f"{where}: {len(unlisted)} annotations are of images that the file does not list, such as image "
                f"{printable(repr(unlisted[0])[:80])}; list the images, or remove the annotations"
            )
        names = {
            number: entry.get("name") for number, entry in _by_id(lists["categories"], f"{where}: categories").items()
        }
        nameless = [number for number, name in names.items() if not isinstance(name, str) or not name]
        if nameless:
            raise TruthError(f"{where}: category {printable(repr(nameless[0])[:80])} has no name; name it")
        return cls(images, lists["annotations"], {number: str(name) for number, name in names.items()})


def as_id(number: object) -> object:
    """An id as a key; what is no id (a list, a fraction, a truth value) becomes None."""
    return number if isinstance(number, (int, str)) and not isinstance(number, bool) else None


def _by_id(entries: Sequence[Entry], where: str) -> dict[object, Entry]:
    found: dict[object, Entry] = {}
    for index, entry in enumerate(entries):
        number = as_id(entry.get("id"))
        if number is None or number in found:
            problem = "has no id" if number is None else f"has id {printable(repr(number)[:80])}, which another has"
            raise TruthError(f"{where}[{index}] {problem}; expected each to have an id of its own, give it one")
        found[number] = entry
    return found


def _load(path: Path) -> dict[str, list[Entry]]:
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise TruthError(f"{printable(path)} cannot be read as JSON: {error}; correct the file") from error
    lists = [document.get(key) for key in _KEYS] if isinstance(document, dict) else []
    if not lists or not all(isinstance(each, list) and all(isinstance(e, dict) for e in each) for each in lists):
        raise TruthError(f"{printable(path)} is no COCO file: expected lists named {', '.join(_KEYS)}; name another")
    return {key: document[key] for key in _KEYS}
