"""Names of exported images: the source's name and a hash, so that they are stable, unique and ASCII."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from negmine.bank.records import Negative, Variant
from negmine.videos.names import stem_of

_SHORT = 10  # hex digits of a hash in a name: 40 bits
_LONGEST_STEM = 100  # file systems end at 255 bytes


def negative_name(negative: Negative) -> str:
    """`STEM-HASH`, without a suffix. Lists of VOC names are split at white space, so a stem holds none."""
    return f"{_plain(negative.source)}-{negative.sha256[:_SHORT]}"


def variant_name(negative: Negative, variant: Variant) -> str:
    """`STEM-HASH-OPERATION-HASH`, without a suffix."""
    return f"{negative_name(negative)}-{_plain(Path(variant.operation))}-{variant.sha256[:_SHORT]}"


def data_names(images: Sequence[tuple[Path, str]], taken: Iterable[str]) -> list[str]:
    """Names for the images of a data set: `STEM`, or `STEM-HASH` for those whose stem another image has.

    Names that differ by case alone count as the same, since some file systems say so. Of files with the same name and
    the same bytes the second is `STEM-HASH-2` and so on.

    Args:
        images: path and sha256 of each, in a stable order.
        taken: names of other images.
    """
    stems = [_plain(path) for path, _ in images]
    used = {name.lower() for name in taken}
    count = Counter(stem.lower() for stem in stems)
    alone = [count[stem.lower()] == 1 and stem.lower() not in used for stem in stems]
    used |= {stem.lower() for stem, is_alone in zip(stems, alone, strict=True) if is_alone}
    names = []
    for stem, is_alone, (_, sha256) in zip(stems, alone, images, strict=True):
        name = stem if is_alone else _free(f"{stem}-{sha256[:_SHORT]}", used)
        used.add(name.lower())
        names.append(name)
    return names


def _free(name: str, used: set[str]) -> str:
    """The name, or with a number behind it."""
    free, number = name, 1
    while free.lower() in used:
        number += 1
        free = f"{name}-{number}"
    return free


def _plain(path: Path) -> str:
    """The stem with every run of other characters than ASCII letters, digits, `.`, `_`, `-` turned into one `_`."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "_", stem_of(path)).strip("._-")[:_LONGEST_STEM]
    return stem or "image"
