"""Text that is put into a file of somebody else, in one piece, and taken out of it again to the byte.

So a list of images or a COCO JSON keeps everything that was in it, its order, its spaces and its line ends, and what
its owner adds before or behind the text stays where it is.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

_WORD = re.compile(rb"[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Insertion:
    """Text for one file.

    Attributes:
        pieces: the line or entry of each image, by the image's name without suffix.
        lead: before the first piece.
        between: two pieces.
        tail: behind the last.
    """

    pieces: Mapping[str, str]
    lead: str = ""
    between: str = ""
    tail: str = ""

    @property
    def data(self) -> bytes:
        """The text; nothing where there are no pieces."""
        text = f"{self.lead}{self.between.join(self.pieces.values())}{self.tail}" if self.pieces else ""
        return text.encode("utf-8", "surrogateescape")

    def only(self, names: Collection[str]) -> Insertion:
        """With the pieces of these images alone."""
        return replace(self, pieces={name: piece for name, piece in self.pieces.items() if name in names})

    def find(self, data: bytes) -> int | None:
        """Where the text begins in a file; None where it is not there just once, as it was written."""
        own = self.data
        return data.index(own) if own and data.count(own) == 1 else None

    def exchange(self, data: bytes, other: bytes) -> bytes:
        """The file with other text in place of this, which is there."""
        at = data.index(self.data)
        return data[:at] + other + data[at + len(self.data) :]

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        return {"pieces": dict(self.pieces), "lead": self.lead, "between": self.between, "tail": self.tail}


def names_in(data: bytes, names: Collection[str]) -> set[str]:
    """Those of the names, without suffix, that are in a file as words of their own."""
    words = {word.decode("ascii") for word in set(_WORD.findall(data))}
    return {name for word in words for name in (word, word.rpartition(".")[0]) if name in names}
