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
_IMPORTED = "SELECT DISTINCT substr(hash, 8, 64) FROM truths WHERE hash LIKE 'import/%'"


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
        labelled_elsewhere: hashes of what labels were imported for, negatives that are gone by now among them.
    """

    negatives: Mapping[str, IndexedNegative]
    sources: Mapping[str, tuple[int, int]]
    paths: Mapping[str, frozenset[str]]
    cut_from: Mapping[str, tuple[int, ...]]
    labelled_elsewhere: frozenset[str]

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
        for sha256, number in bank.rows(_BY_SOURCE, {"sha256": SHA256, "negative_id": WHOLE}):
            cut_from[sha256].append(number)
        return cls(
            negatives,
            sources,
            {path: frozenset(found) for path, found in paths.items()},
            {sha256: tuple(dict.fromkeys(numbers)) for sha256, numbers in cut_from.items()},
            frozenset(scope for (scope,) in bank.rows(_IMPORTED, {"scope": TEXT})),
        )
