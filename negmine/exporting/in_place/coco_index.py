"""A COCO JSON: adding entries of images without annotations, and keeping every other byte."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from negmine.errors import ExportError
from negmine.exporting.in_place.insertion import Insertion
from negmine.labels.coco_writer import require_exact
from negmine.labels.plan import ExportImage
from negmine.paths import printable

_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)
_KEYS = frozenset({"id", "file_name", "width", "height"})


@dataclass(frozen=True, slots=True)
class CocoIndex:
    """A COCO JSON.

    Attributes:
        name: of the file, relative to the root of the data set.
        folder: what comes before the name of an image in its `file_name`.
    """

    name: str
    folder: str

    def insertion(
        self, data: bytes, images: Sequence[ExportImage], present: Insertion | None = None
    ) -> tuple[int, Insertion]:
        """Where entries go in the file, and these.

        Args:
            data: the file, without entries of ours.
            images: to be listed.
            present: our entries in the file as it is, whose images keep their ids: annotations are by these.

        Raises:
            ExportError: where ids are no whole numbers, or larger ones are none that readers tell apart.
        """
        at, is_empty = _end_of_images(data)
        ids = {name: int(json.loads(piece)["id"]) for name, piece in (present.pieces if present else {}).items()}
        following = max(_following_id(json.loads(data), self.name), max(ids.values(), default=0) + 1)
        new = [each.name for each in images if each.name not in ids]
        require_exact(following + len(new) - 1, printable(self.name))
        ids |= {name: following + number for number, name in enumerate(new)}
        pieces = {
            each.name: json.dumps(
                {
                    "id": ids[each.name],
                    "file_name": f"{self.folder}{each.name}{each.suffix}",
                    "width": each.size_wh[0],
                    "height": each.size_wh[1],
                }
            )
            for each in images
        }
        return at, Insertion(pieces, "" if is_empty else ", ", ", ")


def annotated(data: bytes, insertion: Insertion) -> set[str]:
    """The names of our images that somebody has annotated in a COCO JSON."""
    if not insertion.pieces:
        return set()
    try:
        document = json.loads(data)
        used = {str(each.get("image_id")) for each in document.get("annotations") or []}
    except (ValueError, AttributeError, RecursionError):
        return set()
    return {name for name, piece in insertion.pieces.items() if str(json.loads(piece)["id"]) in used}


def is_entry_of(piece: str, name: str) -> bool:
    """Whether a text is an entry as `CocoIndex` writes it, of an image of this name."""
    try:
        entry = json.loads(piece)
        is_numbered = isinstance(entry["id"], int) and not isinstance(entry["id"], bool)
        return (
            is_numbered
            and entry.keys() == _KEYS
            and str(entry["file_name"]).rpartition("/")[2].rpartition(".")[0] == name
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False


def _following_id(document: dict[str, list[dict[str, object]]], where: str) -> int:
    ids = [entry.get("id") for entry in document["images"]]
    whole = [number for number in ids if isinstance(number, int) and not isinstance(number, bool)]
    if len(whole) < len(ids):
        other = next(number for number in ids if number not in whole)
        raise ExportError(
            f"{printable(where)}: expected ids of images that are whole numbers, found {other!r}; merge with --merge, "
            "which numbers them"
        )
    return max(whole, default=0) + 1


def _end_of_images(data: bytes) -> tuple[int, bool]:
    """Where the list of images ends, before any spaces, and whether it is empty."""
    depth, key, start, end = 0, b"", None, None
    for token in _TOKEN.finditer(data):
        text = token.group()
        if text in (b"[", b"{"):
            depth += 1
            if text == b"[" and depth == 2 and key == b'"images"':
                start = token.end()
        elif text in (b"]", b"}"):
            depth -= 1
            if depth == 1 and start is not None and (end is None or end < start):
                end = token.start()
        elif depth == 1:
            key = text
    if start is None or end is None:
        raise ExportError("expected a list of images in the COCO file, found none; correct it")
    at = start + len(data[start:end].rstrip())
    return at, at == start
