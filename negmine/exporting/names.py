"""Names of exported images: from the source's name and a hash, so that they are stable, unique, and plain ASCII."""

from __future__ import annotations

import re
from pathlib import Path

from negmine.bank.records import Negative, Variant

_SHORT = 10  # hex digits of a hash in a name: 40 bits
_LONGEST_STEM = 100  # file systems end at 255 bytes


def negative_name(negative: Negative) -> str:
    """`STEM-HASH`, without a suffix. Lists of VOC names are split at white space, so a stem holds none."""
    return f"{_plain(negative.source)}-{negative.sha256[:_SHORT]}"


def variant_name(negative: Negative, variant: Variant) -> str:
    """`STEM-HASH-OPERATION-HASH`, without a suffix."""
    return f"{negative_name(negative)}-{_plain(Path(variant.operation))}-{variant.sha256[:_SHORT]}"


def _plain(path: Path) -> str:
    """The stem with every run of other characters than ASCII letters, digits, `.`, `_`, `-` turned into one `_`."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "_", path.stem).strip("._-")[:_LONGEST_STEM]
    return stem or "image"
