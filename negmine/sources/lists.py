"""Lists of images: text files with one path a line."""

from __future__ import annotations

import os
from pathlib import Path

from negmine.errors import SourceError
from negmine.paths import printable

_BLANKS = " \t\r"


def images_listed(path: Path) -> list[Path]:
    """The paths of a list; they need not exist.

    As in Ultralytics, `./` is the list's folder, and there are no comments. Another relative name is looked for in the
    list's folder first, then in the working folder.

    Raises:
        SourceError: where the list cannot be read, is no text, or is empty.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"source {printable(path)} cannot be read: {error.strerror}") from error
    if b"\0" in data:
        raise SourceError(f"source {printable(path)} is no list of paths in UTF-8 (it has NUL bytes); save it as UTF-8")
    lines = os.fsdecode(data.removeprefix(b"\xef\xbb\xbf")).split("\n")  # splitlines() would cut names apart
    names = [line.rstrip("\r") for line in lines if line.strip(_BLANKS)]
    if not names:
        raise SourceError(f"source {printable(path)} is an empty list; write one image path a line")
    return [_located(name, path.parent) for name in names]


def _located(name: str, folder: Path) -> Path:
    """Where a line's path is; as written, or, where there is nothing, without the blanks around it."""
    bare = name.strip(_BLANKS)
    places = [folder / name, folder / bare]  # an absolute name stays what it is
    if not bare.startswith("./"):
        places += [Path(name), Path(bare)]
    return next((place for place in places if os.path.exists(place)), folder / bare)
