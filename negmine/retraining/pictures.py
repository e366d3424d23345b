"""A labelled image that was read, and naming many files in one line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from negmine.paths import printable
from negmine.structures import GroundTruth

_SHOWN = 5  # names in a message


@dataclass(frozen=True, slots=True, eq=False)
class LabelledPicture:
    """An image whose label was read.

    Attributes:
        path: of its file.
        sha256: of its bytes.
        phash: what it shows.
        size_wh: pixels, upright.
        truth: its objects; none where it is known to be empty.
    """

    path: Path
    sha256: str
    phash: int
    size_wh: tuple[int, int]
    truth: GroundTruth

    @property
    def is_positive(self) -> bool:
        """Whether it has an object."""
        return len(self.truth) > 0


def named(what: Mapping[Path, str] | Iterable[Path]) -> str:
    """The first few of many paths, each with its reason where there is one."""
    reasons = what if isinstance(what, Mapping) else dict.fromkeys(what, "")
    first = list(reasons.items())[:_SHOWN]
    shown = ", ".join(printable(path) + (f" ({printable(reason)})" if reason else "") for path, reason in first)
    return shown + (f" and {len(reasons) - _SHOWN} more" if len(reasons) > _SHOWN else "")
