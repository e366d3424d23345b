"""What models are called side by side: as short as tells them apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from negmine.paths import printable


def distinct_names(paths: Sequence[Path]) -> list[str]:
    """File names; for those that several have, as many folders before them as it takes; then a number.

    So `a/weights/best.pt` and `b/weights/best.pt` stay what they are, and `x.pt` given twice is `x.pt` and `x.pt (2)`.
    """
    short = {path: _tail(path, 1) for path in paths}
    for parts in range(2, max((len(path.parts) for path in paths), default=0) + 1):
        count = Counter(short.values())
        short = {path: name if count[name] == 1 else _tail(path, parts) for path, name in short.items()}
    met: Counter[str] = Counter()
    numbered = []
    for name in (short[path] for path in paths):
        met[name] += 1
        numbered.append(name if met[name] == 1 else f"{name} ({met[name]})")
    return numbered


def _tail(path: Path, parts: int) -> str:
    return printable(Path(*path.parts[-parts:]))
