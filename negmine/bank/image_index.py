"""Every image that a bank knows, by hash and by path: what labels and verdicts from elsewhere may be about."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from negmine.bank.bank import Bank
from negmine.bank.cells import KEY, SHA256, SIDE, TEXT, WHOLE

_SOURCES = "SELECT sha256, width, height FROM sources"
_PATHS = """
SELECT key, sha256 FROM sources
UNION SELECT i.key, s.sha256 FROM items i JOIN sources s ON s.id = i.source_id
"""
_NEGATIVES = "SELECT sha256, id, width, height FROM negatives"
_BY_SOURCE = """
SELECT s.sha256, c.negative_id FROM crops c JOIN sources s ON s.id = c.source_id ORDER BY s.sha256, c.negative_id
"""
_IMPORTED = """
SELECT substr(t.hash, 8, 64), count(o.id) FROM truths t LEFT JOIN objects o ON o.truth_id = t.id
WHERE t.hash LIKE 'import/%' GROUP BY t.id ORDER BY t.id
"""


@dataclass(frozen=True, slots=True)
class IndexedNegative:
    """A negative: its number, and the size of its image in pixels."""

    id: int
    size_wh: tuple[int, int]


@dataclass(frozen=True, slots=True)
class ImageIndex:
    """The images of a bank.

    Attributes:
        negatives: by their hashes.
        sources: the size of each source image, upright, in pixels, by its hash.
        paths: the hashes of the contents that were found at each path.
        cut_from: the numbers of the negatives that were cut from a source, by its hash.
        labelled_elsewhere: how many objects were imported in each source of an image, by the hash of the image that was
            labelled; negatives that are gone by now are among these.
    """

    negatives: Mapping[str, IndexedNegative]
    sources: Mapping[str, tuple[int, int]]
    paths: Mapping[str, frozenset[str]]
    cut_from: Mapping[str, tuple[int, ...]]
    labelled_elsewhere: Mapping[str, tuple[int, ...]]

    @classmethod
    def read(cls, bank: Bank) -> ImageIndex:
        """Read all of them."""
        sizes = {"width": SIDE, "height": SIDE}
        negatives = {
            sha256: IndexedNegative(number, (width, height))
            for sha256, number, width, height in bank.rows(_NEGATIVES, {"sha256": SHA256, "id": WHOLE, **sizes})
        }
        sources = {
            sha256: (width, height) for sha256, width, height in bank.rows(_SOURCES, {"sha256": SHA256, **sizes})
        }
        paths, cut_from = defaultdict[str, set[str]](set), defaultdict[str, list[int]](list)
        for key, sha256 in bank.rows(_PATHS, {"key": KEY, "sha256": SHA256}):
            paths[os.fsdecode(key)].add(sha256)
        labelled = defaultdict[str, list[int]](list)
        for scope, objects in bank.rows(_IMPORTED, {"scope": TEXT, "objects": WHOLE}):
            labelled[scope].append(objects)
        for sha256, number in bank.rows(_BY_SOURCE, {"sha256": SHA256, "negative_id": WHOLE}):
            cut_from[sha256].append(number)
        return cls(
            negatives,
            sources,
            {path: frozenset(found) for path, found in paths.items()},
            {sha256: tuple(dict.fromkeys(numbers)) for sha256, numbers in cut_from.items()},
            {scope: tuple(objects) for scope, objects in labelled.items()},
        )
