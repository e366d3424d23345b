"""Which image of the bank an entry is about: by its hash, by the bytes of the image beside the file, or by its path."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from negmine.bank.image_index import ImageIndex
from negmine.errors import LabelError
from negmine.files import read_regular, sha256_of
from negmine.importing.entry import Entry
from negmine.inside import inside, is_below
from negmine.labels.base import Claim
from negmine.paths import printable

_WHOLE = 64  # digits of a hash
_PREFIX = re.compile(r"[0-9a-f]{4,64}")
_NAMED = re.compile(r"(?:^|-)([0-9a-f]{64}|(?<=-)[0-9a-f]{10})$")  # of a file of the bank, or of an export
_UPLOADS = "/data/upload/"
_UPLOADED = re.compile(r"^[0-9a-f]{8}-(?=.)")  # what Label Studio puts before the name of an upload
_LARGEST = 1 << 30  # bytes of an image
_UNKNOWN = "no image of the bank has this {}"
_SEVERAL = "several images of the bank have this {}"


@dataclass(frozen=True, slots=True)
class Match:
    """An image of the bank: its hash, and whether it is a negative or a source."""

    sha256: str
    is_negative: bool


class ImageMatcher:
    """Finds the image that an entry is about.

    Args:
        index: of the bank.
        home: the folder of the file; images that it names relative to that are compared by their bytes.
    """

    def __init__(self, index: ImageIndex, home: Path) -> None:
        self._index, self._home = index, home
        gone = index.labelled_elsewhere.keys() - index.negatives.keys() - index.sources.keys()
        self._hashes = ((sorted(index.negatives), True), (sorted(index.sources), False), (sorted(gone), True))
        self._by_stem: dict[str, list[tuple[Claim, frozenset[str]]]] = defaultdict(list)
        for path, contents in index.paths.items():
            claim = Claim.of(path)
            self._by_stem[claim.stem].append((claim, contents))

    def find(self, entry: Entry) -> Match | str:
        """The image; or why there is none.

        Raises:
            LabelError: where the entry cannot be used, or its hash and its name do not agree. Beside a whole hash, the
                bank need not know the name.
        """
        if entry.problem is not None:
            raise LabelError(entry.problem)
        if entry.sha256 is None:
            return "it names no image and no hash" if entry.name is None else self._by_name(entry.name)
        by_hash = self._by_hash(entry.sha256)
        if entry.name is None:
            return by_hash
        by_name = self._by_name(entry.name)
        if isinstance(by_hash, str) and isinstance(by_name, str):
            return by_hash
        is_whole = isinstance(by_hash, Match) and len(entry.sha256) == _WHOLE
        if not (is_whole if isinstance(by_name, str) else self._agree(by_hash, by_name)):
            raise LabelError(
                f"its hash {printable(entry.sha256)[:10]} and its name do not lead to the same image of the bank; "
                "correct one or remove it"
            )
        return by_hash

    def _agree(self, by_hash: Match | str, by_name: Match) -> bool:
        """Whether they are one image, or a negative and the image that it was cut from."""
        if isinstance(by_hash, str) or by_hash.sha256 == by_name.sha256:
            return isinstance(by_hash, Match)
        negative = self._index.negatives.get(by_hash.sha256)
        return negative is not None and negative.id in self._index.cut_from.get(by_name.sha256, ())

    def _by_hash(self, text: str) -> Match | str:
        prefix = text.lower()
        if not _PREFIX.fullmatch(prefix):
            return f"expected four or more hex digits of a hash, found {printable(text)[:40]!r}"
        for hashes, is_negative in self._hashes:
            found = _beginning_with(hashes, prefix)
            if len(found) > 1:
                return _SEVERAL.format("hash")
            if found:
                return Match(found[0], is_negative)
        return _UNKNOWN.format("hash")

    def _by_name(self, name: str) -> Match | str:
        try:
            claim = Claim.of(name)
        except ValueError:  # no valid URL
            return _UNKNOWN.format("name")
        stated = _NAMED.search(claim.stem)
        if stated and isinstance(found := self._by_hash(stated[1]), Match):
            return found
        beside = self._beside(name)
        if beside is not None:
            known = self._of_content(beside)
            return known or "the image beside the file is none that the bank knows"
        exact = self._index.paths.get(name)
        if exact is not None and len(exact) == 1:
            return Match(next(iter(exact)), is_negative=False)
        if name.startswith(_UPLOADS):  # its folders are those of Label Studio
            claim = Claim((), _UPLOADED.sub("", claim.stem), claim.suffix)
        return self._by_claim(claim)

    def _of_content(self, sha256: str) -> Match | None:
        found = self._by_hash(sha256)
        return found if isinstance(found, Match) else None

    def _beside(self, name: str) -> str | None:
        """The hash of the image that a relative name leads to, from the folder of the file."""
        if not is_below(name):
            return None
        for folder in (self._home, self._home / "images"):
            try:
                return sha256_of(read_regular(inside(folder, name), most=_LARGEST, follow=False))
            except (OSError, ValueError):
                continue
        return None

    def _by_claim(self, claim: Claim) -> Match | str:
        """The one image of this name; of several, the one that shares most of the folders before it."""
        named = [each for each in self._by_stem.get(claim.stem, ()) if claim.suffix in ("", each[0].suffix)]
        if not named:
            return _UNKNOWN.format("name")
        shared = [_shared(claim.folders, other.folders) for other, _ in named]
        if claim.folders and not any(shared):
            return "the image of this name is in another folder; put the images beside the file, to compare their bytes"
        best: set[str] = set()
        for number, (_, contents) in zip(shared, named, strict=True):
            best |= contents if number == max(shared) else frozenset()
        return Match(best.pop(), is_negative=False) if len(best) == 1 else _SEVERAL.format("name")


def _beginning_with(hashes: Sequence[str], prefix: str) -> Sequence[str]:
    first = bisect_left(hashes, prefix)
    return [each for each in hashes[first : first + 2] if each.startswith(prefix)]


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    """How many folders at the end are the same."""
    count = 0
    for a, b in zip(reversed(one), reversed(other), strict=False):
        if a != b:
            break
        count += 1
    return count
