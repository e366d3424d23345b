"""The port behind which every kind of image source is: files and frames of videos today, whatever else as it comes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from negmine.images import read_image
from negmine.structures import FileStamp
from negmine.videos.video import Frame


class SourceItem(Protocol):
    """One image that can be scanned. It is cheap: nothing is read before it is asked for."""

    @property
    def key(self) -> str:
        """The name under which the bank files it: the same in every scan, and no other item has it."""
        ...

    @property
    def path(self) -> Path:
        """Where it is: a file, or a path of its own below one. Labels and predictions are looked up by this path."""
        ...

    def stamp(self) -> FileStamp:
        """What stays the same while the image does. A scan asks for it in place of reading the image again.

        Raises:
            OSError: where it cannot be told.
            ValueError: where the path is impossible.
        """
        ...

    def read(self) -> bytes | Frame:
        """The encoded image, in any format that `negmine.images` decodes; or a frame, whose pixels are asked for later.

        Raises:
            ImageError: where it is too large to be read.
            OSError: where it cannot be read.
            ValueError: where the path is impossible.
        """
        ...


@runtime_checkable
class Source(Protocol):
    """What can be scanned."""

    def items(self) -> Sequence[SourceItem]:
        """Its images, in an order that is the same in every scan.

        Raises:
            SourceError: where there are none, or they cannot be listed.
        """
        ...


@dataclass(frozen=True, slots=True)
class ImageFile:
    """An image file.

    Attributes:
        key: its absolute path, as text: a million of them take a fifth of the memory of `Path`.
    """

    key: str

    @property
    def path(self) -> Path:
        """The same as a path, made anew each time."""
        return Path(self.key)

    def stamp(self) -> FileStamp:
        """Size and time of change; see `SourceItem.stamp`."""
        stat = os.stat(self.key)
        return FileStamp(stat.st_size, stat.st_mtime_ns)

    def read(self) -> bytes:
        """The bytes of the file; see `SourceItem.read`."""
        return read_image(self.path)
