"""The files of the bank that a scan stores into: negatives are not mined from its negatives, but from its frames."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from negmine.bank.content_files import FRAMES, NEGATIVES, VARIANTS, content_name
from negmine.bank.shots import shots_of
from negmine.images import read_image
from negmine.paths import real_path
from negmine.sources.base import SourceItem
from negmine.structures import FileStamp


@dataclass(frozen=True, slots=True)
class KeptFrame:
    """A frame of a camera that the bank keeps.

    Attributes:
        key: the name of its file, relative to the bank: that under which the bank files it.
        path: where the file is.
    """

    key: str
    path: Path

    def stamp(self) -> FileStamp:
        """See `SourceItem.stamp`."""
        stat = self.path.stat()
        return FileStamp(stat.st_size, stat.st_mtime_ns)

    def read(self) -> bytes:
        """The bytes of the file; see `SourceItem.read`."""
        return read_image(self.path)


class OwnFiles:
    """Tells the files of a bank from all others.

    Args:
        bank: its folder, which need not be there yet.
    """

    def __init__(self, bank: Path) -> None:
        self._bank = bank
        self._homes = {kind: real_path(bank / kind) for kind in (NEGATIVES, VARIANTS, FRAMES)}
        self._kinds: dict[str, str | None] = {}  # by folder: a million images may lie in a few

    @cached_property
    def _shots(self) -> frozenset[str]:
        return frozenset(shots_of([], self._bank))

    def source(self, item: SourceItem) -> SourceItem | None:
        """What an item is to a scan into the bank: itself, a frame that the bank keeps, or None for its other files."""
        folder, name = os.path.split(item.key)
        kind = self._kind(folder)
        if kind is None:
            return item
        stem = name.partition(".")[0]
        is_kept = kind == FRAMES and stem in self._shots
        return KeptFrame(content_name(FRAMES, stem), item.path) if is_kept else None

    def _kind(self, folder: str) -> str | None:
        if folder not in self._kinds:
            real = real_path(folder)
            self._kinds[folder] = next((kind for kind, home in self._homes.items() if real.is_relative_to(home)), None)
        return self._kinds[folder]
