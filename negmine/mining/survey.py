"""The survey ahead of a scan: which images are unchanged, told for a thousand at a time.

The list is cut into chunks by place alone, so that the same images are in one chunk however much of it is done.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from negmine.bank.catalogue import Catalogue
from negmine.bank.records import KnownFile
from negmine.mining.reading import Reader
from negmine.structures import ImageRef

_BLOCK = 1024  # images that are looked up together, at least
_SLICE = 128  # images that one thread looks at


@dataclass(frozen=True, slots=True)
class Piece:
    """A chunk, or several in a row of which nothing is new.

    Attributes:
        refs: the images.
        known: what the bank knew of each when it was asked.
        same: whether the bank had all of it then, and the file is still the same.
        version: of the bank's labels at that time.
    """

    refs: Sequence[ImageRef]
    known: Sequence[KnownFile | None]
    same: Sequence[bool]
    version: int

    @property
    def passed(self) -> bool:
        """Whether nothing in it is new."""
        return all(self.same)


class Survey:
    """Looks at files and asks the bank about them, one block ahead of whoever takes the pieces.

    Args:
        bank: open for writing; asked by the caller's thread alone.
        run_id: the run whose results count.
        reader: looks at files and labels.
        pool: threads to look with.
        size: images of a chunk.
    """

    def __init__(self, bank: Catalogue, run_id: int, reader: Reader, pool: ThreadPoolExecutor, *, size: int) -> None:
        self._bank = bank
        self._run_id = run_id
        self._reader = reader
        self._pool = pool
        self._size = size
        self._version = 0

    def expire(self) -> None:
        """Say that labels changed: what was looked up before may be outdated."""
        self._version += 1

    def is_current(self, piece: Piece) -> bool:
        """Whether no labels changed since the bank was asked about a piece."""
        return piece.version == self._version

    def pieces(self, refs: Sequence[ImageRef]) -> Iterator[Piece]:
        """All of `refs` in their order."""
        block = -(-_BLOCK // self._size) * self._size
        ahead = self._begin(refs[:block])
        for start in range(block, len(refs) + block, block):
            here, ahead = ahead, self._begin(refs[start : start + block])
            yield from self._cut(*here)

    def again(self, piece: Piece) -> list[Piece]:
        """A piece, looked at again now."""
        return list(self._cut(*self._begin(piece.refs)))

    def _begin(
        self, refs: Sequence[ImageRef]
    ) -> tuple[Sequence[ImageRef], list[KnownFile | None], list[Future[list[bool]]], int]:
        known = self._bank.known_files(self._run_id, [ref.path for ref in refs])
        slices = [known[start : start + _SLICE] for start in range(0, len(known), _SLICE)]
        return refs, known, [self._pool.submit(self._reader.unchanged, each) for each in slices], self._version

    def _cut(
        self,
        refs: Sequence[ImageRef],
        known: Sequence[KnownFile | None],
        looks: Sequence[Future[list[bool]]],
        version: int,
    ) -> Iterator[Piece]:
        same = [each for look in looks for each in look.result()]
        begun, size = 0, self._size
        for start in range(0, len(refs), size):
            if not all(same[start : start + size]):
                for low, high in ((begun, start), (start, start + size)):
                    if low < high:
                        yield Piece(refs[low:high], known[low:high], same[low:high], version)
                begun = start + size
        if begun < len(refs):
            yield Piece(refs[begun:], known[begun:], same[begun:], version)
